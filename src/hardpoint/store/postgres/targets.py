"""What `complete_in` takes on PostgreSQL, behind one shape.

None of these libraries is imported unless one of its objects is given. Statements are written with
`$1`, and their parameters come in that order.
"""

import re
import sys
from functools import cache
from typing import Any, Final, Protocol, final

from hardpoint.core.errors import StoreMisuseError
from hardpoint.store.django import DjangoAtomic, django_connection

_PARAMETER: Final = re.compile(r"\$\d+")


class BlockTarget(Protocol):
    """A connection or session of the application's. A blocking one's methods never suspend.

    Attributes:
        is_async: whether its methods are to be awaited.
        given: what the block is given.
    """

    is_async: bool
    given: Any

    def in_transaction(self) -> bool:
        """Whether it is in one already."""
        ...

    async def begin(self) -> None:
        """Begin one."""
        ...

    async def run(self, sql: str, *parameters: Any) -> Any:
        """Run a statement; gives the first value of its first row, if there is one."""
        ...

    async def flush(self) -> None:
        """Send what it holds back."""
        ...

    async def commit(self) -> None:
        """Commit."""
        ...

    async def roll_back(self) -> None:
        """Roll back what is open; a connection that is lost has nothing."""
        ...


def block_target(target: Any) -> BlockTarget:
    """The connection or session, behind the shape that all share.

    Blocking: psycopg's `Connection`, SQLAlchemy's `Session` and `scoped_session`, a connection of
    Django's. Awaited: asyncpg's `Connection`, psycopg's `AsyncConnection`, `AsyncSession`.

    Raises:
        StoreMisuseError: it is none of them.
    """
    if _is_a(target, "sqlalchemy.orm", "scoped_session"):
        target = target()
    of_django = django_connection(target)
    if of_django is not None:
        return _DjangoTarget(of_django)
    for module, name, made in _KINDS:
        if _is_a(target, module, name):
            return made(target)
    raise StoreMisuseError(
        "complete_in takes a connection of asyncpg, psycopg or Django, or SQLAlchemy's Session or "
        f"AsyncSession, not {type(target).__qualname__}"
    )


def sqlstate_of(error: BaseException) -> str | None:
    """The code that the server gave an error, through whatever it was wrapped in."""
    cause: Any = error
    while cause is not None:
        for name in ("sqlstate", "pgcode"):
            found = getattr(cause, name, None)
            if found is not None:
                return found
        cause = getattr(cause, "orig", None) or cause.__cause__
    return None


def _is_a(target: object, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(target, getattr(loaded, name))


@cache
def _positional(sql: str) -> str:
    """The same statement for drivers that write `%s`."""
    return _PARAMETER.sub("%s", sql)


@final
class _AsyncpgTarget:
    is_async = True

    def __init__(self, given: Any) -> None:
        self.given = given

    def in_transaction(self) -> bool:
        return self.given.is_in_transaction()

    async def begin(self) -> None:
        await self.given.execute("begin")

    async def run(self, sql: str, *parameters: Any) -> Any:
        return await self.given.fetchval(sql, *parameters)

    async def flush(self) -> None:
        """It holds nothing back."""

    async def commit(self) -> None:
        await self.given.execute("commit")

    async def roll_back(self) -> None:
        if not self.given.is_closed() and self.given.is_in_transaction():
            await self.given.execute("rollback")


class _OfPsycopg:
    """What both kinds of psycopg's connections have in common."""

    def __init__(self, given: Any) -> None:
        if given.pgconn.pipeline_status:
            raise StoreMisuseError("complete_in cannot be used in psycopg's pipeline mode")
        self.given = given

    def in_transaction(self) -> bool:
        return bool(self.given.info.transaction_status)


@final
class _PsycopgTarget(_OfPsycopg):
    is_async = False

    async def begin(self) -> None:
        if self.given.autocommit:  # else its first statement begins one
            await self.run("begin")

    async def run(self, sql: str, *parameters: Any) -> Any:
        from psycopg import Cursor
        from psycopg.rows import tuple_row

        with Cursor(self.given, row_factory=tuple_row) as cursor:
            cursor.execute(_positional(sql).encode(), parameters or None)
            row = cursor.fetchone() if cursor.description else None
            return None if row is None else row[0]

    async def flush(self) -> None:
        """It holds nothing back."""

    async def commit(self) -> None:
        self.given.commit()

    async def roll_back(self) -> None:
        if not self.given.closed:
            self.given.rollback()


@final
class _PsycopgAsyncTarget(_OfPsycopg):
    is_async = True

    async def begin(self) -> None:
        if self.given.autocommit:
            await self.run("begin")

    async def run(self, sql: str, *parameters: Any) -> Any:
        from psycopg import AsyncCursor
        from psycopg.rows import tuple_row

        async with AsyncCursor(self.given, row_factory=tuple_row) as cursor:
            await cursor.execute(_positional(sql).encode(), parameters or None)
            row = await cursor.fetchone() if cursor.description else None
            return None if row is None else row[0]

    async def flush(self) -> None:
        """It holds nothing back."""

    async def commit(self) -> None:
        await self.given.commit()

    async def roll_back(self) -> None:
        if not self.given.closed:
            await self.given.rollback()


class _OfSqlalchemy:
    """What both kinds of SQLAlchemy's sessions have in common."""

    def __init__(self, given: Any) -> None:
        self.given = given
        bind = given.get_bind()
        if bind.dialect.name != "postgresql":
            raise StoreMisuseError(
                f"the session is for {bind.dialect.name}, and the store is PostgreSQL"
            )
        self._dollars = "dollar" in bind.dialect.paramstyle
        self._outer = getattr(bind, "in_transaction", None)

    def in_transaction(self) -> bool:
        return self.given.in_transaction() or (self._outer is not None and self._outer())

    def statement(self, sql: str) -> str:
        return sql if self._dollars else _positional(sql)

    @staticmethod
    def first(result: Any) -> Any:
        return result.scalar() if result.returns_rows else None


@final
class _SessionTarget(_OfSqlalchemy):
    is_async = False

    async def begin(self) -> None:
        self.given.begin()

    async def run(self, sql: str, *parameters: Any) -> Any:
        connection = self.given.connection()
        return self.first(connection.exec_driver_sql(self.statement(sql), parameters))

    async def flush(self) -> None:
        self.given.flush()

    async def commit(self) -> None:
        self.given.commit()

    async def roll_back(self) -> None:
        self.given.rollback()


@final
class _AsyncSessionTarget(_OfSqlalchemy):
    is_async = True

    async def begin(self) -> None:
        await self.given.begin()

    async def run(self, sql: str, *parameters: Any) -> Any:
        connection = await self.given.connection()
        return self.first(await connection.exec_driver_sql(self.statement(sql), parameters))

    async def flush(self) -> None:
        await self.given.flush()

    async def commit(self) -> None:
        await self.given.commit()

    async def roll_back(self) -> None:
        await self.given.rollback()


@final
class _DjangoTarget:
    is_async = False

    def __init__(self, given: Any) -> None:
        self.given = given
        if given.vendor != "postgresql":
            raise StoreMisuseError(
                f"the connection is for {given.vendor}, and the store is PostgreSQL"
            )
        self._atomic = DjangoAtomic(given)

    def in_transaction(self) -> bool:
        return self._atomic.in_transaction()

    async def begin(self) -> None:
        self._atomic.begin()

    async def run(self, sql: str, *parameters: Any) -> Any:
        with self.given.cursor() as cursor:
            cursor.execute(_positional(sql), parameters or None)
            row = cursor.fetchone() if cursor.description else None
            return None if row is None else row[0]

    async def flush(self) -> None:
        """It holds nothing back."""

    async def commit(self) -> None:
        self._atomic.commit()

    async def roll_back(self) -> None:
        self._atomic.roll_back()


_KINDS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("asyncpg", "Connection", _AsyncpgTarget),
    ("asyncpg.pool", "PoolConnectionProxy", _AsyncpgTarget),
    ("psycopg", "Connection", _PsycopgTarget),
    ("psycopg", "AsyncConnection", _PsycopgAsyncTarget),
    ("sqlalchemy.orm", "Session", _SessionTarget),
    ("sqlalchemy.ext.asyncio", "AsyncSession", _AsyncSessionTarget),
)
