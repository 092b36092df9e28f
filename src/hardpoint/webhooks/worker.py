"""Runs handlers: from memory right after the commit, from the store when due, one attempt each.

A job that was in flight when the process died is a suspect: suspects run one at a time, alone,
each start marked durably first, so that a crash is counted against the job that caused it.
"""

import asyncio
import contextvars
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, final

import msgspec

from hardpoint.core.correlation import correlation_id
from hardpoint.core.effects import Clock, Random
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.driver import (
    Completed,
    Completion,
    InboxStore,
    Lease,
    Outcome,
    Write,
)
from hardpoint.webhooks.handlers import Handler, Handlers, Permanent, RetryAfter, Skip
from hardpoint.webhooks.job import Job, JoiningStore

ERROR_CHARACTERS_MAX = 4096
POLL_SECONDS_MAX = 30.0
STORE_RETRY_SECONDS = 0.5


class WorkerStore(InboxStore, JoiningStore, Protocol):
    """What the worker needs of a store."""


class AttemptFinished(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt ended. `refused` means that its lease had passed to another by then."""

    event_id: str
    source: str
    type: str
    vendor_id: str | None
    correlation_id: str
    handler: str
    attempt: int
    outcome: Outcome
    seconds: float
    retry_in: float | None = None
    error: str | None = None
    refused: bool = False


class StoreInTheWay(msgspec.Struct, frozen=True, kw_only=True):
    """The worker could not reach the store and will try again."""

    doing: str
    error: str


class _Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended, before it is recorded."""

    outcome: Outcome
    error: str | None = None
    retry_in: float | None = None
    dead_reason: str | None = None


_DONE = _Verdict(outcome=Outcome.DONE)


@final
class Worker:
    """Runs up to `concurrency` attempts at a time in the loop that called `run`.

    Args:
        store: where jobs are.
        handlers: who does what.
        clock: for due times and records.
        random: for jitter.
        listeners: told `AttemptFinished`.
        concurrency: attempts under way at a time.
        threads: of these, plain `def` handlers at a time.
        lease: seconds a lease lasts unless prolonged, which happens three times as often.
        crash_limit: a job that took the process down so often is a dead letter.
    """

    def __init__(
        self,
        store: WorkerStore,
        handlers: Handlers,
        *,
        clock: Clock,
        random: Random,
        listeners: Listeners,
        concurrency: int = 128,
        threads: int = 16,
        lease: float = 60.0,
        crash_limit: int = 3,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._random = random
        self._listeners = listeners
        self._concurrency = concurrency
        self._lease = lease
        self._crash_limit = crash_limit
        self._thread_count = threads
        self._tasks: dict[asyncio.Task[None], Lease] = {}
        self._reserved = 0
        self._backlog = True
        self._alone = True
        self._stopping = False
        self._wake = asyncio.Event()

    # The accept path

    def reserve(self, count: int) -> bool:
        """Keep room for `count` attempts that the store is about to lease; False: no room."""
        if self._alone or self._backlog or self._free() < count:
            self._backlog = True
            return False
        self._reserved += count
        return True

    def unreserve(self, count: int) -> None:
        """The reserved attempts are not coming after all."""
        self._reserved -= count

    def start(self, leases: Sequence[Lease]) -> None:
        """Start reserved attempts now; their leases are committed."""
        self._reserved -= len(leases)
        for lease in leases:
            self._spawn(lease)

    def notify(self) -> None:
        """There may be due work in the store."""
        self._backlog = True
        self._wake.set()

    @property
    def running(self) -> int:
        """Attempts under way."""
        return len(self._tasks)

    # The loop

    async def run(self) -> None:
        """Claim and start due jobs until `stop`."""
        self._stopping = False
        self._backlog = self._alone = True
        self._threads = ThreadPoolExecutor(
            self._thread_count, thread_name_prefix="hardpoint-handler"
        )
        heartbeat = asyncio.create_task(self._prolong())
        try:
            while not self._stopping:
                self._wake.clear()
                try:
                    wait = await self._feed()
                except StoreUnavailableError as error:
                    self._listeners.emit(StoreInTheWay(doing="claim", error=str(error)))
                    wait = STORE_RETRY_SECONDS
                await self._sleep(wait)
        finally:
            heartbeat.cancel()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def stop(self, grace: float) -> None:
        """Claim no more, give running attempts `grace` seconds, then cancel and release them."""
        self._stopping = True
        self._wake.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        left = dict(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            await self._store.release([_key(lease) for lease in left.values()])

    async def _feed(self) -> float:
        """Start what is due and fits; gives the seconds until it is worth looking again."""
        free = self._free()
        if free <= 0 or (self._alone and self._tasks):
            return POLL_SECONDS_MAX
        names = self._handlers.names()
        now = self._clock.now()
        leases = await self._store.claim(names, free, now=now, lease=self._lease)
        if leases and leases[0].suspect:
            self._alone = True
            await self._run_alone(leases[0])
            return 0.0
        self._alone = False
        for lease in leases:
            self._spawn(lease)
        self._backlog = len(leases) == free
        if self._backlog:
            return 0.0 if self._free() else POLL_SECONDS_MAX
        due = await self._store.next_due(names)
        if due is None:
            return POLL_SECONDS_MAX
        return min(max(due - self._clock.now(), 0.0), POLL_SECONDS_MAX)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _prolong(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            leases = [_key(lease) for lease in self._tasks.values()]
            if leases:
                try:
                    await self._store.extend(leases, self._clock.now() + self._lease)
                except StoreUnavailableError as error:
                    self._listeners.emit(StoreInTheWay(doing="extend", error=str(error)))

    def _free(self) -> int:
        return self._concurrency - len(self._tasks) - self._reserved

    def _spawn(self, lease: Lease) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._attempt(lease))
        self._tasks[task] = lease
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._tasks[task]
        if self._backlog:
            self._wake.set()

    async def _run_alone(self, lease: Lease) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)
        if lease.crashes >= self._crash_limit:
            error = f"the process died {lease.crashes} times while this ran alone"
            verdict = _Verdict(outcome=Outcome.DEAD, dead_reason="crash", error=error)
            await self._record(lease, verdict, self._clock.now(), ())
        elif await self._store.mark_started(lease):
            await asyncio.wait([self._spawn(lease)])

    # One attempt

    async def _attempt(self, lease: Lease) -> None:
        started = self._clock.now()
        correlation_id.set(lease.event.correlation_id)
        handler = self._handlers[lease.handler]
        job = Job(lease, self._store, started_at=started)
        verdict = await self._verdict(handler, lease, job)
        if job.completed:  # and whatever the handler raised after that cannot undo it
            done = _Verdict(outcome=Outcome.DONE, error=verdict.error)
            self._report(lease, done, started, Completed.RECORDED)
            return
        writes = tuple(job.writes) if verdict is _DONE else ()
        try:
            await self._record(lease, verdict, started, writes)
        except Exception as error:  # noqa: BLE001 - a write of the user's failed: so did the attempt
            await self._record(lease, self._failed(handler, lease, error), started, ())

    async def _verdict(self, handler: Handler, lease: Lease, job: Job) -> _Verdict:
        limit = asyncio.timeout(handler.timeout)
        try:
            async with limit:
                await self._call(handler, lease, job)
        except Skip as skip:
            return _Verdict(outcome=Outcome.SKIPPED, error=_text(skip))
        except Permanent as error:
            return _Verdict(outcome=Outcome.DEAD, dead_reason="permanent", error=_text(error))
        except asyncio.CancelledError as error:
            if self._stopping:
                raise
            return self._failed(handler, lease, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a handler's failure is data
            if isinstance(error, TimeoutError) and limit.expired():
                error = TimeoutError(f"took longer than {handler.timeout:g} s")
            return self._failed(handler, lease, error)
        return _DONE

    async def _call(self, handler: Handler, lease: Lease, job: Job) -> None:
        if handler.asynchronous:
            result = handler.function(lease.event, job)
        else:
            loop = asyncio.get_running_loop()
            context = contextvars.copy_context()
            result = await loop.run_in_executor(
                self._threads, lambda: context.run(handler.function, lease.event, job)
            )
        if hasattr(result, "__await__"):
            await result  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]

    def _failed(self, handler: Handler, lease: Lease, error: BaseException) -> _Verdict:
        delay = handler.retry.delay(lease.failures + 1, self._random)
        if delay is None:
            return _Verdict(outcome=Outcome.DEAD, dead_reason="attempts", error=_text(error))
        if isinstance(error, RetryAfter):
            delay = error.seconds
        return _Verdict(outcome=Outcome.FAILED, retry_in=delay, error=_text(error))

    async def _record(
        self, lease: Lease, verdict: _Verdict, started: float, writes: tuple[Write, ...]
    ) -> None:
        """Complete the job, waiting for the store as long as it takes."""
        ended = self._clock.now()
        completion = Completion(
            event=lease.event.id,
            handler=lease.handler,
            fence=lease.fence,
            started_at=started,
            ended_at=ended,
            outcome=verdict.outcome,
            run_at=None if verdict.retry_in is None else ended + verdict.retry_in,
            dead_reason=verdict.dead_reason,
            error=verdict.error,
            writes=writes,
        )
        while True:
            try:
                completed = await self._store.complete(completion)
                break
            except StoreUnavailableError as error:
                self._listeners.emit(StoreInTheWay(doing="complete", error=str(error)))
                await asyncio.sleep(STORE_RETRY_SECONDS)
        if verdict.retry_in is not None:
            self._wake.set()
        self._report(lease, verdict, started, completed)

    def _report(
        self, lease: Lease, verdict: _Verdict, started: float, completed: Completed
    ) -> None:
        if not self._listeners:
            return
        event = lease.event
        self._listeners.emit(
            AttemptFinished(
                event_id=event.id,
                source=event.source,
                type=event.type,
                vendor_id=event.vendor_id,
                correlation_id=event.correlation_id,
                handler=lease.handler,
                attempt=lease.fence,
                outcome=verdict.outcome,
                seconds=self._clock.now() - started,
                retry_in=verdict.retry_in,
                error=verdict.error,
                refused=completed is Completed.REFUSED,
            )
        )


def _key(lease: Lease) -> tuple[str, str, int]:
    return lease.event.id, lease.handler, lease.fence


def _text(error: BaseException) -> str:
    name = type(error).__qualname__
    message = str(error)
    return (f"{name}: {message}" if message else name)[:ERROR_CHARACTERS_MAX]
