import asyncio
import sqlite3
import stat
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from hardpoint.core.errors import StoreError
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, StoreSettings
from hardpoint.store.sqlite import connect, prepare_engine
from hardpoint.sync.hub import Hub as SyncHub

ASKED = "pragma wal_autocheckpoint"


def test_a_connection_of_the_application_never_copies_the_log(tmp_path):
    path = tmp_path / "store.db"
    connection = connect(path, isolation_level=None)
    assert connection.execute(ASKED).fetchone() == (0,)
    assert connection.isolation_level is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    connection.close()


@pytest.mark.parametrize("kind", [Hub, SyncHub])
def test_a_hub_makes_such_connections_and_prepares_engines(kind, tmp_path):
    path = tmp_path / "store.db"
    hub = kind(Settings(store=StoreSettings(path=path)))
    connection = hub.connect(timeout=1)
    assert connection.execute(ASKED).fetchone() == (0,)
    connection.close()
    engine = create_engine(f"sqlite:///{path}")
    hub.prepare_engine(engine)
    with engine.connect() as session:
        assert session.execute(text(ASKED)).scalar() == 0
    engine.dispose()
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute(ASKED).fetchone() != (0,)


def test_an_asynchronous_engine_keeps_to_it_too(tmp_path):
    async def scene():
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/store.db")
        prepare_engine(engine)
        async with engine.connect() as session:
            found = (await session.execute(text(ASKED))).scalar()
        await engine.dispose()
        return found

    assert asyncio.run(scene()) == 0


def test_an_engine_for_another_database_is_refused():
    class Engine:
        class dialect:  # noqa: N801 - as SQLAlchemy has it
            name = "postgresql"

    with pytest.raises(StoreError, match="the engine is for postgresql"):
        prepare_engine(Engine())
