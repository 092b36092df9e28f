"""Connections of the application's own to the store's file, beside hardpoint's.

They may read and write the application's tables, best in turn with hardpoint (`hub.turn()`). What
they must not do is copy the log into the database ("checkpoint"), which SQLite has every connection
do by default: see `Checkpoints`.

Four kinds take part in `complete_in`, behind one shape. SQLAlchemy and Django are optional: neither
is ever imported here unless one of its objects is given.
"""

import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from hardpoint.core.errors import StoreError, StoreMisuseError
from hardpoint.store.django import DjangoAtomic, django_connection
from hardpoint.store.sqlite.files import create_private
from hardpoint.store.sqlite.gate import Gate, Turn, overdue

NO_CHECKPOINT: Final = "pragma wal_autocheckpoint = 0"
_STEPS: Final = 5_000
"""Of SQLite's machine, between two looks whether a turn is over: about a tenth of a millisecond."""


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
    connection.set_progress_handler(overdue, _STEPS)
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
        if isinstance(connection, sqlite3.Connection):  # others run in threads of their own
            connection.set_progress_handler(overdue, _STEPS)
        cursor = connection.cursor()
        cursor.execute(NO_CHECKPOINT)
        cursor.close()

    event.listen(plain, "connect", connected)


_BEGIN = "begin immediate"
_ROLLBACK = "rollback"


class UserConnection(Protocol):
    """A user's connection or session. The methods of a blocking one never suspend."""

    is_async: bool
    target: Any

    async def start(self) -> None:
        """Get hold of a connection; refuses one that is in a transaction."""
        ...

    async def take(self, gate: Gate, seconds: float) -> Turn:
        """Wait for the gate, for so long."""
        ...

    async def begin(self) -> None:
        """Begin a transaction that has the write lock."""
        ...

    async def execute(self, sql: str) -> list[Any]:
        """Run a statement; gives its rows."""
        ...

    async def change(self, sql: str, parameters: Sequence[Any]) -> int:
        """Run a statement; gives how many rows it changed."""
        ...

    async def flush(self) -> None:
        """Send what the session holds back."""
        ...

    async def commit(self) -> None:
        """Commit."""
        ...

    async def roll_back(self) -> None:
        """Roll back what is open."""
        ...


def user_connection(target: object) -> UserConnection:
    """The connection or session to join, behind the shape that all share.

    Raises:
        StoreMisuseError: it is none of the four.
    """
    if isinstance(target, sqlite3.Connection):
        return _SqliteConnection(target)
    if _is_a(target, "sqlalchemy.orm", "Session"):
        return _SqlalchemySession(target)
    if _is_a(target, "sqlalchemy.ext.asyncio", "AsyncSession"):
        return _SqlalchemyAsyncSession(target)
    of_django = django_connection(target)
    if of_django is not None:
        return _DjangoConnection(of_django)
    raise StoreMisuseError(
        "complete_in takes a sqlite3.Connection, a connection of Django's, or SQLAlchemy's Session "
        f"or AsyncSession, not {type(target).__qualname__}"
    )


def _is_a(target: object, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(target, getattr(loaded, name))


def _refuse_open_transaction(in_transaction: bool) -> None:
    if in_transaction:
        raise StoreMisuseError(
            "the connection is in a transaction already: complete_in begins its own, so that it "
            "has the write lock from the start. Commit first"
        )


class _SqliteConnection:
    is_async = False

    def __init__(self, target: sqlite3.Connection) -> None:
        self.target = target

    async def start(self) -> None:
        _refuse_open_transaction(self.target.in_transaction)

    async def take(self, gate: Gate, seconds: float) -> Turn:
        return gate.acquire(seconds)

    async def begin(self) -> None:
        await self.execute(_BEGIN)

    async def execute(self, sql: str) -> list[Any]:
        return self._cursor().execute(sql).fetchall()

    async def change(self, sql: str, parameters: Sequence[Any]) -> int:
        return self._cursor().execute(sql, parameters).rowcount

    async def flush(self) -> None:
        """It holds nothing back."""

    async def commit(self) -> None:
        self._cursor().execute("commit")

    async def roll_back(self) -> None:
        if self.target.in_transaction:
            self._cursor().execute(_ROLLBACK)

    def _cursor(self) -> sqlite3.Cursor:
        return sqlite3.Cursor(self.target)  # a plain one, whatever row factory the user has set


class _SqlalchemySession:
    is_async = False

    def __init__(self, target: Any) -> None:
        self.target = target
        self._connection: Any = None

    async def start(self) -> None:
        _refuse_open_transaction(_joined(self.target, self.target.get_bind()))
        self.target.begin()
        self._connection = self.target.connection()
        if self._connection.connection.driver_connection.in_transaction:
            await self.execute(_ROLLBACK)  # a listener of the engine began it, without the lock

    async def take(self, gate: Gate, seconds: float) -> Turn:
        return gate.acquire(seconds)

    async def begin(self) -> None:
        await self.execute(_BEGIN)

    async def execute(self, sql: str) -> list[Any]:
        return _rows(self._connection.exec_driver_sql(sql))

    async def change(self, sql: str, parameters: Sequence[Any]) -> int:
        return self._connection.exec_driver_sql(sql, tuple(parameters)).rowcount

    async def flush(self) -> None:
        self.target.flush()

    async def commit(self) -> None:
        self.target.commit()

    async def roll_back(self) -> None:
        self.target.rollback()


class _SqlalchemyAsyncSession:
    is_async = True

    def __init__(self, target: Any) -> None:
        self.target = target
        self._connection: Any = None

    async def start(self) -> None:
        _refuse_open_transaction(_joined(self.target, self.target.get_bind()))
        await self.target.begin()
        self._connection = await self.target.connection()
        raw = await self._connection.get_raw_connection()
        if raw.driver_connection.in_transaction:
            await self.execute(_ROLLBACK)  # a listener of the engine began it, without the lock

    async def take(self, gate: Gate, seconds: float) -> Turn:
        return await gate.acquire_async(seconds)

    async def begin(self) -> None:
        await self.execute(_BEGIN)

    async def execute(self, sql: str) -> list[Any]:
        return _rows(await self._connection.exec_driver_sql(sql))

    async def change(self, sql: str, parameters: Sequence[Any]) -> int:
        return (await self._connection.exec_driver_sql(sql, tuple(parameters))).rowcount

    async def flush(self) -> None:
        await self.target.flush()

    async def commit(self) -> None:
        await self.target.commit()

    async def roll_back(self) -> None:
        await self.target.rollback()


class _DjangoConnection:
    is_async = False

    def __init__(self, target: Any) -> None:
        self.target = target
        if target.vendor != "sqlite":
            raise StoreMisuseError(
                f"the connection is for {target.vendor}, and the store is SQLite"
            )
        self._atomic = DjangoAtomic(target)

    async def start(self) -> None:
        _refuse_open_transaction(self._atomic.in_transaction())

    async def take(self, gate: Gate, seconds: float) -> Turn:
        return gate.acquire(seconds)

    async def begin(self) -> None:
        mode = getattr(self.target, "transaction_mode", None)
        self.target.transaction_mode = "IMMEDIATE"  # as OPTIONS of its settings could say
        try:
            self._atomic.begin()
        finally:
            self.target.transaction_mode = mode

    async def execute(self, sql: str) -> list[Any]:
        with self.target.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    async def change(self, sql: str, parameters: Sequence[Any]) -> int:
        with self.target.cursor() as cursor:
            return cursor.execute(sql.replace("?", "%s"), tuple(parameters)).rowcount

    async def flush(self) -> None:
        """It holds nothing back."""

    async def commit(self) -> None:
        self._atomic.commit()

    async def roll_back(self) -> None:
        self._atomic.roll_back()


def _joined(session: Any, bind: Any) -> bool:
    """Whether a session is in a transaction, of its own or of the connection it is bound to."""
    outer = getattr(bind, "in_transaction", None)
    return session.in_transaction() or (outer is not None and outer())


def _rows(result: Any) -> list[Any]:
    return result.fetchall() if result.returns_rows else []
