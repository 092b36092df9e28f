"""Checkpoints: when the log is copied into the database, by the connection that writes it.

SQLite would do it in the middle of a commit; here it waits for a quiet moment, or until the log has
grown to its limit. A reader can keep the log from being reused; past a second limit it is made to.
"""

import sqlite3
from pathlib import Path

from hardpoint.core.effects import Clock
from hardpoint.store.events import Checkpointed
from hardpoint.store.sqlite.database import Database
from hardpoint.store.sqlite.limits import Limits
from hardpoint.store.sqlite.statements import MARK

_PASSIVE = MARK + "pragma wal_checkpoint(passive)"
_TRUNCATE = MARK + "pragma wal_checkpoint(truncate)"
_PATIENCE = MARK + "pragma busy_timeout = {}"
_INSIST_MS = 50
_PAGE_BYTES = 4_096
_ROW_PAGES = 3
"""Pages that a row touches beyond its body: leaves of random keys above all."""


class Checkpoints:
    """Keeps count of the log, and copies it."""

    def __init__(self, database: Database, limits: Limits, clock: Clock) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._pages = 0
        self._log = Path(f"{database.path}-wal")

    def count(self, rows: int, body_bytes: int) -> None:
        """Add what a commit has written, roughly."""
        self._pages += rows * _ROW_PAGES + body_bytes // _PAGE_BYTES + 1

    def due(self, *, quiet: bool) -> bool:
        """Whether to copy the log now."""
        return self._pages > (0 if quiet else self._limits.wal_pages)

    def run(self) -> Checkpointed | None:
        """Copy the log; gives None when the file was locked by someone outside.

        Raises:
            StoreUnavailableError: an I/O error, after which the store is broken.
        """
        began = self._clock.monotonic()
        copied = self._checkpoint(_PASSIVE)
        if copied is not None and self._log_bytes() > self._limits.wal_bytes:
            copied = self._insist() or copied
        self._pages = 0
        if copied is None:
            return None
        pages, done = copied
        return Checkpointed(pages=pages, left=pages - done, seconds=self._clock.monotonic() - began)

    def _insist(self) -> tuple[int, int] | None:
        """Wait a little for the readers that keep the log from being reused."""
        execute = self._database.connection.execute
        execute(_PATIENCE.format(_INSIST_MS))
        try:
            return self._checkpoint(_TRUNCATE)
        finally:
            execute(_PATIENCE.format(round(self._limits.busy * 1000)))

    def finish(self) -> None:
        """Copy all of the log and empty it, before the store is closed."""
        self._checkpoint(_TRUNCATE)

    def _checkpoint(self, how: str) -> tuple[int, int] | None:
        database = self._database
        with database.gate:
            try:
                database.check_file()
                busy, pages, done = database.connection.execute(how).fetchone()
            except sqlite3.Error as error:
                raise database.judged(error, syncing=True) from error
        return None if busy and pages < 0 else (pages, done)

    def _log_bytes(self) -> int:
        return self._log.stat().st_size
