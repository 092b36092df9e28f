"""Completions with users' writes: functions each in a transaction of its own, statements together.

Functions that ran together in one would hold each other's rows, and two processes could wait in a
circle. Statements that are known beforehand are sorted, so that equal ones go as one and every
process takes its rows in the same order; where one of them fails, each is done on its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast, final

import asyncpg

from hardpoint.core.effects import Clock
from hardpoint.core.errors import TimedOutError
from hardpoint.store.driver import Completed, Completion, LeaseName, SqlWrite, WriteFailedError
from hardpoint.store.events import WriteWasSlow
from hardpoint.store.postgres.completions import CompletionStatements, lease_of
from hardpoint.store.postgres.connections import CONTENDED, LOST, Link, call_off
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.transaction import PostgresTransaction, become, refuse_control


class _TogetherError(Exception):
    """One of several statements is to blame; nothing was written."""


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
        *,
        role: str | None = None,
    ) -> None:
        self._role = role
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

    async def complete_together(
        self, completions: Sequence[Completion]
    ) -> list[Completed | Exception]:
        """End attempts whose writes are statements; the answers are in their order.

        Raises:
            StoreUnavailableError: the database cannot be reached.
        """
        link = await self._free.get()
        try:
            if len(completions) > 1:
                with suppress(_TogetherError):
                    return [*await self._together(link, completions)]
            return [await self._one(link, completion) for completion in completions]
        finally:
            self._free.put_nowait(link)

    async def _one(self, link: Link, completion: Completion) -> Completed | Exception:
        try:
            return await self._complete(link, completion)
        except Exception as error:  # noqa: BLE001 - the others have their own answers
            return error

    async def _together(self, link: Link, completions: Sequence[Completion]) -> list[Completed]:
        tried = False

        async def once(connection: Any) -> set[LeaseName]:
            nonlocal tried
            before, tried = tried, True
            transaction = connection.transaction()
            await transaction.start()
            done = await self._completions.ended(connection, completions)
            ended = [one for one in completions if lease_of(one) in done]
            try:
                async with asyncio.timeout(self._limits.write_seconds):
                    await become(connection, self._role)
                    for sql, rows in _sorted(ended):
                        refuse_control(sql)
                        await connection.executemany(sql, rows)
            except CONTENDED:
                raise
            except Exception as error:
                if connection.is_closed():
                    raise
                if isinstance(error, TimeoutError):
                    await call_off(connection)
                raise _TogetherError from error
            refused = await _refusal(transaction)
            if refused is not None:
                raise _TogetherError from refused
            late = [name for name in map(lease_of, completions) if name not in done]
            if late and before:
                done |= await self._completions.recorded(connection, late)
            return done

        done = await link.run(once, patience=self._limits.pending_seconds)
        taken = (lease_of(one) in done for one in completions)
        return [Completed.RECORDED if one else Completed.REFUSED for one in taken]

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
                refused = await _refusal(transaction)
                return completed if refused is None else WriteFailedError(refused)
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
                await PostgresTransaction(connection, role=self._role).run(completion.writes)
        except (*CONTENDED, asyncpg.InternalClientError):
            raise
        except BaseException as error:
            if limit.expired():
                await call_off(connection)
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


async def _refusal(transaction: Any) -> asyncpg.PostgresError | None:
    """Commit; gives what a deferred constraint has against it, and then nothing is written."""
    try:
        await transaction.commit()
    except (*LOST, *CONTENDED):
        raise
    except asyncpg.PostgresError as error:
        return error
    return None


def _sorted(completions: Sequence[Completion]) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """All first statements, then all second ones: of each, the equal ones together, in order."""
    groups: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for completion in completions:
        for place, write in enumerate(cast("Sequence[SqlWrite]", completion.writes)):
            groups.setdefault((place, write.sql), []).append(write.parameters)
    return [(sql, sorted(rows, key=repr)) for (_, sql), rows in sorted(groups.items())]
