"""The store as the inbox sees it: what is asked of the writer thread, and what it answers."""

import asyncio
import threading
from asyncio import _get_running_loop
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from hardpoint.core.errors import MisuseError, StoreUnavailableError
from hardpoint.store.driver import (
    Accepted,
    Claim,
    Completed,
    Completion,
    Lease,
    NewEvent,
    Refusals,
    WaitingLane,
)
from hardpoint.store.engine import Unshared
from hardpoint.store.journal import AnyCallStep
from hardpoint.store.sqlite.gate import refuse_inside_block
from hardpoint.store.sqlite.lifetime import SqliteLifetime
from hardpoint.store.sqlite.writer import Submission

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore(SqliteLifetime, Unshared):
    """An `InboxStore` in one SQLite file, for one process.

    The file may hold tables of the application's own: what `job.write` functions and `complete_in`
    blocks write to them is committed together with the job's completion.

    Args:
        path: the database; made with mode 0600 when missing.
        clock: where time comes from.
        listeners: told of the events in `hardpoint.store.events`, in the loop.
        limits: bounds and waiting times.
        retention: how long things are kept; None keeps them for ever.
        kind: the class of the connection that writes.
    """

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """Store an event durably; `done` is called in this loop after the commit, never before.

        Raises:
            StoreUnavailableError: too much is waiting already; answer 503.
        """
        self._running().accept(event, done, self.clock.monotonic(), _get_running_loop())

    def accept_aside(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """The same; `done` is called on the writer's thread, and may not raise."""
        self._running().accept(event, done, self.clock.monotonic(), None)

    async def claim(self, lanes: Mapping[str, int]) -> Claim:
        """Lease what is due in these lanes, so many of each at most; suspects are not among it."""
        return await self.submit(self.engine.jobs.claim, lanes)

    async def claim_suspect(self, handlers: Sequence[str]) -> Lease | None:
        """Lease a suspect of these handlers, the one with the fewest crashes, if one waits."""
        return await self.submit(self.engine.jobs.claim_suspect, handlers)

    async def complete(self, completion: Completion) -> Completed:
        """Record the end of an attempt, with its writes, in one transaction.

        Write functions run on the writer's thread, perhaps more than once before they commit.

        Raises:
            WriteFailedError: one of the writes raised; the job is still leased.
            TimedOutError: they took too long; likewise.
            TransactionLostError: one of them ended the transaction; likewise.
        """
        return await self.submit(self.engine.completions.complete, completion)

    async def mark_started(self, lease: Lease, *, started: bool = True) -> bool:
        """Durably mark a suspect as running, or no longer suspected; False: the lease is gone."""
        return await self.submit(self.engine.jobs.mark_started, lease, started=started)

    async def release_all(self) -> None:
        """Give back every lease of this process: the jobs are due at once, no attempt counts."""
        await self.submit(self.engine.jobs.release_all)

    async def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters of refused requests."""
        await self.submit(self.engine.operations.refuse, counts)

    async def next_due(self, handlers: Sequence[str]) -> float | None:
        """Seconds until a job of these handlers is due; negative: overdue; None: none waits."""
        return await self.submit(self.engine.jobs.next_due, handlers)

    async def waiting(self, handlers: Sequence[str]) -> Sequence[WaitingLane]:
        """The lanes of these handlers that have something to do, suspects apart."""
        return await self.submit(self.engine.jobs.waiting, handlers)

    async def retry(
        self, event: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """Make an event's dead and waiting jobs due now; see `InboxStore.retry`."""
        return await self.submit(self.engine.operations.retry, event, handler, actor, reason)

    async def replay(
        self,
        event: str,
        handlers: Sequence[str],
        *,
        force: bool = False,
        actor: str = "",
        reason: str = "",
        plan: str = "",
    ) -> int:
        """Have these handlers handle an event anew; see `InboxStore.replay`."""
        return await self.submit(
            self.engine.operations.replay, event, handlers, force, (actor, reason), plan
        )

    async def resolve(
        self, event: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """Close an event's dead letters and waiting jobs; see `InboxStore.resolve`."""
        return await self.submit(self.engine.operations.resolve, event, handler, actor, note)

    async def note(self, action: str, target: str, *, actor: str = "", reason: str = "") -> None:
        """Write a line into the audit record; see `InboxStore.note`."""
        await self.submit(self.engine.operations.note, action, target, actor, reason)

    async def submit(
        self, function: Callable[P, T | Exception], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """Have the writer call a function; a caller that is cancelled does not undo it.

        Args:
            function: changes the store: a method of one of the `engine`'s parts. What it leases
                after the time was up is given back.
            arguments: its own.
            options: its own.

        Raises:
            StoreUnavailableError: no answer came within `limits.answer`. What was not begun by then
                is not done; what was may be.
        """
        return await self._submit(partial(function, *arguments, **options), self.limits.answer)

    async def _submit(self, request: Callable[[], Any], seconds: float) -> Any:
        refuse_inside_block()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        submission = Submission(request)

        def done(result: object) -> None:
            if not answer.done():
                answer.set_result(result)
            elif submission.given_up and isinstance(result, Claim | Lease):
                self._release(result)

        def too_late() -> None:
            if not answer.done():
                submission.given_up = True
                answer.set_result(self._silent(seconds))

        self._running().request(submission, done, loop)
        patience = loop.call_later(seconds, too_late)
        try:
            return _given(await answer)
        finally:
            patience.cancel()

    async def call(self, step: AnyCallStep, session: str | None = None) -> Any:
        """Have a step of a session's call written down, or of our own; see `CallBook`."""
        return await self._submit(self._written(step, session), self.limits.call_answer)

    async def call_blocking(self, step: AnyCallStep) -> Any:
        """The same for a thread without an event loop, which waits; it never suspends."""
        if _get_running_loop() is not None:
            raise MisuseError("The store was asked to block a running event loop; await instead")
        refuse_inside_block()
        answered = threading.Event()
        results: list[Any] = []

        def done(result: object) -> None:
            results.append(result)
            answered.set()

        submission = Submission(self._written(step, None))
        self._running().request(submission, done, None)
        if not answered.wait(self.limits.call_answer):
            submission.given_up = True
            raise self._silent(self.limits.call_answer)
        return _given(results[0])

    def post_call(self, step: AnyCallStep) -> None:
        """The same without waiting; see `CallBook`."""
        self.post(self._written(step, None))

    def look_for_deaths(self) -> None:
        """See whether those whose calls are open still live; waits for nothing."""
        with suppress(StoreUnavailableError):  # the next opening sees it
            self.post(self.engine.calls.bury, self.engine.moment())

    def _written(self, step: AnyCallStep, session: str | None) -> Callable[[], Any]:
        name = session or self.session.name
        return partial(self.engine.calls.do, step, name, self.engine.moment())

    def post(self, function: Callable[P, object], *arguments: P.args, **options: P.kwargs) -> None:
        """Have the writer call a function, and wait for nothing; any thread may.

        Raises:
            StoreUnavailableError: the store is closed or broken.
        """
        self._running().request(partial(function, *arguments, **options), lambda _: None, None)

    def _release(self, late: Claim | Lease) -> None:
        """Give back what has been leased to somebody who waits for it no more."""
        with suppress(StoreUnavailableError):  # it is closed, with every lease
            self.post(self.engine.jobs.release, late.leases if isinstance(late, Claim) else [late])

    def _silent(self, seconds: float) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"{self.path} did not answer within {seconds:g} s; look at its disk, which "
            "hangs or is very slow. What was asked may have been done all the same"
        )


def _given(result: Any) -> Any:
    if isinstance(result, BaseException):
        raise result
    return result
