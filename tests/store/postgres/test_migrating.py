"""Tables brought up to this version, while others work on them, and the commands that do it."""

import asyncio
import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.conftest import cli, clock, folder  # noqa: F401 - fixtures
from tests.store.postgres.test_copying import busy

from hardpoint.core.errors import ConfigurationError, StoreCorruptError, StoreUnavailableError
from hardpoint.store.driver import Completed
from hardpoint.store.migration import TRIES, migrate_store, migration_plan
from hardpoint.store.opening import vault_database
from hardpoint.store.postgres.schema import VERSION
from hardpoint.store.statements import schema_scripts
from hardpoint.store.vault.file import VaultFile

ROLE = f"hardpoint_weak_{os.getpid()}"


@pytest.fixture
def bare(pg):
    """A database without the schema; the tables are there again afterwards."""
    pg.database.beside.execute("drop schema hardpoint cascade")
    yield pg
    pg.database.beside.execute("drop schema if exists hardpoint cascade")
    pg.database.reset()


def of_version(pg, version):
    for script in schema_scripts("hardpoint.store.postgres")[:version]:
        pg.database.beside.execute(script)
    pg.database.beside.execute(f"insert into hardpoint.meta values ('schema', '{version}')")


def facts(pg):
    return dict(pg.database.beside.execute("select name, value from hardpoint.meta").fetchall())


@pytest.mark.parametrize("version", [0, 1, 3])
def test_it_says_what_it_will_do_and_does_it(bare, version):
    if version:
        of_version(bare, version)
    plan = migration_plan(bare.url)
    assert (plan.engine, plan.found, plan.wanted) == ("postgresql", version, VERSION)
    assert len(plan.steps) == VERSION - version
    assert plan.steps[-1] == "006_api_keys"
    reached = []
    migrate_store(bare.url, reached=reached.append)
    assert reached == [*range(version + 1, VERSION + 1)]
    assert migration_plan(bare.url).steps == ()
    migrate_store(bare.url, reached=reached.append)
    assert len(reached) == VERSION - version
    assert {**facts(bare), "store": ""} == {"store": "", "schema": "6", "oldest": "4"}


def test_workers_of_before_go_on_beside_a_newer_version_that_only_adds(bare):
    """They were open before it came, or are opened after that: a rolling deploy has both."""

    async def newer(desk):
        lease = await desk.leased()
        beside = bare.database.beside
        beside.execute("alter table hardpoint.job add column colour text")
        beside.execute(f"update hardpoint.meta set value = '{VERSION + 1}' where name = 'schema'")
        assert await desk.complete(lease) is Completed.RECORDED
        other = desk.stage.build()
        await other.open()
        second = desk.stage.desk(other)
        assert await second.complete(await second.leased("evt_2")) is Completed.RECORDED
        await other.close()
        assert desk.state_of(lease.event.id) == "done"

    migrate_store(bare.url)
    bare.database.set_clock()
    bare.play(newer)
    assert migration_plan(bare.url).steps == ()
    migrate_store(bare.url)  # back, it never goes
    assert facts(bare)["schema"] == str(VERSION + 1)
    bare.database.beside.execute("update hardpoint.meta set value = '7' where name = 'oldest'")
    with pytest.raises(StoreCorruptError, match="a newer hardpoint"):
        migrate_store(bare.url)


def test_it_gives_way_to_whoever_holds_a_table(bare):
    """So nobody else waits behind it: it asks for the table again and again, for a moment each."""
    of_version(bare, 1)
    bare.database.beside.execute("create table hardpoint.call ()")
    scripts = schema_scripts("hardpoint.store.postgres")
    assert "create table hardpoint.call" in scripts[1]
    bare.database.beside.execute("drop table hardpoint.call")
    holder = bare.database.held("meta")  # the step notes its version there
    waits = []

    def pause(_):
        if len(waits) == 2:
            holder.close()

    migrate_store(bare.url, waiting=waits.append, pause=pause)
    assert len(waits) == 2
    assert "held by somebody's transaction" in waits[0]
    assert migration_plan(bare.url).steps == ()


def test_a_table_that_is_held_for_good_is_given_up(bare, monkeypatch):
    of_version(bare, 1)
    holder = bare.database.held("meta")
    try:
        with pytest.raises(StoreUnavailableError, match="hardpoint store migrate"):
            asyncio.run(bare.build().open())
        monkeypatch.setattr("hardpoint.store.migration.TRIES", 1)
        with pytest.raises(StoreUnavailableError, match="held by"):
            migrate_store(bare.url)
    finally:
        holder.close()
    assert TRIES > 1


@contextmanager
def weak_role(pg):
    """One that may use the schema, and make nothing."""
    beside = pg.database.beside
    beside.execute(f"create role {ROLE} login")
    try:
        yield pg.url.replace("postgres@", f"{ROLE}@")
    finally:
        beside.execute(f"drop owned by {ROLE}; drop role {ROLE}")


def test_a_role_that_may_not_is_told_which_command_to_run(bare):
    with weak_role(bare) as url:
        of_version(bare, 3)
        bare.database.beside.execute(
            f"grant usage on schema hardpoint to {ROLE};"
            f"grant all on all tables in schema hardpoint to {ROLE}"
        )
        bare.url = url
        with pytest.raises(StoreUnavailableError, match="hardpoint store migrate") as caught:
            asyncio.run(bare.build().open())
        assert "\n" not in str(caught.value)
        with pytest.raises(StoreUnavailableError, match="this role may not"):
            migrate_store(url)


def test_a_role_that_lacks_a_right_is_told_which_one(bare):
    migrate_store(bare.url)
    with weak_role(bare) as url:
        bare.url, allow = url, bare.database.beside.execute
        lacking(bare, "usage on schema hardpoint, ")
        allow(f"grant usage on schema hardpoint to {ROLE}")
        lacking(bare, "and [0-9]+ more. As the owner: grant usage on schema hardpoint to")
        with pytest.raises(StoreUnavailableError, match="it lacks"):
            vault_database(url, spool=Path("spool")).open()
        allow(f"grant select, insert, update on all tables in schema hardpoint to {ROLE}")
        allow(f"grant delete on all tables in schema hardpoint to {ROLE}")
        allow(f"revoke update on hardpoint.job from {ROLE}")
        lacking(bare, "it lacks update on hardpoint.job. As the owner")


def lacking(pg, what):
    with pytest.raises(StoreUnavailableError, match=what):
        asyncio.run(pg.build().open())


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="is not a store we know"):
        migration_plan("redis://localhost")
    with pytest.raises(StoreUnavailableError, match="cannot be used now"):
        migration_plan(f"postgresql:///x?host={tmp_path}")


def test_a_pooler_is_refused(pg, wire):
    wire.pooled = True
    with pytest.raises(ConfigurationError, match="pooler"):
        migration_plan(wire.url)


# As commands


def test_the_command_shows_its_plan_and_carries_it_out(bare, cli):  # noqa: F811 - the fixture
    dry = cli("store", "migrate", "--url", bare.url, "--dry-run")
    assert dry.code == 0
    assert "001_inbox" in dry.out
    assert "nothing was changed" in dry.err
    assert migration_plan(bare.url).found == 0
    done = cli("store", "migrate", "--url", bare.url)
    assert done.code == 0
    assert "will run 001_inbox, 002_calls" in done.err
    assert f"reached version {VERSION}" in done.err
    assert f"tables of version {VERSION}" in done.out
    again = cli("store", "migrate", "--url", bare.url, "--json")
    assert again.data == {
        "engine": "postgresql",
        "found": VERSION,
        "wanted": VERSION,
        "steps": [],
        "version": VERSION,
    }
    assert "nothing is to be done" in cli("store", "migrate", "--url", bare.url).out


def test_the_command_copies_and_shows_what_it_has_counted(pg, cli, stage, monkeypatch, clock):  # noqa: F811
    stage.play(busy)
    monkeypatch.setenv("TARGET", pg.url)
    file = f"sqlite:{stage.path}"
    plain = cli("store", "copy", file, "env:TARGET", now=Hurried())
    assert plain.code == 0, plain.err
    assert "event: 7 of 7" in plain.err
    assert "never serve from it again" in plain.err
    assert "quarantined" in plain.out
    assert "Copied to postgresql://" in plain.out
    again = cli("store", "copy", file, "env:TARGET", "--json")
    assert again.data["finished_before"]
    assert again.data["vault"] is None
    assert {"kind": "dead letters", "state": "permanent", "count": 1} in again.data["counts"]
    assert "This was copied before" in cli("store", "copy", file, "env:TARGET").out
    refused = cli("store", "copy", file, "env:TARGET", "--running")
    assert refused.code == 5
    assert "in use since it was copied" in refused.err


def test_the_command_rehearses_with_another_vault(pg, cli, stage, tmp_path, monkeypatch):  # noqa: F811
    stage.play(busy)
    monkeypatch.setenv("TARGET", pg.url)
    path = tmp_path / "keys.db"
    vault = VaultFile(path)
    vault.open()
    arguments = ("store", "copy", f"sqlite:{stage.path}", "env:TARGET", "--running")
    rehearsed = cli(*arguments, "--vault", path, "--json")
    assert rehearsed.code == 0, rehearsed.err
    assert rehearsed.data["vault"] == str(path)
    assert "never serve from it again" not in rehearsed.err


def test_doctor_says_that_a_database_has_no_store_yet(bare, cli, folder, monkeypatch):  # noqa: F811
    monkeypatch.setenv("TARGET", bare.url)
    (folder / "hardpoint.toml").write_text('[store]\nurl = "env:TARGET"\n')
    found = cli("doctor", "--json")
    assert found.code == 0, found.err
    (store,) = [one for one in found.data["findings"] if one["check"] == "store"]
    assert (store["result"], store["fix"]) == ("warn", "hardpoint serve")
    assert "no server has made it yet" in store["detail"]


class Hurried:
    """Each look at it comes two seconds after the last."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return 0.0

    def monotonic(self):
        self.seconds += 2.0
        return self.seconds
