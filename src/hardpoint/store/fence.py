"""The fence table: writes in a database that is not the store's, exactly once for each job.

A row for the event and the handler is committed together with the writes. Whoever finds it, after
a crash between that commit and the job's own end, knows that they were made. Two attempts at a time
cannot both insert it: the second waits for the first, and finds it.
"""

import sqlite3
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol, TypeVar, cast, final

from hardpoint.core.errors import StoreError, StoreMisuseError
from hardpoint.store.django import DjangoAtomic, django_connection

T = TypeVar("T")

FENCE_TABLE: Final = (
    "create table hardpoint_done (event varchar(36) not null, handler varchar(255) not null,"
    " done_at double precision not null, primary key (event, handler))"
)
"""Makes the table, in any database whose tables take part in transactions."""

_LOOK = "select handler from hardpoint_done where event = {} and handler = {}"
_NOTE = "insert into hardpoint_done (event, handler, done_at) values ({}, {}, {})"

FencedWrite = Callable[[Any], object]
"""Writes on the connection or session that it is given, and neither commits nor rolls back."""


class FencedTarget(Protocol):
    """A connection or session of the application's. A blocking one's methods never suspend.

    Attributes:
        given: what the function is given.
    """

    given: Any

    def in_transaction(self) -> bool:
        """Whether it is in one already."""
        ...

    async def begin(self) -> None:
        """Begin one."""
        ...

    async def run(self, sql: str, *values: object) -> Any:
        """Run a statement with `{}` for its values; gives its first row, if there is one."""
        ...

    async def commit(self) -> None:
        """Send what it holds back, and commit."""
        ...

    async def roll_back(self) -> None:
        """Roll back what is open."""
        ...


def write_fenced(
    target: object, function: FencedWrite, *, event: str, handler: str, now: float
) -> Any:
    """Call the function in a transaction of the target's, unless that was done for this job.

    Args:
        target: any DB-API connection, SQLAlchemy's `Connection` or `Session`, or a connection of
            Django's; or, awaited, SQLAlchemy's `AsyncConnection` or `AsyncSession`.
        function: writes; a coroutine function where it is awaited.
        event: whose job it is.
        handler: the job's.
        now: Unix seconds, for whoever clears the table.

    Returns:
        True when it has written; False when it had, before. An awaitable of that for what is
        awaited.

    Raises:
        StoreMisuseError: the target does not fit, or is in a transaction already.
        StoreError: there is no fence table, or it takes two handlers for the same.
    """
    for kind, name, made in _KINDS:
        if _is_a(target, kind, name):
            fenced, awaited = made(target), kind.endswith("asyncio")
            break
    else:
        fenced, awaited = _blocking_target(target), False
    work = _written(fenced, function, event, handler, now)
    return work if awaited else _stepped(work)


async def _written(
    target: FencedTarget, function: FencedWrite, event: str, handler: str, now: float
) -> bool:
    if target.in_transaction():
        raise StoreMisuseError(
            "the connection is in a transaction already: write_in begins its own, and commits it"
        )
    try:
        await target.begin()
        if await _noted(target, event, handler):
            await target.roll_back()
            return False
        if not await _note(target, event, handler, now):
            return False
        result = function(target.given)
        if isinstance(result, Awaitable):
            await result
        await target.commit()
    except BaseException:
        await target.roll_back()
        raise
    return True


async def _noted(target: FencedTarget, event: str, handler: str) -> bool:
    try:
        row = await target.run(_LOOK, event, handler)
    except Exception as error:
        raise StoreError(
            f"the fence table hardpoint_done cannot be read there ({error}). Make it once, with "
            f"your own migrations: {FENCE_TABLE}"
        ) from error
    found = None if row is None else _first(row)
    if found not in {None, handler}:
        raise StoreError(
            f"the database takes the handlers {handler} and {found} for the same: give one of them "
            "another name, or the column hardpoint_done.handler a collation that tells them apart"
        )
    return found is not None


def _first(row: Any) -> Any:
    """The first value, whatever the application has rows look like."""
    return (
        next(iter(cast("Mapping[str, Any]", row).values())) if isinstance(row, Mapping) else row[0]
    )


async def _note(target: FencedTarget, event: str, handler: str, now: float) -> bool:
    """Whether the row is ours: another attempt may have inserted it between our look and now."""
    try:
        await target.run(_NOTE, event, handler, now)
    except Exception:
        await target.roll_back()
        await target.begin()
        if not await _noted(target, event, handler):
            raise
        await target.roll_back()
        return False
    return True


def _stepped(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine over a blocking connection to its end: it never suspends."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise StoreMisuseError(
        "the function awaits something: on a connection that blocks it is a plain def"
    )


def _is_a(target: object, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(target, getattr(loaded, name))


def _blocking_target(target: Any) -> FencedTarget:
    of_django = django_connection(target)
    if of_django is not None:
        return _DjangoFenced(of_django)
    if all(hasattr(target, name) for name in ("cursor", "commit", "rollback")):
        return _DbApiFenced(target)
    raise StoreMisuseError(
        "write_in takes a DB-API connection, a connection of Django's, or SQLAlchemy's Connection, "
        f"Session, AsyncConnection or AsyncSession, not {type(target).__qualname__}"
    )


@final
class _DbApiFenced:
    """PEP 249 begins a transaction by itself, but for connections that commit each statement."""

    def __init__(self, given: Any) -> None:
        self.given = given
        self._style = _paramstyle(given)
        self._begun = False

    def in_transaction(self) -> bool:
        given = self.given
        if isinstance(given, sqlite3.Connection):  # from 3.12 on one may always be in one
            return given.in_transaction and getattr(given, "autocommit", True) is not False
        status = getattr(getattr(given, "info", None), "transaction_status", 0)  # psycopg
        flags = getattr(given, "server_status", 0)  # PyMySQL
        return bool(getattr(given, "in_transaction", False) or status or flags & 1)

    async def begin(self) -> None:
        if _commits_each(self.given):
            self._execute("begin")
            self._begun = True

    async def run(self, sql: str, *values: object) -> Any:
        if self._style == "named":
            named = {f"v{number}": value for number, value in enumerate(values)}
            return self._execute(sql.format(*(f":{name}" for name in named)), named)
        marks = (_MARKS[self._style].format(number + 1) for number in range(len(values)))
        return self._execute(sql.format(*marks), values)

    async def commit(self) -> None:
        if self._begun:  # `commit()` does nothing on some that commit each statement
            self._execute("commit")
            self._begun = False
        else:
            self.given.commit()

    async def roll_back(self) -> None:
        if self._begun:
            self._begun = False
            self._execute("rollback")
        else:
            self.given.rollback()

    def _execute(self, sql: str, *values: Any) -> Any:
        cursor = self.given.cursor()
        try:
            cursor.execute(sql, *values)
            return cursor.fetchone() if cursor.description else None
        finally:
            cursor.close()


_MARKS: Final = {"qmark": "?", "numeric": ":{}", "format": "%s", "pyformat": "%s"}


def _paramstyle(connection: object) -> str:
    """How its driver writes parameters, which the driver's module says."""
    for kind in type(connection).__mro__:
        name = kind.__module__
        while name:
            style = getattr(sys.modules.get(name), "paramstyle", None)
            if style is not None:
                return style
            name = name.rpartition(".")[0]
    raise StoreMisuseError(
        f"{type(connection).__qualname__} is of no DB-API driver: its module has no `paramstyle`"
    )


def _commits_each(connection: Any) -> bool:
    """Whether each statement is committed by itself unless a transaction is begun."""
    if isinstance(connection, sqlite3.Connection) and connection.isolation_level is None:
        return True
    asked = getattr(connection, "get_autocommit", None)  # PyMySQL and mysqlclient
    found = getattr(connection, "autocommit", False) if asked is None else asked()
    return isinstance(found, int) and found == 1  # sqlite3 has -1, for neither


@final
class _DjangoFenced:
    def __init__(self, given: Any) -> None:
        self.given = given
        self._atomic = DjangoAtomic(given)

    def in_transaction(self) -> bool:
        return self._atomic.in_transaction()

    async def begin(self) -> None:
        self._atomic.begin()

    async def run(self, sql: str, *values: object) -> Any:
        with self.given.cursor() as cursor:
            cursor.execute(sql.format(*["%s"] * len(values)), values)
            return cursor.fetchone() if cursor.description else None

    async def commit(self) -> None:
        self._atomic.commit()

    async def roll_back(self) -> None:
        self._atomic.roll_back()


class _OfSqlalchemyFenced:
    """What SQLAlchemy's connections and sessions have in common."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def in_transaction(self) -> bool:
        return self.given.in_transaction()

    def statement(self, sql: str, values: tuple[object, ...]) -> tuple[Any, dict[str, object]]:
        from sqlalchemy import text

        named = {f"v{number}": value for number, value in enumerate(values)}
        return text(sql.format(*(f":{name}" for name in named))), named


@final
class _SqlalchemyFenced(_OfSqlalchemyFenced):
    async def begin(self) -> None:
        self.given.begin()
        session = not _is_a(self.given, "sqlalchemy.engine", "Connection")
        _refuse_autocommit(self.given.connection() if session else self.given)

    async def run(self, sql: str, *values: object) -> Any:
        result = self.given.execute(*self.statement(sql, values))
        return result.fetchone() if result.returns_rows else None

    async def commit(self) -> None:
        self.given.commit()

    async def roll_back(self) -> None:
        self.given.rollback()


@final
class _SqlalchemyAsyncFenced(_OfSqlalchemyFenced):
    async def begin(self) -> None:
        await self.given.begin()
        session = _is_a(self.given, "sqlalchemy.ext.asyncio", "AsyncSession")
        connection = await self.given.connection() if session else self.given
        _refuse_autocommit(connection.sync_connection)

    async def run(self, sql: str, *values: object) -> Any:
        result = await self.given.execute(*self.statement(sql, values))
        return result.fetchone() if result.returns_rows else None

    async def commit(self) -> None:
        await self.given.commit()

    async def roll_back(self) -> None:
        await self.given.rollback()


def _scoped(registry: Any) -> FencedTarget:
    """This thread's session."""
    return _SqlalchemyFenced(registry())


def _refuse_autocommit(connection: Any) -> None:
    """SQLAlchemy says of itself that its transactions then have no effect."""
    if connection._is_autocommit_isolation():
        raise StoreMisuseError("the engine commits each statement (AUTOCOMMIT): use another for it")


_KINDS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("sqlalchemy.engine", "Connection", _SqlalchemyFenced),
    ("sqlalchemy.orm", "Session", _SqlalchemyFenced),
    ("sqlalchemy.orm", "scoped_session", _scoped),
    ("sqlalchemy.ext.asyncio", "AsyncConnection", _SqlalchemyAsyncFenced),
    ("sqlalchemy.ext.asyncio", "AsyncSession", _SqlalchemyAsyncFenced),
)
