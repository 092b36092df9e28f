"""The durable engine on SQLite: one process, one writer thread, group commit."""

from hardpoint.store.retention import Retention
from hardpoint.store.sqlite.connections import connect, prepare_engine
from hardpoint.store.sqlite.database import library_finding
from hardpoint.store.sqlite.joining import complete_in
from hardpoint.store.sqlite.limits import StatementLimits
from hardpoint.store.sqlite.reader import SqliteReader
from hardpoint.store.sqlite.store import SqliteStore

__all__ = [
    "Retention",
    "SqliteReader",
    "SqliteStore",
    "StatementLimits",
    "complete_in",
    "connect",
    "library_finding",
    "prepare_engine",
]
