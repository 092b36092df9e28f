"""The vault, its flows and its sessions in PostgreSQL, by several processes."""

import pytest
from tests.oauth.test_signin_store import *  # noqa: F403 - the tests
from tests.store.vault.test_rows import *  # noqa: F403 - the tests
from tests.store.vault.test_rows import KEY, row

from hardpoint.core.errors import StoreCorruptError, StoreError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.events import VaultAvailable
from hardpoint.store.postgres.vault import VaultDatabase
from hardpoint.testing.clock import ManualClock


@pytest.fixture
def told():
    return []


@pytest.fixture
def another(pg, tmp_path, told):
    """Opens the same rows once more."""
    made = []

    def make(**changes):
        changes = {"url": pg.url, "spool": tmp_path / "vault", **changes}
        made.append(VaultDatabase(changes.pop("url"), listeners=Listeners(told.append), **changes))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def file(another):
    made = another()
    made.open()
    return made


def test_a_writer_has_the_vault_to_itself(file, another, told):
    hasty = another(busy=0.05)
    with file.transaction() as rows:
        rows.save(row())
        for _ in range(2):
            with (
                pytest.raises(StoreUnavailableError, match="statement timeout"),
                hasty.transaction(),
            ):
                raise AssertionError
        with hasty.reading() as others:
            assert others.connection(KEY) is None
    with hasty.transaction() as others:
        assert others.connection(KEY) == row()
    locked, again = told
    assert (locked.severity, again) == ("error", VaultAvailable())


def test_a_connection_that_was_lost_meanwhile_is_made_anew(file, pg):
    with file.transaction() as rows:
        rows.save(row())
    end = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
    pg.database.beside.execute(f"{end} and datname = current_database()")
    with file.reading() as rows:
        assert rows.connection(KEY) == row()


def test_one_that_is_lost_in_a_transaction_leaves_nothing(file):
    def lost():
        with file.transaction() as rows:
            rows.save(row())
            rows._connection.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreUnavailableError):
        lost()
    with file.reading() as rows:
        assert rows.connection(KEY) is None


def test_what_cannot_be_stored_is_an_error_of_its_own(file, told):
    with pytest.raises(StoreError, match="NUL"), file.transaction() as rows:
        rows.save(row(account="a\0b"))
    assert told == []


def test_a_database_that_is_away_is_told(another, wire, pg):
    vault = another(url=wire.url)
    vault.open()
    wire.fall()
    with pytest.raises(StoreUnavailableError, match="cannot be used now"):
        vault.open()
    with pytest.raises(StoreUnavailableError, match="cannot be used now"), vault.reading():
        raise AssertionError


def test_only_so_many_connections_are_kept(file, another):
    vault = another()
    blocks = [vault.reading() for _ in range(6)]
    for block in blocks:
        block.__enter__()
    for block in blocks:
        block.__exit__(None, None, None)
    assert len(vault._idle) == 4
    kept = vault._idle
    vault.forget()
    with vault.reading() as rows:
        assert rows.connections(None) == ()
    for connection in kept:
        connection.close()


def test_leases_go_by_the_database_s_time(file, pg):
    machine = ManualClock(now=1_000.0)  # it is quite wrong
    clock = file.timed(machine)
    assert clock.now() == machine.now()
    with file.reading():
        pass
    before = clock.now()
    assert before == pytest.approx(pg.database.clock.now())
    machine.jump(3_600)
    machine.advance(5)
    assert clock.now() == pytest.approx(before + 5)
    assert clock.monotonic() == machine.monotonic()
    assert clock.sleep == machine.sleep


def test_tables_of_a_newer_version_are_refused(file, another, pg):
    pg.database.beside.execute("update hardpoint.meta set value = '99' where name <> 'store'")
    try:
        with pytest.raises(StoreCorruptError, match="newer hardpoint"):
            another().open()
    finally:
        pg.database.beside.execute("drop schema hardpoint cascade")
        another().open()  # makes the tables
    with another().reading() as rows:
        assert rows.connections(None) == ()
