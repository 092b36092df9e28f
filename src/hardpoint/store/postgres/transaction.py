"""Users' write functions on PostgreSQL: statements are recorded, and awaiting one gives its rows.

So one function serves every engine: a plain `def` that only writes, or an `async def` that awaits
nothing but the transaction.
"""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator, Sequence
from typing import Any, Final, cast, final

from hardpoint.core.errors import MisuseError, StoreMisuseError
from hardpoint.store.driver import SqlWrite, Write

Elsewhere = Callable[[Coroutine[Any, Any, None]], Awaitable[None]]
"""Has work done where the connection lives."""

_CONTROL: Final = re.compile(
    r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
    r"(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare\s+transaction"
    r"|(?:re)?set\s+(?:(?:local|session)\s+)?(?:role|session\s+authorization)|discard)\b",
    re.IGNORECASE | re.DOTALL,
).match


def refuse_control(sql: str) -> None:
    """The transaction is the store's to begin and to end, and so is the role in it.

    Raises:
        MisuseError: a statement would.
    """
    if _CONTROL(sql):
        raise MisuseError("your statements may not begin, commit, roll back or change the role")


_BECOME: Final = """
select
    set_config('role', $1, true),
    set_config('search_path', coalesce(
        (
            select substr(setting, length('search_path=') + 1)
            from pg_catalog.pg_db_role_setting s
            join pg_catalog.pg_roles r on r.oid = s.setrole, unnest(s.setconfig) setting
            where r.rolname = $1 and starts_with(setting, 'search_path=')
                and s.setdatabase in (
                    0, (select oid from pg_catalog.pg_database where datname = current_database())
                )
            order by s.setdatabase desc
            limit 1
        ),
        current_setting('search_path')
    ), true)
"""


async def become(connection: Any, role: str | None) -> None:
    """Until the transaction ends, act as this role, with its search path; None stays as it is."""
    if role is not None:
        await connection.execute(_BECOME, role)


@final
class PostgresRows:
    """What a statement gave.

    Attributes:
        rowcount: how many rows it gave or changed.
    """

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self.rowcount = rowcount
        self._rows = iter(rows)

    def fetchone(self) -> Any:
        """The next row; None after the last."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """All that are left."""
        return [*self._rows]

    def __iter__(self) -> Iterator[Any]:
        return self._rows


@final
class PostgresStatement:
    """A statement of a write function: carried out when awaited, or when it ends."""

    def __init__(self, transaction: "PostgresTransaction", sql: str, rows: Sequence[Any]) -> None:
        self.sql = sql
        self.rows = rows
        self.done: PostgresRows | None = None
        self._transaction = transaction

    def __await__(self) -> Generator[Any, Any, PostgresRows]:
        yield from self._transaction.carry_out(self).__await__()
        return cast(PostgresRows, self.done)

    def __getattr__(self, name: str) -> Any:
        raise MisuseError(_NOT_YET.format(name))

    def __iter__(self) -> Iterator[Any]:
        raise MisuseError(_NOT_YET.format("iter"))


_NOT_YET: Final = (
    "`{}` of a statement that was not carried out: on PostgreSQL write `async def`, and `await "
    "tx.execute(...)` where you read what it gives"
)


@final
class PostgresTransaction:
    """A `Transaction` on one connection, inside a transaction that is the store's own.

    Args:
        connection: of asyncpg.
        role: that the statements run as; None stays as it is.
        elsewhere: has them run where the connection lives, if that is not here.
    """

    def __init__(
        self, connection: Any, *, role: str | None = None, elsewhere: Elsewhere | None = None
    ) -> None:
        self._connection = connection
        self._role = role
        self._elsewhere = elsewhere
        self._turn = asyncio.Lock()
        self._open = True
        self._waiting: list[PostgresStatement] = []

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """Have one statement carried out; its parameters are `$1`, `$2`, ..."""
        return self._record(sql, [parameters])

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> Any:
        """Have one statement carried out for each row of parameters."""
        return self._record(sql, parameters)

    async def run(self, functions: Sequence[Write]) -> None:
        """Call these functions, one after another, and carry out all they asked for."""
        for function in functions:
            if isinstance(function, SqlWrite):
                function(self)
            elif inspect.iscoroutinefunction(function):
                await function(self)
            else:  # it may hold its thread up, which may not be this one
                result, error = await asyncio.to_thread(_called, function, self)
                if error is not None:
                    raise error
                if inspect.isawaitable(result) and not isinstance(result, PostgresStatement):
                    await result
            await self.carry_out(None)

    async def carry_out(self, last: PostgresStatement | None) -> None:
        """Do what waits, in order, up to this one; or all."""
        work = self._carry_out(last)
        await (work if self._elsewhere is None else self._elsewhere(work))

    def end(self) -> None:
        """Take no more: the connection is another's from here on."""
        self._open = False

    async def _carry_out(self, last: PostgresStatement | None) -> None:
        async with self._turn:
            while self._waiting and (last is None or last.done is None):
                self._check()
                statement = self._waiting.pop(0)
                statement.done = await self._done(statement)

    def _check(self) -> None:
        if not self._open:
            raise StoreMisuseError("this transaction has ended; it is valid only in its block")

    def _record(self, sql: str, rows: Sequence[Any]) -> PostgresStatement:
        self._check()
        refuse_control(sql)
        if any(isinstance(row, dict) for row in rows):
            raise MisuseError("PostgreSQL takes parameters by position: $1, $2, ...")
        statement = PostgresStatement(self, sql, rows)
        self._waiting.append(statement)
        return statement

    async def _done(self, statement: PostgresStatement) -> PostgresRows:
        role, self._role = self._role, None
        await become(self._connection, role)
        prepared = await _prepared(self._connection, statement.sql)
        found: list[Any] = []
        count = 0
        try:
            for row in statement.rows:
                found += await prepared.fetch(*row)
                count += _count(prepared.get_statusmsg())
        except BaseException:  # what it was prepared for may have changed
            _known.get(self._connection, {}).pop(statement.sql, None)
            raise
        return PostgresRows(found, count)


_known: Final[dict[Any, dict[str, Any]]] = {}
"""Statements that were prepared, by their connection; the same ones come again and again."""
_KNOWN_MAX: Final = 100


async def _prepared(connection: Any, sql: str) -> Any:
    known = _known.get(connection)
    if known is None:
        known = _known[connection] = {}
        connection.add_termination_listener(_forget)
    found = known.pop(sql, None) or await connection.prepare(sql)
    known[sql] = found  # the last to go
    if len(known) > _KNOWN_MAX:
        del known[next(iter(known))]
    return found


def _forget(connection: Any) -> None:
    _known.pop(connection, None)


def _called(
    function: Write, transaction: PostgresTransaction
) -> tuple[object, BaseException | None]:
    """Its result, or what it raised, whatever that is: a coroutine dies of some that it awaits."""
    try:
        return function(transaction), None
    except BaseException as error:  # noqa: BLE001 - given to whoever asked
        return None, error


def _count(status: str) -> int:
    """How many rows, by what the server said: `INSERT 0 3`, `SELECT 2`, `CREATE TABLE`."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0
