"""What a SQLite error means for those who wait: their data, a bad moment, or the end."""

import sqlite3
from enum import Enum, auto


class WriteFault(Enum):
    """Whose fault it is."""

    DATA = auto()
    """One row or one write function: the others can go on."""
    UNAVAILABLE = auto()
    """The store cannot do it now: nothing was written, a later batch may succeed."""
    BROKEN = auto()
    """The file, or what the kernel keeps of it, can no longer be trusted."""


_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_BROKEN = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CORRUPT_INDEX,
        sqlite3.SQLITE_CORRUPT_SEQUENCE,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_READONLY_DBMOVED,
    }
)
"""Extended codes: a virtual table of the user's that calls itself corrupt is not our file."""

_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def fault_of(error: BaseException, *, syncing: bool = False) -> WriteFault:
    """Classify an error.

    Args:
        error: what was raised.
        syncing: it came out of a commit or checkpoint. An I/O error there may be a failed fsync,
            after which the kernel may have dropped the page and report success the next time; so
            it is never tried again.
    """
    code = _code(error)
    if code in _BROKEN or (syncing and code & 0xFF == sqlite3.SQLITE_IOERR):
        return WriteFault.BROKEN
    return WriteFault.UNAVAILABLE if code & 0xFF in _UNAVAILABLE else WriteFault.DATA


def fault_of_write(error: BaseException) -> WriteFault:
    """Classify what a user's write function raised.

    The transaction holds the write lock already, so a lock it meets is one of its own making.
    """
    return WriteFault.DATA if _code(error) & 0xFF in _LOCKED else fault_of(error)


def interrupted(error: BaseException) -> bool:
    """Whether the time limit ended the statement."""
    return _code(error) == sqlite3.SQLITE_INTERRUPT


def _code(error: BaseException) -> int:
    ours = issubclass(
        type(error), sqlite3.Error
    )  # what the error says of itself is the user's code
    return getattr(error, "sqlite_errorcode", 0) if ours else 0
