"""What `write_in` writes on: a connection or session of the application's, whatever it is of."""

import sqlite3
import sys
from inspect import iscoroutinefunction
from typing import Any, Final, Protocol, final

from hardpoint.core.errors import StoreMisuseError
from hardpoint.store.django import DjangoAtomic, django_connection

_OF_KINDS: Final = {"mysql", "mariadb", "pymysql", "mysqldb"}
"""Dialects of SQLAlchemy, and modules of drivers, whose tables are of several kinds."""


class FencedTarget(Protocol):
    """A connection or session of the application's. A blocking one's methods never suspend.

    Attributes:
        given: what the function is given.
        of_kinds: whether its tables may be of kinds that take no part in transactions.
    """

    given: Any
    of_kinds: bool

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


def fenced_target(target: object) -> tuple[FencedTarget, bool]:
    """What it is for us, and whether it is awaited.

    Raises:
        StoreMisuseError: it is nothing that we can write on.
    """
    for kind, name, made in _KINDS:
        if _is_a(target, kind, name):
            return made(target), kind.endswith("asyncio")
    return _blocking_target(target), False


def _is_a(target: object, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(target, getattr(loaded, name))


def _blocking_target(target: Any) -> FencedTarget:
    of_django = django_connection(target)
    if of_django is not None:
        return _DjangoFenced(of_django)
    if all(hasattr(target, name) for name in ("cursor", "commit", "rollback")):
        if iscoroutinefunction(target.commit):
            raise StoreMisuseError(
                f"write_in does not await {type(target).__qualname__} itself: give it SQLAlchemy's "
                "AsyncConnection or AsyncSession over that driver"
            )
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
        self.of_kinds = type(given).__module__.partition(".")[0].lower() in _OF_KINDS
        self._style = _paramstyle(given)
        self._begun = self._held_off = False

    def in_transaction(self) -> bool:
        given = self.given
        if isinstance(given, sqlite3.Connection):  # from 3.12 on one may always be in one
            return given.in_transaction and getattr(given, "autocommit", True) is not False
        status = getattr(getattr(given, "info", None), "transaction_status", 0)  # psycopg
        flags = getattr(given, "server_status", 0)  # PyMySQL
        return bool(getattr(given, "in_transaction", False) or status or flags & 1)

    async def begin(self) -> None:
        if not _commits_each(self.given):
            return
        if self.of_kinds:  # after a deadlock what follows `begin` would be committed at once
            _set_autocommit(self.given, on=False)
            self._held_off = True
        else:
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
            self._as_it_was()

    async def roll_back(self) -> None:
        if self._begun:
            self._begun = False
            self._execute("rollback")
        else:
            self.given.rollback()
            self._as_it_was()

    def _as_it_was(self) -> None:
        if self._held_off:
            self._held_off = False
            _set_autocommit(self.given, on=True)

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


def _set_autocommit(connection: Any, *, on: bool) -> None:
    if callable(connection.autocommit):  # PyMySQL and mysqlclient
        connection.autocommit(on)
    else:
        connection.autocommit = on


@final
class _DjangoFenced:
    def __init__(self, given: Any) -> None:
        self.given = given
        self.of_kinds = given.vendor == "mysql"
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
        self.of_kinds = False  # until it has begun: only then it is known what it is on

    def in_transaction(self) -> bool:
        return self.given.in_transaction()

    def begun_on(self, connection: Any) -> None:
        """See what it is on.

        Raises:
            StoreMisuseError: the engine commits each statement, and transactions have no effect.
        """
        self.of_kinds = connection.dialect.name in _OF_KINDS
        if connection._is_autocommit_isolation():
            raise StoreMisuseError(
                "the engine commits each statement (AUTOCOMMIT): use another for it"
            )

    def statement(self, sql: str, values: tuple[object, ...]) -> tuple[Any, dict[str, object]]:
        from sqlalchemy import text

        named = {f"v{number}": value for number, value in enumerate(values)}
        return text(sql.format(*(f":{name}" for name in named))), named


@final
class _SqlalchemyFenced(_OfSqlalchemyFenced):
    async def begin(self) -> None:
        self.given.begin()
        session = not _is_a(self.given, "sqlalchemy.engine", "Connection")
        self.begun_on(self.given.connection() if session else self.given)

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
        self.begun_on(connection.sync_connection)

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


_KINDS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("sqlalchemy.engine", "Connection", _SqlalchemyFenced),
    ("sqlalchemy.orm", "Session", _SqlalchemyFenced),
    ("sqlalchemy.orm", "scoped_session", _scoped),
    ("sqlalchemy.ext.asyncio", "AsyncConnection", _SqlalchemyAsyncFenced),
    ("sqlalchemy.ext.asyncio", "AsyncSession", _SqlalchemyAsyncFenced),
)
