"""What a `job.write` function gets: the store's own transaction, and only SQL in it.

SQL can be interrupted, and Python code cannot. Whoever sleeps in a write function holds the store's
transaction, and with it every accept; so the writer has them called on a thread that it can leave
behind, and waits for a while only.
"""

import inspect
import re
import sqlite3
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import Any, Final, final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreMisuseError, TimedOutError, TransactionLostError
from hardpoint.store.driver import Write
from hardpoint.store.sqlite.files import interrupted
from hardpoint.store.statements import MARK

ABANDONED_MAX = 16
"""Threads left behind at a time; while there are so many, no write function is called."""

_STEPS = 4_000
"""Virtual machine instructions between two looks at the time: some 20 us."""

_CONTROL = frozenset(
    {
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
        sqlite3.SQLITE_PRAGMA,
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
    }
)
_TEMPORARY = frozenset(
    {
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
    }
)
"""What is temporary belongs to the connection, which all write functions share."""

_DENIED = _CONTROL | _TEMPORARY
_READING = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_FUNCTION,
    }
)


class UserWrites:
    """Runs users' write functions on the writer's connection, within a time limit, and watched.

    A group of completions shares one time limit, so that accepts wait no longer for all of them.

    The authorizer stays installed: installing it for each call would make SQLite prepare every
    statement anew. It looks only while a write function runs.
    """

    def __init__(
        self, connection: sqlite3.Connection, *, clock: Clock, seconds: float, value_bytes: int
    ) -> None:
        self._connection = connection
        self._value_bytes = value_bytes
        self._value_bytes_else = connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
        self._clock = clock
        self._seconds = seconds
        self._until: float | None = None
        self._left = seconds
        self._thread = AbandonableThread()
        connection.set_authorizer(self._authorize)
        connection.set_progress_handler(self._overdue, _STEPS)

    def begin(self) -> None:
        """A group begins: it has the whole time limit."""
        self._left = self._seconds

    @property
    def exhausted(self) -> bool:
        """Whether others of the group have used up the time; it was not this one's turn yet."""
        return self._left <= 0

    def run(self, writes: Sequence[Write]) -> None:
        """Call each function with the transaction, within what is left of the group's time.

        Raises:
            Postponed: the time was up, most of which others had used.
            TimedOutError: they took too long; they can write no more, even if they go on.
            BaseException: what one of them raised. Look whether the transaction is still there.
        """
        transaction = SqliteTransaction(self._connection)
        given, began = self._left, self._clock.monotonic()
        self._until = began + given
        # No look at the time comes between the bytes of one value: zeroblob(900000000).
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._value_bytes)

        def call() -> None:
            for write in writes:
                _finish(write(transaction), write)

        ended = True
        try:
            ended = self._thread.call(call, given)
        except Exception as error:
            if interrupted(error):
                raise self._too_long(given) from error
            raise
        finally:
            transaction.end()  # first of all: from here on nothing is written by them
            self._until = None
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._value_bytes_else)
            self._left = max(0.0, given - (self._clock.monotonic() - began)) if ended else 0.0
        if not ended:
            raise self._too_long(given)

    def close(self) -> None:
        """Let their thread end."""
        self._thread.close()

    def _too_long(self, given: float) -> Exception:
        if given < self._seconds / 2:
            return Postponed()
        return TimedOutError(
            f"the write functions took more than {given:.2g} s; they are to run SQL and do nothing "
            "else"
        )

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if self._until is None or action in _READING:
            return sqlite3.SQLITE_OK
        if action in _DENIED or _is_ours(first) or _is_ours(second):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    def _overdue(self) -> int:
        return self._until is not None and self._clock.monotonic() > self._until


class Postponed(Exception):  # noqa: N818 - an answer
    """What was asked for is to be asked again: others had used up its time."""


def _is_ours(name: str | None) -> bool:
    return name is not None and name.lower().startswith("hardpoint_")


def _finish(result: object, write: Write) -> None:
    """Take an `async def` function to its end: its statements never suspend."""
    if not inspect.iscoroutine(result):
        return
    try:
        result.send(None)
    except StopIteration:
        return
    result.close()
    raise StoreMisuseError(
        f"{write!r} awaits something else than its statements; a write function runs SQL only"
    )


class SqliteTransaction:
    """The transaction of one completion. It ends with the call it was handed to."""

    __slots__ = ("_connection", "_mutex", "_open", "_rows")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._mutex = threading.Lock()
        self._open = True
        self._rows: list[Rows] = []

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> "Rows":
        """Run one statement."""
        with self._mutex:
            self._check(sql)
            try:
                return self._keep(self._connection.execute(sql, bound(sql, parameters)))
            except sqlite3.DatabaseError as error:
                raise _explained(error) from error

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> "Rows":
        """Run one statement for each row of parameters."""
        with self._mutex:
            self._check(sql)
            try:
                return self._keep(
                    self._connection.executemany(sql, [bound(sql, one) for one in parameters])
                )
            except sqlite3.DatabaseError as error:
                raise _explained(error) from error

    def end(self) -> None:
        """Close what is open; a result set left half read would keep the log from being reused.

        Whoever still has it can do nothing with it, on whatever thread.
        """
        with self._mutex:
            self._open = False
            for rows in self._rows:
                rows.cursor.close()

    def _check(self, sql: str) -> None:
        if not self._open:
            raise StoreMisuseError("this transaction has ended; it is valid only during the call")
        if not self._connection.in_transaction:
            raise TransactionLostError
        if MARK in sql:
            raise StoreMisuseError(
                "the SQL of a write function may not contain hardpoint's own mark"
            )

    def _keep(self, cursor: sqlite3.Cursor) -> "Rows":
        rows = Rows(cursor, self._mutex)
        if cursor.description is not None:
            self._rows.append(rows)
        return rows


_NUMBERED: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^]]*]|--[^\n]*|/\*.*?\*/|\$([0-9]+)""", re.DOTALL
)
"""Text, names and comments, which may hold anything, and parameters in the form `$1`."""


def bound(sql: str, parameters: Sequence[Any] | dict[str, Any]) -> Sequence[Any] | dict[str, Any]:
    """Parameters as `sqlite3` takes them: it knows `$1` as a name, and not as a number."""
    highest = _highest(sql)
    if not highest or isinstance(parameters, dict):
        return parameters
    if highest != len(parameters):
        raise StoreMisuseError(
            f"the statement has {highest} parameters, and {len(parameters)} were given"
        )
    return {str(number): value for number, value in enumerate(parameters, 1)}


@lru_cache(maxsize=256)
def _highest(sql: str) -> int:
    """The highest number of a parameter; 0 where none has one."""
    if "$" not in sql:
        return 0
    return max((int(found[1]) for found in _NUMBERED.finditer(sql) if found[1]), default=0)


class Rows:
    """What a statement gave: iterate over it, or ask. It ends with its transaction.

    It is there at once, which is so on SQLite alone: reading it before it was awaited warns.
    """

    __slots__ = ("_awaited", "_mutex", "cursor")

    def __init__(self, cursor: sqlite3.Cursor, mutex: threading.Lock) -> None:
        self.cursor = cursor
        self._mutex = mutex
        self._awaited = False

    @property
    def rowcount(self) -> int:
        """How many rows were changed; -1 for a query."""
        self._read()
        return self.cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The row id of the last insert."""
        self._read()
        return self.cursor.lastrowid

    @property
    def description(self) -> Any:
        """The columns, as DB-API has them; None unless it is a query."""
        self._read()
        return self.cursor.description

    def __await__(self) -> Generator[Any, None, "Rows"]:
        """Itself, at once: so one function reads its rows on every engine."""
        yield from ()
        self._awaited = True
        return self

    def __iter__(self) -> Iterator[Any]:
        self._read()
        return iter(self._next, None)

    def fetchone(self) -> Any:
        """The next row, or None."""
        self._read()
        return self._next()

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        self._read()
        with self._mutex:
            return self.cursor.fetchall()

    def close(self) -> None:
        """Give the rows up."""
        with self._mutex:
            self.cursor.close()

    def _next(self) -> Any:
        with self._mutex:
            return self.cursor.fetchone()

    def _read(self) -> None:
        if not self._awaited:
            self._awaited = True  # said once is enough
            warnings.warn(_NOT_PORTABLE, stacklevel=3)


_NOT_PORTABLE: Final = (
    "a statement is read that was not awaited, which works on SQLite alone: write `async def`, and "
    "`await tx.execute(...)` where you read what it gives"
)


def _explained(error: sqlite3.DatabaseError) -> Exception:
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_AUTH:
        return StoreMisuseError(
            "a write function may run SQL on your own tables only: no transaction control, PRAGMA, "
            "ATTACH or temporary table, and no change to hardpoint's tables"
        )
    return error


@final
class AbandonableThread:
    """Calls functions, one at a time, each for a limited time; for one thread that asks."""

    def __init__(self) -> None:
        self._thread: _CallingThread | None = None
        self._abandoned: list[_CallingThread] = []

    def call(self, function: Callable[[], object], seconds: float) -> bool:
        """Call it and wait for so long; False when it goes on all the same, which nobody can stop.

        Raises:
            TimedOutError: too many that were left behind have not returned.
            BaseException: what it raised.
        """
        self._abandoned = [one for one in self._abandoned if one.is_alive()]
        if len(self._abandoned) >= ABANDONED_MAX:
            raise TimedOutError(
                f"{ABANDONED_MAX} write functions that were given up have not returned"
            )
        helper = self._thread
        if helper is None:
            helper = self._thread = _CallingThread()
            helper.start()
        helper.asked.put(function)
        try:
            error = helper.answered.get(timeout=max(0.0, seconds))
        except Empty:
            helper.asked.put(None)  # it ends once the function returns
            self._abandoned.append(helper)
            self._thread = None
            return False
        if error is not None:
            raise error
        return True

    def close(self) -> None:
        """Let the thread end."""
        if self._thread is not None:
            self._thread.asked.put(None)


@final
class _CallingThread(threading.Thread):
    """Calls what it is asked to, until it is asked for nothing."""

    def __init__(self) -> None:
        super().__init__(name="hardpoint-write", daemon=True)
        self.asked: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.answered: SimpleQueue[BaseException | None] = SimpleQueue()

    def run(self) -> None:
        while (function := self.asked.get()) is not None:
            raised = None
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
                raised = error
            self.answered.put(raised)
            del function, raised
