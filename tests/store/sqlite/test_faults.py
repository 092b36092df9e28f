import sqlite3

import pytest

from hardpoint.store.sqlite.files import WriteFault, fault_of, fault_of_write, interrupted


def error(code):
    made = sqlite3.OperationalError("x")
    if code is not None:
        made.sqlite_errorcode = code
    return made


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (None, WriteFault.DATA),
        (sqlite3.SQLITE_ERROR, WriteFault.DATA),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, WriteFault.DATA),
        (sqlite3.SQLITE_TOOBIG, WriteFault.DATA),
        (sqlite3.SQLITE_INTERRUPT, WriteFault.DATA),
        (sqlite3.SQLITE_CORRUPT_VTAB, WriteFault.DATA),
        (sqlite3.SQLITE_FULL, WriteFault.UNAVAILABLE),
        (sqlite3.SQLITE_BUSY, WriteFault.UNAVAILABLE),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, WriteFault.UNAVAILABLE),
        (sqlite3.SQLITE_LOCKED, WriteFault.UNAVAILABLE),
        (sqlite3.SQLITE_READONLY, WriteFault.UNAVAILABLE),
        (sqlite3.SQLITE_CANTOPEN, WriteFault.UNAVAILABLE),
        (sqlite3.SQLITE_NOMEM, WriteFault.UNAVAILABLE),
        (sqlite3.SQLITE_IOERR_WRITE, WriteFault.UNAVAILABLE),
        (sqlite3.SQLITE_IOERR_FSYNC, WriteFault.BROKEN),
        (sqlite3.SQLITE_READONLY_DBMOVED, WriteFault.BROKEN),
        (sqlite3.SQLITE_CORRUPT, WriteFault.BROKEN),
        (sqlite3.SQLITE_CORRUPT_INDEX, WriteFault.BROKEN),
        (sqlite3.SQLITE_NOTADB, WriteFault.BROKEN),
    ],
)
def test_an_error_is_the_data_s_the_moment_s_or_the_end(code, fault):
    assert fault_of(error(code)) is fault


def test_any_io_error_of_a_sync_is_the_end():
    assert fault_of(error(sqlite3.SQLITE_IOERR_WRITE), syncing=True) is WriteFault.BROKEN
    assert fault_of(error(sqlite3.SQLITE_IOERR), syncing=True) is WriteFault.BROKEN
    assert fault_of(error(sqlite3.SQLITE_FULL), syncing=True) is WriteFault.UNAVAILABLE
    assert fault_of(error(sqlite3.SQLITE_CONSTRAINT), syncing=True) is WriteFault.DATA


def test_errors_of_others_are_data():
    stray = LookupError()
    stray.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    assert fault_of(stray) is WriteFault.DATA


def test_a_write_function_brings_its_own_locks_but_not_a_full_disk():
    assert fault_of_write(error(sqlite3.SQLITE_LOCKED)) is WriteFault.DATA
    assert fault_of_write(error(sqlite3.SQLITE_BUSY)) is WriteFault.DATA
    assert fault_of_write(error(sqlite3.SQLITE_FULL)) is WriteFault.UNAVAILABLE
    assert fault_of_write(error(sqlite3.SQLITE_CORRUPT)) is WriteFault.BROKEN


def test_an_interruption_is_known_by_its_code():
    assert interrupted(error(sqlite3.SQLITE_INTERRUPT))
    assert not interrupted(error(sqlite3.SQLITE_ERROR))
    assert not interrupted(TimeoutError())
