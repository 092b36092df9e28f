"""The engine that a URL `sqlite:...` names: the store with its journal, reader and connections."""

import sqlite3
from pathlib import Path
from typing import Any, final

from hardpoint.core.errors import UnsupportedError
from hardpoint.store.driver import Lease
from hardpoint.store.guests.shared import SharedStore
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite.connections import connect, prepare_engine
from hardpoint.store.sqlite.joining import JoiningCompletion, complete_in
from hardpoint.store.sqlite.reader import SqliteReader
from hardpoint.store.sqlite.store import SqliteStore


@final
class SqliteEngine(SqliteStore):
    """A `StoreEngine` in one SQLite file; see `SqliteStore` for the arguments.

    Attributes:
        shared: the same as one process of several uses it.
    """

    def __init__(self, path: str | Path, **options: Any) -> None:
        super().__init__(path, **options)
        self.shared = SharedStore(self)

    def journal(self, *, blocking: bool = False) -> StoreJournal:
        """Where calls are written down; see `StoreEngine`."""
        return StoreJournal(self.shared, blocking=blocking)

    def reader(self) -> SqliteReader:
        """Looks into the file without touching it; see `StoreEngine`."""
        return SqliteReader(self.path)

    def complete_in(self, lease: Lease, target: Any, *, started_at: float) -> JoiningCompletion:
        """See `complete_in` in `joining`; `target` is None for `job.transaction`.

        Raises:
            UnsupportedError: there is no connection to lend.
        """
        if target is None:
            raise UnsupportedError(
                "job.transaction is for a store in PostgreSQL: SQLite has one writer, and a block "
                "would hold it up. Use job.write, or job.complete_in on a connection of your own"
            )
        return complete_in(self, lease, target, started_at=started_at)

    def connect(self, *, timeout: float = 5.0, **options: Any) -> sqlite3.Connection:
        """A connection to the file that never copies the log; see `StoreEngine`."""
        return connect(self.path, timeout=timeout, **options)

    def prepare_engine(self, engine: Any) -> None:
        """See `StoreEngine`."""
        prepare_engine(engine)
