"""`complete_in`: a job's completion inside the application's own transaction in this database.

The fenced completion is the last statement before the commit: the application's writes and the end
of the job are one. A commit whose answer is lost is an error like any other. Whether it was carried
out shows when the failure is to be recorded: an attempt that has ended is not ended again.
"""

import asyncio
import os
from types import TracebackType
from typing import Any, Protocol, final

from hardpoint.core.errors import LeaseLostError, StoreError, StoreMisuseError
from hardpoint.runtime.blocking import step
from hardpoint.store.driver import Lease
from hardpoint.store.postgres.targets import BlockTarget, sqlstate_of

_STORE = "select hardpoint.store()"
_END = "select hardpoint.complete($1::uuid, $2::text, $3::integer, $4::uuid, $5::float8)"
_MINE = "savepoint hardpoint_block"
_STILL_MINE = "release savepoint hardpoint_block"
_LEASE_LOST = "HP001"


class BlockStore(Protocol):
    """What a block needs to know of the store that leased the job."""

    @property
    def owner(self) -> str:
        """What this process goes by; refuses while the store is closed."""
        ...

    @property
    def identity(self) -> str:
        """What the store goes by; a copy of it goes by the same until it was adopted."""
        ...


@final
class PostgresBlock:
    """A block whose writes on `target` commit together with the job's completion, or not at all.

    Args:
        store: the store that leased the job; open.
        lease: the job.
        target: see `block_target`: plain `with`, not in an event loop, for what blocks; `async
            with` for what is awaited. It is on the store's database, and not in a transaction. The
            block may not commit or roll back by itself.
        started_at: when the attempt began.

    Attributes:
        completed: whether the completion was committed.

    Raises (when the block is entered or left):
        LeaseLostError: the job had passed to another attempt; everything was rolled back.
        StoreUnavailableError: the store is closed.
        StoreMisuseError: the target does not fit.
    """

    def __init__(
        self, store: BlockStore, lease: Lease, target: BlockTarget, *, started_at: float
    ) -> None:
        self.completed = False
        self._store = store
        self._lease = lease
        self._started_at = started_at
        self._target = target
        self._process = os.getpid()

    def __enter__(self) -> Any:
        if self._target.is_async:
            raise StoreMisuseError("write `async with` for what is awaited")
        if asyncio._get_running_loop() is not None:
            raise StoreMisuseError(
                "a blocking connection would hold up the event loop: use it in a plain def handler"
            )
        return step(self._enter())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        step(self._leave(error))

    async def __aenter__(self) -> Any:
        if not self._target.is_async:
            raise StoreMisuseError(
                "`async with` takes what is awaited; a blocking connection belongs in a plain def "
                "handler, with `with`"
            )
        return await self._enter()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._leave(error)

    async def _enter(self) -> Any:
        identity, target = self._store.identity, self._target
        if target.in_transaction():
            raise StoreMisuseError(
                "the connection is in a transaction already: complete_in begins its own, and "
                "commits it. Commit first"
            )
        try:
            await target.begin()
            await self._refuse_other_store(identity)
            await target.run(_MINE)
        except BaseException:
            await target.roll_back()
            raise
        return target.given

    async def _refuse_other_store(self, identity: str) -> None:
        try:
            found = await self._target.run(_STORE)
        except Exception as error:
            raise StoreMisuseError(
                f"the connection is not on the store's database, or may not use the schema "
                f"hardpoint there: {error}"
            ) from error
        if found != identity:
            raise StoreMisuseError("the connection is on the database of another store")

    async def _leave(self, error: BaseException | None) -> None:
        if os.getpid() != self._process:
            # The block has forked. Neither the transaction nor the connection is the child's: even
            # to roll it back would write into what the two processes share.
            return
        if error is not None:
            await self._target.roll_back()
            return
        try:
            await self._complete()
        except BaseException:
            await self._target.roll_back()
            raise
        self.completed = True

    async def _complete(self) -> None:
        target, lease = self._target, self._lease
        await target.flush()
        try:
            await target.run(_STILL_MINE)  # our savepoint lasts as long as what we have begun
        except Exception as error:
            raise StoreError(
                "the block ended its transaction by itself, or a statement in it has failed; what "
                "it committed is not part of the completion, and the job will run again"
            ) from error
        name = (lease.event.id, lease.handler, lease.fence)
        try:
            await target.run(_END, *name, self._store.owner, self._started_at)
        except Exception as error:
            if sqlstate_of(error) == _LEASE_LOST:
                raise LeaseLostError from error
            raise
        await target.commit()
