"""Connections to the database: how each is set up, and what becomes of one that is lost.

They are dedicated, never from a pool: a pool resets what was set when a connection comes back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar, final

import asyncpg

from hardpoint.core.errors import ConfigurationError, StoreUnavailableError

T = TypeVar("T")
LinkWork = Callable[[Any], Awaitable[T]]

RETRY_SECONDS = 0.05
"""Between two tries to connect."""
CALL_OFF_SECONDS = 2.0
"""What the server may take to end a statement that is called off."""

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asked after the server's farewell, and before its line was cut
    asyncpg.OperatorInterventionError,  # the server was stopped, or starts up, or stands by
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,  # a fail-over has left us with a standby
    OSError,
    TimeoutError,
)
"""After these a statement may or may not have been carried out, and the connection is given up."""

CONTENDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""After these it was not, and may be tried again."""

POOLED = "leads to a pooler, which takes away what is set on a connection, and what it listens to"
UNPOOLED = "Name the server itself: each process needs some ten connections, however busy it is"

# What a role, a database or a pooler may have set otherwise, and what durability rests on. How long
# a statement may take is known to `Link`; some limits are there from a later version on.
_SETTINGS = """
select
    set_config('synchronous_commit', case current_setting('synchronous_commit')
        when 'remote_apply' then 'remote_apply' else 'on' end, false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('default_transaction_read_only', 'off', false),
    set_config('idle_in_transaction_session_timeout', '60s', false),
    current_setting('fsync'),
    pg_backend_pid(),
    (
        select count(set_config(name, '0', false)) from pg_catalog.pg_settings
        where name in (
            'statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout'
        )
    ),
    current_setting('server_encoding')
"""


async def connect(url: str, *, seconds: float, answer: float) -> Any:
    """A connection that commits durably.

    Raises:
        ConfigurationError: the server does not write durably at all, or is not what answers.
        OSError, asyncpg.PostgresError: there is none.
    """
    library: Any = asyncpg
    connection = await library.connect(url, timeout=seconds, command_timeout=answer)
    try:
        _refuse_unfit(await connection.fetchrow(_SETTINGS), connection.get_server_pid())
    except BaseException:  # whoever waits for it may have gone
        connection.terminate()
        raise
    return connection


def _refuse_unfit(row: Any, process: int) -> None:
    if row[4] != "on":
        raise ConfigurationError(
            "store.url", "the server runs with fsync = off: what is acknowledged could be lost"
        )
    if row[7] != "UTF8":
        raise ConfigurationError(
            "store.url",
            f"leads to a database in {row[7]}, which cannot hold every character",
            fix="create database ... encoding 'UTF8' template template0",
        )
    if row[5] != process:
        raise ConfigurationError("store.url", POOLED, fix=UNPOOLED)


@final
class Link:
    """One connection, for one piece of work at a time; it is made anew after it was lost.

    Args:
        url: of the database.
        seconds: that making a connection may take.
        answer: that a statement may take.
        made: called with each new connection before it is used.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float,
        answer: float,
        made: Callable[[Any], Awaitable[object]] | None = None,
    ) -> None:
        self._url = url
        self._seconds = seconds
        self._answer = answer
        self._made = made
        self._connection: Any = None
        self._turn = asyncio.Lock()

    async def run(self, work: LinkWork[T], *, patience: float | None = None) -> T:
        """Do it; where the connection is lost meanwhile, again for so long, on a new one.

        Args:
            work: what; with `patience` it must be safe to do twice.
            patience: None: it is done once only.

        Raises:
            StoreUnavailableError: the database cannot be reached; it may have been done.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + (patience or 0.0)
        while True:
            async with self._turn:  # not while it waits: others may be about to give up
                try:
                    return await work(await self.connected())
                except LOST as error:
                    self.drop()
                    if patience is None or loop.time() >= until:
                        raise unavailable(error) from error
                except CONTENDED as error:
                    self.drop()  # with a transaction that has failed
                    if loop.time() >= until:
                        raise unavailable(error) from error
                except BaseException:
                    self.drop_unfinished()
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    @property
    def process(self) -> int | None:
        """What serves it, as the server calls it; None: nothing does."""
        known = self._connection
        return None if known is None or known.is_closed() else known.get_server_pid()

    async def connected(self) -> Any:
        """The connection; made, if there is none.

        Raises:
            StoreUnavailableError: no such database, or not for this role.
            OSError, asyncpg.PostgresError: see `LOST`.
        """
        if self._connection is None or self._connection.is_closed():
            try:
                made = await connect(self._url, seconds=self._seconds, answer=self._answer)
            except LOST:
                raise
            except asyncpg.PostgresError as error:  # no such database, or not for this role
                raise unavailable(error) from error
            self._connection = made
            if self._made is not None:
                await self._made(made)
        return self._connection

    def drop_unfinished(self) -> None:
        """Give it up if it is in the middle of something, or was cut already."""
        known = self._connection
        if known is not None and (known.is_closed() or known.is_in_transaction()):
            self.drop()

    def drop(self) -> None:
        """Give the connection up, as it is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Take leave of the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=self._seconds)
            except LOST:
                connection.terminate()


async def call_off(connection: Any) -> None:
    """Give a connection up, and have the server end what it does for it, and holds by it.

    A connection that was merely cut would go on until the statement ends: a job that it ends is
    locked for so long.
    """
    with suppress(Exception):
        async with asyncio.timeout(CALL_OFF_SECONDS):
            await connection.execute("rollback")  # it waits until the cancellation has arrived
    connection.terminate()


def unavailable(error: BaseException) -> StoreUnavailableError:
    """What callers are told of a database that cannot be reached."""
    late = isinstance(error, TimeoutError)
    told = "it gave no answer in time" if late else str(error) or type(error).__name__
    return StoreUnavailableError(f"the database cannot be used now: {told}")
