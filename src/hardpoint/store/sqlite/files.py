"""The store's file: as the system sees it, its lock, and what SQLite's errors say of it."""

import contextlib
import fcntl
import os
import sqlite3
import stat
import time
from enum import Enum, auto
from pathlib import Path

from hardpoint.core.errors import StoreCorruptError, StoreError, StoreUnavailableError
from hardpoint.core.forks import forget_in_child

_SMALLEST = 512
"""Bytes of the smallest database there is: one page."""


def inode_of(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Which file a path leads to, by device and inode; None when there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - Path.stat costs three times as much, at each commit
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def create_private(path: Path) -> None:
    """Make sure of a file that others cannot read; SQLite gives its companions the same mode.

    Raises:
        StoreUnavailableError: it cannot be made, or the log of one before it is there: SQLite
            would empty that, and with it what was acknowledged last.
    """
    log = Path(f"{path}-wal")
    # The log first: it comes after the file that it belongs to, whoever else makes both just now.
    if _bytes_of(log) and inode_of(path) is None:
        raise StoreUnavailableError(
            f"{path} is missing, but its log is there, with what was committed last: put the file"
            f" back, or move {log.name} away as well"
        )
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailableError(f"{path} cannot be created: {error.strerror}") from error
    os.close(descriptor)


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def refuse_misfit(path: Path) -> None:
    """Refuse what SQLite would take and should not.

    Raises:
        StoreUnavailableError: no regular file, or one with several names (its log would be found
            under one of them only).
        StoreCorruptError: a file too short to be a database, which SQLite would overwrite.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise StoreUnavailableError(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise StoreUnavailableError(f"{path} is not a regular file; name another")
    if status.st_nlink > 1:
        raise StoreUnavailableError(
            f"{path} has more than one name (hard links), and SQLite would find its log under one "
            "of them only: remove the others"
        )
    if 0 < status.st_size < _SMALLEST:
        raise StoreCorruptError(f"{path} is not a hardpoint store; name another file")


def refuse_unlike(error: sqlite3.Error, path: Path) -> StoreError:
    """The error for a file that SQLite cannot open as a database."""
    if fault_of(error) is WriteFault.BROKEN:
        return StoreCorruptError(
            f"{path} is not a hardpoint store or is damaged ({error}); restore a backup, or name "
            "another file"
        )
    return StoreUnavailableError(f"{path}: {error}")


_POLL = 0.05


class LockFile:
    """`<database>.lock`, held with flock while the store is open; it names its holder's pid.

    The file stays when the lock is let go: removing it would let two processes hold two files.
    """

    def __init__(self, database: Path) -> None:
        self.path = Path(f"{database}.lock")
        self._database = database
        self._descriptor: int | None = None
        forget_in_child(self)

    def acquire(self, wait: float) -> None:
        """Take the lock, looking again until `wait` seconds have passed.

        Raises:
            StoreUnavailableError: another process has it still.
        """
        for _ in range(max(0, round(wait / _POLL))):
            if self.take():
                return
            time.sleep(_POLL)
        if not self.take():
            raise self.refusal()

    def refusal(self) -> StoreUnavailableError:
        """Why it cannot be had: who has it."""
        return StoreUnavailableError(
            f"{self._database} is in use by {self._holder()}: one process has a SQLite store open. "
            "Of several workers (--workers) the others hand over to it what they receive, and "
            "what is to be noted of their calls"
        )

    def release(self) -> None:
        """Let the lock go; does nothing when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def forget(self) -> None:
        """A forked child shares the lock; were it to outlive us, nobody could take the store."""
        self.release()

    def take(self) -> bool:
        """Take it if it can be had now.

        Raises:
            StoreUnavailableError: the file cannot be opened.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailableError(f"{self.path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        status = os.fstat(descriptor)
        if inode_of(self.path) != (status.st_dev, status.st_ino):
            os.close(descriptor)  # someone removed the file between our open and our lock
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def _holder(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return f"process {int(self.path.read_text())}"
        return "another process"


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
