"""The one connection that writes: its settings, one transaction at a time, and its checkpoints.

A checkpoint copies the log into the database. SQLite would do it in the middle of a commit; here it
waits for a quiet moment, or until the log has grown to its limit. A reader can keep the log from
being reused; past a second limit it is made to.

The log is copied right after a commit of our own, never else. From SQLite 3.7.0 to 3.51.2 a
checkpoint of a log that is copied already, while a connection of the application starts that log
anew, damages the file ("WAL-reset"). Our own frame, not copied yet, keeps the log from being reset.
"""

import contextlib
import ctypes
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.events import Checkpointed
from hardpoint.store.sqlite.files import (
    WriteFault,
    create_private,
    fault_of,
    inode_of,
    refuse_misfit,
    refuse_unlike,
)
from hardpoint.store.sqlite.gate import Gate
from hardpoint.store.sqlite.limits import StatementLimits
from hardpoint.store.statements import MARK, statements

T = TypeVar("T")

BEGIN = MARK + "begin immediate"
COMMIT = MARK + "commit"
ROLLBACK = MARK + "rollback"
RESCUE = MARK + "pragma wal_checkpoint(truncate)"
BOOT = statements("operations")["boot"]

_WAL_RESET_BUG = (3, 7, 0)
_WAL_RESET_FIXED = (3, 51, 3)
_WAL_RESET_BACKPORTS = ((3, 44, 6), (3, 50, 7))


def library_finding(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str | None:
    """What to know about the SQLite library in use; None when there is nothing.

    From 3.7.0 to 3.51.2 a commit can be lost or the file damaged when one connection checkpoints
    while another writes (fixed in 3.51.3, and in 3.44.6 and 3.50.7).
    """
    affected = _WAL_RESET_BUG <= version < _WAL_RESET_FIXED and not any(
        version[:2] == fixed[:2] and version >= fixed for fixed in _WAL_RESET_BACKPORTS
    )
    if not affected:
        return None
    return (
        f"SQLite {'.'.join(map(str, version))} has the WAL-reset bug, which hardpoint avoids: open"
        " its file by hub.connect() or hub.prepare_engine(), and let no other program write to it"
    )


class Database:
    """The store's file and the connection that writes to it; it lives on one thread.

    Args:
        path: the real path, links resolved.
        gate: taken for each transaction.
        busy: seconds to wait for a lock held outside this process.
        kind: the connection's class.
        turn_seconds: how long to wait for the gate.
        known: which file it has to be; None for any, which is made when it is missing.

    Attributes:
        boot: the number of this opening, once it has one. Another opening has the next; should a
            file have two owners all the same (its lock file removed), the first one breaks.
    """

    def __init__(
        self,
        path: Path,
        *,
        gate: Gate,
        busy: float,
        kind: type[sqlite3.Connection],
        turn_seconds: float = 5.0,
        known: tuple[int, int] | None = None,
    ) -> None:
        self.path = path
        self.gate = gate
        self._turn_seconds = turn_seconds
        self.broken: str | None = None
        self.boot: int | None = None
        self.inode = known or _made(path)
        if inode_of(path) != self.inode:
            raise StoreUnavailableError(f"{path} is not the file that it was: put that back")
        refuse_misfit(path)
        self._companions: dict[Path, tuple[int, int] | None] = {}
        try:
            self.connection = sqlite3.connect(
                path,
                isolation_level=None,
                timeout=busy,
                cached_statements=512,
                factory=kind,
                check_same_thread=False,  # write functions run aside while this thread waits
            )
        except sqlite3.Error as error:
            raise refuse_unlike(error, path) from error

    def configure(self) -> None:
        """Set and assert what durability rests on. Only after the file was found to be ours."""
        execute = self.connection.execute
        if execute("pragma page_count").fetchone()[0] == 0:
            execute("pragma auto_vacuum = incremental")
        mode = execute("pragma journal_mode = wal").fetchone()[0]
        if mode != "wal":
            raise StoreUnavailableError(
                f"{self.path} cannot be opened with a write-ahead log (it stays in {mode!r} mode); "
                "put it on a local disk"
            )
        for setting in (
            "synchronous = full",
            "fullfsync = on",  # macOS: without it a sync stops at the drive's cache
            "checkpoint_fullfsync = on",
            "wal_autocheckpoint = 0",
            "foreign_keys = on",
            "trusted_schema = off",
            "secure_delete = fast",
            "temp_store = memory",
            "cache_size = -16000",
        ):
            execute(f"pragma {setting}")
        if execute("pragma synchronous").fetchone()[0] != 2:
            raise StoreUnavailableError(f"{self.path}: SQLite does not take synchronous = full")

    def transaction(self, work: Callable[[], T]) -> T:
        """Run `work` in one durable transaction, in turn with users' own blocks.

        Raises:
            StoreUnavailableError: not now, or, when `broken` is set, never again.
            Exception: what `work` raised. In each case nothing was written.
        """
        turn = self.gate.acquire(self._turn_seconds)
        try:
            return self._transaction(work)
        finally:
            self.gate.release(turn)

    def _transaction(self, work: Callable[[], T]) -> T:
        if self.broken is not None:
            raise StoreUnavailableError(self.broken)
        execute = self.connection.execute
        syncing = False
        try:
            execute(BEGIN)
            self._check_boot()
            result = work()
            self.check_file()
            syncing = True
            execute(COMMIT)
        except BaseException as error:
            self._roll_back()
            raise self.translated(error, syncing=syncing) from error
        if not self._companions:  # they are there once something was written
            names = [Path(f"{self.path}{suffix}") for suffix in ("-wal", "-shm")]
            self._companions = {name: inode_of(name) for name in names}
        return result

    def _check_boot(self) -> None:
        """Make sure that nobody has opened the store after us; holds until the commit."""
        if self.boot is not None:
            row = self.connection.execute(BOOT).fetchone()
            if row != (self.boot,):
                self.break_down("another process has opened it since, without its lock")

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            try:
                self.connection.execute(ROLLBACK)
            except sqlite3.Error as error:
                self.break_down(f"a rollback failed: {error}")

    def check_file(self) -> None:
        """Make sure that the path still leads to the file that is open."""
        if inode_of(self.path) != self.inode:
            self.break_down("the file was moved, deleted or replaced while the server was running")
        for name, inode in self._companions.items():
            if inode_of(name) != inode:
                saved = self._rescue()
                self.break_down(
                    f"{name.name} was moved, deleted or replaced while the server was running; "
                    f"{'all' if saved else 'not all'} that was acknowledged is in the database"
                )

    def _rescue(self) -> bool:
        """Copy what the lost log holds while it is still open; whether all of it was."""
        self._roll_back()
        try:
            busy, pages, done = self.connection.execute(RESCUE).fetchone()
        except sqlite3.Error:
            return False
        return not busy and pages == done

    def translated(self, error: BaseException, *, syncing: bool) -> BaseException:
        """What an error becomes for those who wait; may end the store."""
        fault = fault_of(error, syncing=syncing)
        if fault is WriteFault.BROKEN:
            with contextlib.suppress(StoreUnavailableError):
                self.break_down(str(error))
        if self.broken is not None:
            return StoreUnavailableError(self.broken)
        if fault is WriteFault.UNAVAILABLE:
            return StoreUnavailableError(f"{self.path}: {error}")
        return error

    def break_down(self, reason: str) -> None:
        """Mark the store as broken, for good.

        Raises:
            StoreUnavailableError: always.
        """
        self.broken = (
            f"{self.path} can no longer be used: {reason}. It has to be opened anew; a hub that "
            "receives webhooks does so by itself"
        )
        raise StoreUnavailableError(self.broken)

    def close(self) -> None:
        """Let the file go; unless it is broken: closing would copy the log, and so sync again."""
        if self.broken is None:
            self.connection.close()
        else:
            self.leak()

    def leak(self) -> None:
        """Have the connection never closed, not even with the process."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.connection))


def _made(path: Path) -> tuple[int, int] | None:
    create_private(path)
    return inode_of(path)


_PASSIVE = MARK + "pragma wal_checkpoint(passive)"
_TRUNCATE = MARK + "pragma wal_checkpoint(truncate)"
_OWN_FRAME = statements("operations")["own_frame"]
_PATIENCE = MARK + "pragma busy_timeout = {}"
_INSIST_MS = 50
_PAGE_BYTES = 4_096
_ROW_PAGES = 3
"""Pages that a row touches beyond its body: leaves of random keys above all."""


class Checkpoints:
    """Keeps count of the log, and copies it."""

    def __init__(self, database: Database, limits: StatementLimits, clock: Clock) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._pages = 0
        self._changes = database.connection.total_changes
        self._log = Path(f"{database.path}-wal")

    def count(self, rows: int, body_bytes: int) -> None:
        """Add what a commit has written, roughly; nothing for one that has written nothing."""
        changes = self._database.connection.total_changes
        if changes != self._changes:
            self._changes = changes
            self._pages += rows * _ROW_PAGES + body_bytes // _PAGE_BYTES + 1

    def due(self, *, quiet: bool) -> bool:
        """Whether to copy the log now."""
        return self._pages > (0 if quiet else self._limits.wal_pages)

    @property
    def overgrown(self) -> bool:
        """Whether the log is too long, whoever wrote it."""
        try:
            return self._log.stat().st_size > self._limits.wal_bytes
        except FileNotFoundError:  # whoever writes next finds that it is gone
            return False

    def run(self) -> Checkpointed | None:
        """Copy the log; gives None when the file was locked by someone outside.

        Raises:
            StoreUnavailableError: somebody outside holds the file, or an I/O error, after which
                the store is broken.
        """
        began = self._clock.monotonic()
        insisting = self.overgrown
        self._write_frame()
        copied = self._insist() if insisting else self._checkpoint(_PASSIVE)
        self._pages = 0
        if copied is None:
            return None
        pages, done = copied
        return Checkpointed(pages=pages, left=pages - done, seconds=self._clock.monotonic() - began)

    def finish(self) -> None:
        """Copy all of the log and empty it, before the store is closed."""
        self._write_frame()
        self._checkpoint(_TRUNCATE)

    def _write_frame(self) -> None:
        execute = self._database.connection.execute
        self._database.transaction(lambda: execute(_OWN_FRAME))
        self._changes = self._database.connection.total_changes

    def _insist(self) -> tuple[int, int] | None:
        """Wait a little for the readers that keep the log from being reused."""
        execute = self._database.connection.execute
        execute(_PATIENCE.format(_INSIST_MS))
        try:
            return self._checkpoint(_TRUNCATE)
        finally:
            execute(_PATIENCE.format(round(self._limits.busy * 1000)))

    def _checkpoint(self, how: str) -> tuple[int, int] | None:
        database = self._database
        turn = database.gate.acquire(self._limits.gate)
        try:
            database.check_file()
            busy, pages, done = database.connection.execute(how).fetchone()
        except sqlite3.Error as error:
            raise database.translated(error, syncing=True) from error
        finally:
            database.gate.release(turn)
        return None if busy and pages < 0 else (pages, done)
