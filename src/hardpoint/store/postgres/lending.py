"""Connections that are lent to blocks of the application: `job.transaction`.

They live on the store's thread, and a block in a loop of the application's. What it asks for is
carried out there, and awaited here. Whoever gives up waiting does not stop it; a connection that is
given back in the middle of something is closed, which rolls back what was open.
"""

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any, TypeVar, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.postgres.connections import LOST, Link, unavailable
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.thread import DatabaseThread, answered, posted
from hardpoint.store.postgres.transaction import PostgresTransaction

T = TypeVar("T")

TakenLink = tuple[Link, Any]
"""A connection, behind what makes it anew once it was lost."""


@final
class LentConnections:
    """So many at a time, on the store's thread.

    Args:
        thread: the store's.
        url: of the database.
        role: that the application's statements run as; None stays as it is.
        limits: bounds and waiting times.
    """

    def __init__(
        self, thread: DatabaseThread, url: str, role: str | None, limits: PostgresLimits
    ) -> None:
        self.role = role
        self._thread = thread
        self._answer = limits.answer
        self._links = [
            Link(url, seconds=limits.connect, answer=limits.answer) for _ in range(limits.blocks)
        ]
        self._free: asyncio.Queue[Link] = asyncio.Queue()
        for link in self._links:
            self._free.put_nowait(link)

    def take(self) -> "concurrent.futures.Future[TakenLink]":
        """One of them, once it is there; it has to be given back."""
        return self._submit(self._take())

    def give_back(self, taken: "concurrent.futures.Future[TakenLink]") -> None:
        """Let others have it, once it is there."""
        taken.add_done_callback(self._returned)

    async def asked(self, future: "concurrent.futures.Future[T]") -> T:
        """What is done on the thread, awaited in any loop."""
        return await answered(future, self._answer)

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have it done on the thread.

        Raises:
            StoreUnavailableError: the connection was lost, or the store closed.
        """
        try:
            future = self._submit(_translated(work))
        except StoreUnavailableError:
            work.close()
            raise
        return await self.asked(future)

    async def close(self) -> None:
        """Take leave; on the thread."""
        for link in self._links:
            await link.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        try:
            return self._thread.submit(work)
        except RuntimeError as error:
            work.close()
            raise StoreUnavailableError("the store was closed") from error

    async def _take(self) -> TakenLink:
        link = await self._free.get()
        try:
            return link, await link.connected()
        except BaseException as error:
            self._free.put_nowait(link)
            if isinstance(error, LOST):
                raise unavailable(error) from error
            raise

    def _returned(self, taken: "concurrent.futures.Future[TakenLink]") -> None:
        if not taken.cancelled() and taken.exception() is None:
            posted(self._thread.loop, self._free_again, taken.result()[0])

    def _free_again(self, link: Link) -> None:
        link.drop_unfinished()
        self._free.put_nowait(link)


@final
class LentTarget:
    """A `BlockTarget` on such a connection."""

    is_async = True

    def __init__(self, lent: LentConnections) -> None:
        self.given: Any = None
        self._lent = lent
        self._taken: list[concurrent.futures.Future[TakenLink]] = []
        self._connection: Any = None

    def in_transaction(self) -> bool:
        """It is new."""
        return False

    async def begin(self) -> None:
        """Begin one."""
        lent = self._lent
        taken = lent.take()
        self._taken.append(taken)
        _, self._connection = await lent.asked(taken)
        self.given = PostgresTransaction(self._connection, role=lent.role, elsewhere=lent.do)
        await lent.do(self._connection.execute("begin"))

    async def run(self, sql: str, *parameters: Any) -> Any:
        """Run a statement; gives the first value of its first row, if there is one."""
        return await self._lent.do(self._connection.fetchval(sql, *parameters))

    async def flush(self) -> None:
        """Carry out what nobody has awaited. What follows is the store's own."""
        await self.given.carry_out(None)
        self.given.end()
        if self._lent.role is not None:
            await self._lent.do(self._connection.execute("set local role none"))

    async def commit(self) -> None:
        """Commit."""
        await self._lent.do(self._connection.execute("commit"))
        self._give_back()

    async def roll_back(self) -> None:
        """Roll back, by giving the connection back as it is."""
        if self.given is not None:
            self.given.end()
        self._give_back()

    def _give_back(self) -> None:
        while self._taken:  # once only, whatever else happens
            self._lent.give_back(self._taken.pop())


async def _translated(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except LOST as error:
        raise unavailable(error) from error
