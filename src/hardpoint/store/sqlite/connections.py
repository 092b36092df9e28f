"""Connections of the application's own to the store's file, beside hardpoint's.

They may read and write the application's tables. What they must not do is copy the log into the
database ("checkpoint"), which SQLite has every connection do by default: see `checkpoints`.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final

from hardpoint.core.errors import StoreError
from hardpoint.store.sqlite.files import create_private

NO_CHECKPOINT: Final = "pragma wal_autocheckpoint = 0"


def connect(path: Path, *, timeout: float = 5.0, **options: Any) -> sqlite3.Connection:
    """A connection to the store's file that never copies the log.

    Args:
        path: the database; made with mode 0600 when missing.
        timeout: seconds to wait for a lock.
        options: of `sqlite3.connect`.

    Raises:
        StoreUnavailableError: the file cannot be made.
    """
    if not path.exists():  # a look at an open store's file by other means would drop its locks
        create_private(path)
    connection = sqlite3.connect(path, timeout=timeout, **options)
    connection.execute(NO_CHECKPOINT)
    return connection


def prepare_engine(engine: Any) -> None:
    """Have a SQLAlchemy engine do the same for each connection it makes from now on.

    Args:
        engine: an `Engine` or `AsyncEngine`, before its first connection.

    Raises:
        StoreError: its database is not SQLite.
    """
    from sqlalchemy import event

    plain = getattr(engine, "sync_engine", engine)
    if plain.dialect.name != "sqlite":
        raise StoreError(f"the engine is for {plain.dialect.name}, and the store is SQLite")

    def connected(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(NO_CHECKPOINT)
        cursor.close()

    event.listen(plain, "connect", connected)
