import sqlite3

import pytest

from hardpoint.store.sqlite.faults import Fault, fault_of, fault_of_write, interrupted


def error(code):
    made = sqlite3.OperationalError("x")
    if code is not None:
        made.sqlite_errorcode = code
    return made


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (None, Fault.DATA),
        (sqlite3.SQLITE_ERROR, Fault.DATA),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, Fault.DATA),
        (sqlite3.SQLITE_TOOBIG, Fault.DATA),
        (sqlite3.SQLITE_INTERRUPT, Fault.DATA),
        (sqlite3.SQLITE_CORRUPT_VTAB, Fault.DATA),
        (sqlite3.SQLITE_FULL, Fault.UNAVAILABLE),
        (sqlite3.SQLITE_BUSY, Fault.UNAVAILABLE),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Fault.UNAVAILABLE),
        (sqlite3.SQLITE_LOCKED, Fault.UNAVAILABLE),
        (sqlite3.SQLITE_READONLY, Fault.UNAVAILABLE),
        (sqlite3.SQLITE_CANTOPEN, Fault.UNAVAILABLE),
        (sqlite3.SQLITE_NOMEM, Fault.UNAVAILABLE),
        (sqlite3.SQLITE_IOERR_WRITE, Fault.UNAVAILABLE),
        (sqlite3.SQLITE_IOERR_FSYNC, Fault.BROKEN),
        (sqlite3.SQLITE_READONLY_DBMOVED, Fault.BROKEN),
        (sqlite3.SQLITE_CORRUPT, Fault.BROKEN),
        (sqlite3.SQLITE_CORRUPT_INDEX, Fault.BROKEN),
        (sqlite3.SQLITE_NOTADB, Fault.BROKEN),
    ],
)
def test_an_error_is_the_data_s_the_moment_s_or_the_end(code, fault):
    assert fault_of(error(code)) is fault


def test_any_io_error_of_a_sync_is_the_end():
    assert fault_of(error(sqlite3.SQLITE_IOERR_WRITE), syncing=True) is Fault.BROKEN
    assert fault_of(error(sqlite3.SQLITE_IOERR), syncing=True) is Fault.BROKEN
    assert fault_of(error(sqlite3.SQLITE_FULL), syncing=True) is Fault.UNAVAILABLE
    assert fault_of(error(sqlite3.SQLITE_CONSTRAINT), syncing=True) is Fault.DATA


def test_errors_of_others_are_data():
    stray = LookupError()
    stray.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    assert fault_of(stray) is Fault.DATA


def test_a_write_function_brings_its_own_locks_but_not_a_full_disk():
    assert fault_of_write(error(sqlite3.SQLITE_LOCKED)) is Fault.DATA
    assert fault_of_write(error(sqlite3.SQLITE_BUSY)) is Fault.DATA
    assert fault_of_write(error(sqlite3.SQLITE_FULL)) is Fault.UNAVAILABLE
    assert fault_of_write(error(sqlite3.SQLITE_CORRUPT)) is Fault.BROKEN


def test_an_interruption_is_known_by_its_code():
    assert interrupted(error(sqlite3.SQLITE_INTERRUPT))
    assert not interrupted(error(sqlite3.SQLITE_ERROR))
    assert not interrupted(TimeoutError())
