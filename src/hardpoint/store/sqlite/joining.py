"""`complete_in`: a job's completion inside the user's own transaction on the same file.

The block takes the gate, so that it writes in turn with the writer thread, and its connection never
copies the log (see `Checkpoints`). The fenced completion is the last
statement before the commit: the user's writes and the end of the job are one.
"""

import asyncio
import os
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from hardpoint.core.errors import LeaseLostError, StoreError, StoreMisuseError
from hardpoint.store.driver import Lease, Outcome
from hardpoint.store.events import GateHeldLong
from hardpoint.store.sqlite.completions import END, RECORD
from hardpoint.store.sqlite.connections import NO_CHECKPOINT, user_connection
from hardpoint.store.sqlite.files import WriteFault, fault_of, inode_of
from hardpoint.store.sqlite.gate import Pass, Turn
from hardpoint.store.sqlite.store import SqliteStore
from hardpoint.store.statements import MARK

T = TypeVar("T")

_HELD_LONG = 1.0
_MINE = MARK + "savepoint hardpoint_block"
_STILL_MINE = MARK + "release hardpoint_block"


def complete_in(
    store: SqliteStore, lease: Lease, target: object, *, started_at: float | None = None
) -> "JoiningCompletion":
    """A block whose writes on `target` commit together with the job's completion, or not at all.

    Args:
        store: the store that leased the job; open.
        lease: the job.
        target: a `sqlite3.Connection`, a connection of Django's or a SQLAlchemy `Session` (plain
            `with`, not in the event loop), or a SQLAlchemy `AsyncSession` (`async with`); on the
            store's file, and not in a transaction. The block may not commit or roll back by itself.
        started_at: when the attempt began; now, if not given.

    Raises (when the block is entered or left):
        LeaseLostError: the job had passed to another attempt; everything was rolled back.
        StoreUnavailableError: the store is closed or broken.
        StoreMisuseError: the target does not fit.
    """
    return JoiningCompletion(store, lease, target, started_at)


class JoiningCompletion:
    """See `complete_in`.

    Attributes:
        completed: whether the completion was committed.
    """

    def __init__(
        self, store: SqliteStore, lease: Lease, target: object, started_at: float | None
    ) -> None:
        self.completed = False
        self._store = store
        self._lease = lease
        self._connection = user_connection(target)
        self._started_at = store.clock.now() if started_at is None else started_at
        self._held_from = 0.0
        self._turn: Turn | None = None
        self._process = os.getpid()
        self._pass = Pass()

    def __enter__(self) -> Any:
        if self._connection.is_async:
            raise StoreMisuseError("write `async with` for an AsyncSession")
        if _in_event_loop():
            raise StoreMisuseError(
                "a blocking connection would hold up the event loop: use it in a plain def handler"
            )
        return _stepped(self._enter())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        _stepped(self._leave(error))

    async def __aenter__(self) -> Any:
        if not self._connection.is_async:
            raise StoreMisuseError(
                "`async with` takes an AsyncSession; a blocking connection belongs in a plain def "
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
        store, connection = self._store, self._connection
        store.check()
        await connection.start()
        try:
            self._refuse_other_file(await connection.execute("pragma database_list"))
            await connection.execute(NO_CHECKPOINT)
            turn = self._turn = await connection.take(store.gate, store.limits.gate)
        except BaseException:
            await connection.roll_back()
            raise
        self._held_from = store.clock.monotonic()
        try:
            store.check()
            await connection.begin()
            await connection.execute(_MINE)
        except BaseException:
            try:
                await connection.roll_back()
            finally:
                store.gate.release(turn)
            raise
        self._pass.begin()
        return connection.target

    async def _leave(self, error: BaseException | None) -> None:
        if os.getpid() != self._process:
            # The block has forked. Neither the transaction nor the connection is the child's: even
            # to roll it back would write into what the two processes share.
            if error is None:
                self._store.check()
            return
        try:
            if error is None:
                await self._complete()
            else:
                await self._connection.roll_back()
        finally:
            self._store.gate.release(self._turn)
            self._pass.end()
            self._report()

    async def _complete(self) -> None:
        try:
            await self._connection.flush()
            await self._refuse_ended()
            await self._end_job()
            self._store.check()
            await self._connection.commit()
        except BaseException as error:
            await self._give_up(error)
            raise
        self.completed = True

    async def _end_job(self) -> None:
        store, lease, connection = self._store, self._lease, self._connection
        fence = (lease.event.id, lease.handler, lease.fence)
        if await connection.change(END, (*fence, store.engine.boot)) == 0:
            raise LeaseLostError
        ended = (self._started_at, store.clock.now(), Outcome.DONE.value, None, None)
        await connection.change(RECORD, (*fence, *ended))

    async def _give_up(self, error: BaseException) -> None:
        cause = getattr(error, "orig", error)
        if fault_of(cause, syncing=True) is WriteFault.BROKEN:
            self._store.break_down(str(cause))
        await self._connection.roll_back()

    async def _refuse_ended(self) -> None:
        """Our savepoint is there only as long as the transaction we began."""
        try:
            await self._connection.execute(_STILL_MINE)
        except Exception as error:
            raise StoreError(
                "the block committed or rolled back by itself; what it committed is not part of "
                "the completion, and the job will run again"
            ) from error

    def _refuse_other_file(self, databases: list[Any]) -> None:
        files = {row[1]: row[2] for row in databases}
        if inode_of(files["main"]) != self._store.engine.inode:
            raise StoreMisuseError(
                f"the connection is on {files['main'] or 'a database in memory'}, not on the "
                f"store's file {self._store.path}"
            )

    def _report(self) -> None:
        seconds = self._store.clock.monotonic() - self._held_from
        if seconds > _HELD_LONG:
            self._store.tell(
                GateHeldLong(
                    event=self._lease.event.id, handler=self._lease.handler, seconds=seconds
                )
            )


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _stepped(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine over a blocking connection to its end: it never suspends."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a blocking connection suspended")
