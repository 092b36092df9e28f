"""The three kinds of connection that `complete_in` joins, behind one shape.

SQLAlchemy is optional: it is never imported here unless the target is one of its objects.
"""

import sqlite3
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from hardpoint.core.errors import StoreMisuseError
from hardpoint.store.sqlite.gate import Gate, Turn

_ROLLBACK = "rollback"


class Side(Protocol):
    """A user's connection or session. The methods of a blocking one never suspend."""

    is_async: bool
    target: Any

    async def start(self) -> None:
        """Get hold of a connection; refuses one that is in a transaction."""
        ...

    async def take(self, gate: Gate, seconds: float) -> Turn:
        """Wait for the gate, for so long."""
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


def side_of(target: object) -> Side:
    """The side for a target.

    Raises:
        StoreMisuseError: it is none of the three.
    """
    if isinstance(target, sqlite3.Connection):
        return _Plain(target)
    if _is_a(target, "sqlalchemy.orm", "Session"):
        return _Session(target)
    if _is_a(target, "sqlalchemy.ext.asyncio", "AsyncSession"):
        return _AsyncSession(target)
    raise StoreMisuseError(
        "complete_in takes a sqlite3.Connection, or SQLAlchemy's Session or AsyncSession, not "
        f"{type(target).__qualname__}"
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


class _Plain:
    is_async = False

    def __init__(self, target: sqlite3.Connection) -> None:
        self.target = target

    async def start(self) -> None:
        _refuse_open_transaction(self.target.in_transaction)

    async def take(self, gate: Gate, seconds: float) -> Turn:
        return gate.acquire(seconds)

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


class _Session:
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


class _AsyncSession:
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


def _joined(session: Any, bind: Any) -> bool:
    """Whether a session is in a transaction, of its own or of the connection it is bound to."""
    outer = getattr(bind, "in_transaction", None)
    return session.in_transaction() or (outer is not None and outer())


def _rows(result: Any) -> list[Any]:
    return result.fetchall() if result.returns_rows else []
