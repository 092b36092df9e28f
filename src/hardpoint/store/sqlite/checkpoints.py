"""Checkpoints: when the log is copied into the database, by the connection that writes it.

SQLite would do it in the middle of a commit; here it waits for a quiet moment, or until the log has
grown to its limit. A reader can keep the log from being reused; past a second limit it is made to.

The log is copied right after a commit of our own, never else. From SQLite 3.7.0 to 3.51.2 a
checkpoint of a log that is copied already, while a connection of the application starts that log
anew, damages the file ("WAL-reset"). Our own frame, not copied yet, keeps the log from being reset.
"""

import sqlite3
from pathlib import Path

from hardpoint.core.effects import Clock
from hardpoint.store.events import Checkpointed
from hardpoint.store.sqlite.database import Database
from hardpoint.store.sqlite.limits import StatementLimits
from hardpoint.store.sqlite.statements import MARK, statements

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
            raise database.judged(error, syncing=True) from error
        finally:
            database.gate.release(turn)
        return None if busy and pages < 0 else (pages, done)
