"""The engine that a URL names, and what goes with it."""

import asyncio
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    StoreError,
    StoreUnavailableError,
    UnsupportedError,
)
from hardpoint.runtime.blocking import run
from hardpoint.store.driver import Completed
from hardpoint.store.engine import Role, StoreEngine
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.opening import engine, vault_database


def test_a_url_that_names_no_engine_is_refused():
    with pytest.raises(ConfigurationError, match="redis is not a store we know"):
        engine("redis://localhost")


@pytest.mark.parametrize("url", ["postgres://localhost/shop", "postgresql:///shop"])
def test_a_url_of_postgresql_names_the_engine_on_it(url):
    store: StoreEngine = engine(url)
    assert store.shared.owner
    with pytest.raises(StoreUnavailableError, match="the store is not open"):
        run(store.retry(str(UUID(int=7))))
    with pytest.raises(UnsupportedError, match="connect with asyncpg, psycopg or SQLAlchemy"):
        store.connect()


def test_others_may_not_listen_in_on_the_way_to_a_database():
    url = "postgresql://shop:pass-7@db.example/shop"
    for open_store in (engine, lambda url: vault_database(url, spool=Path("vault.db"))):
        with pytest.raises(ConfigurationError, match="without TLS") as caught:
            open_store(url)
        assert "pass-7" not in str(caught.value)


def test_missing_drivers_are_told_by_the_line_that_installs_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "hardpoint.store.postgres.opening", None)
    monkeypatch.delattr("hardpoint.store.postgres.opening", raising=False)
    with pytest.raises(ConfigurationError, match="whose drivers are not installed") as caught:
        engine("postgresql:///shop")
    assert caught.value.fix == "pip install 'hardpoint[postgres]' 'psycopg[binary]'"


def test_all_that_goes_with_a_store_comes_from_its_engine(tmp_path, stage):
    store: StoreEngine = engine(f"sqlite:{tmp_path / 'store.db'}", clock=stage.clock)

    async def story():
        await store.open(Role.OPERATE)
        await store.ensure_open(Role.SERVE)
        desk = stage.desk(store)
        lease = await desk.leased()
        await asyncio.to_thread(_complete, store, lease)
        assert await store.complete(desk.ending(lease)) is Completed.REFUSED
        intent = Intent(scope="texts:send", key="k", fingerprint=b"f")
        assert (await store.journal().begin(intent)).standing is Standing.NEW
        await store.close()

    asyncio.run(story())
    with closing(store.reader()) as reader:
        assert reader.counts()["done"] == 1


def _complete(store, lease):
    with (
        closing(store.connect()) as connection,
        store.complete_in(lease, connection, started_at=1.0),
    ):
        connection.execute("create table orders (id integer)")


def test_a_journal_for_threads_blocks(tmp_path):
    store = engine(f"sqlite:{tmp_path / 'store.db'}")
    run(store.ensure_open(Role.OPERATE))
    intent = Intent(scope="texts:send", key="k", fingerprint=b"f")
    assert run(store.journal(blocking=True).begin(intent)).standing is Standing.NEW
    store.close_blocking()


def test_only_an_engine_of_sqlalchemy_for_the_same_database_is_prepared(tmp_path):
    from sqlalchemy import create_engine

    store = engine(f"sqlite:{tmp_path / 'store.db'}")
    made = create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    store.prepare_engine(made)
    with made.connect() as connection:
        assert connection.exec_driver_sql("pragma wal_autocheckpoint").scalar() == 0
    made.dispose()
    with pytest.raises(StoreError, match="the store is SQLite"):
        store.prepare_engine(create_engine("postgresql+psycopg://localhost/x"))


def test_a_store_of_one_process_loses_no_lease_and_hears_of_no_work(tmp_path):
    store = engine(f"sqlite:{tmp_path / 'store.db'}")

    async def story():
        assert store.expires is None
        assert list(await store.renew([("event", "handler", 1)])) == []
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.wait_for_work(), 0.01)

    asyncio.run(story())


def test_a_system_without_unix_sockets_is_told_what_it_needs(monkeypatch):
    monkeypatch.delattr("socket.AF_UNIX")
    with pytest.raises(ConfigurationError, match="Unix sockets, which this system lacks"):
        engine("sqlite:hardpoint.db")
