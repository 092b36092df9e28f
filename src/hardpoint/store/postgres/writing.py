"""Completions with users' writes, each in a transaction of its own.

Together in one they would hold each other's rows, and two processes could wait in a circle.
"""

import asyncio
from collections.abc import Callable
from typing import Any, final

import asyncpg

from hardpoint.core.effects import Clock
from hardpoint.core.errors import TimedOutError
from hardpoint.store.driver import Completed, Completion, WriteFailedError
from hardpoint.store.events import WriteWasSlow
from hardpoint.store.postgres.completions import CompletionStatements, lease_of
from hardpoint.store.postgres.connections import CONTENDED, Link
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.transaction import PostgresTransaction


@final
class PostgresWriting:
    """Runs write functions on connections of their own, so many at a time."""

    def __init__(
        self,
        url: str,
        completions: CompletionStatements,
        limits: PostgresLimits,
        clock: Clock,
        tell: Callable[[object], None],
    ) -> None:
        self._completions = completions
        self._limits = limits
        self._clock = clock
        self._tell = tell
        self._free: asyncio.Queue[Link] = asyncio.Queue()
        self._links = [
            Link(url, seconds=limits.connect, answer=limits.answer) for _ in range(limits.writers)
        ]
        for link in self._links:
            self._free.put_nowait(link)

    async def complete(self, completion: Completion) -> Completed:
        """End an attempt with its writes.

        Raises:
            WriteFailedError: one of them raised; the job is still leased.
            TimedOutError: they took too long; likewise.
            StoreUnavailableError: the database cannot be reached.
        """
        link = await self._free.get()
        try:
            return await self._complete(link, completion)
        finally:
            self._free.put_nowait(link)

    async def _complete(self, link: Link, completion: Completion) -> Completed:
        tried = False

        async def once(connection: Any) -> Completed | Exception:
            nonlocal tried
            before, tried = tried, True
            transaction = connection.transaction()
            await transaction.start()
            (completed,) = await self._completions.end(connection, [completion])
            if completed is Completed.REFUSED:
                await transaction.rollback()
                name = lease_of(completion)
                known = before and name in await self._completions.recorded(connection, [name])
                return Completed.RECORDED if known else completed
            error = await self._written(connection, completion)
            if error is None:
                await transaction.commit()
                return completed
            if not connection.is_closed():
                await transaction.rollback()
            return error

        result = await link.run(once, patience=self._limits.pending_seconds)
        if isinstance(result, Exception):
            raise result
        return result

    async def _written(self, connection: Any, completion: Completion) -> Exception | None:
        """Run the functions; gives what they raised."""
        began, seconds = self._clock.monotonic(), self._limits.write_seconds
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await PostgresTransaction(connection).run(completion.writes)
        except CONTENDED:
            raise
        except BaseException as error:
            if limit.expired():
                connection.terminate()
                return TimedOutError("The write functions took too long.", seconds=seconds)
            if connection.is_closed():
                raise asyncpg.InterfaceError("the connection is closed") from error
            return WriteFailedError(error)
        finally:
            taken = self._clock.monotonic() - began
            if taken > self._limits.write_slow:
                self._tell(
                    WriteWasSlow(event=completion.event, handler=completion.handler, seconds=taken)
                )
        return None

    async def close(self) -> None:
        """Take leave."""
        for link in self._links:
            await link.close()
