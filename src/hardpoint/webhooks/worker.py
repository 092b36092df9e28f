"""Runs handlers: from memory right after the commit, from the store when due.

A job that was in flight when the process died is a suspect: suspects run one at a time, with
nothing beside them, each start marked durably first, so that a crash is counted against the job
that caused it.
"""

import asyncio
import math
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, ClassVar, final

import msgspec

from hardpoint.core.effects import Clock, Random
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.driver import InboxStore, Lease, Outcome
from hardpoint.webhooks.attempts import (
    STORE_RETRY_SECONDS,
    Attempts,
    Insistence,
    Verdict,
)
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.job import CompleteIn
from hardpoint.webhooks.threads import Threads

CANCEL_SECONDS = 1.0
"""How long a handler may take to heed its cancellation at a stop."""

SPIN_SECONDS = 0.05
"""The least between two looks, should the store call due what it does not give out."""


class ThreadsStuck(msgspec.Struct, frozen=True, kw_only=True):
    """Every thread is held by a plain `def` handler beyond its time limit.

    No other can run until one returns; what they would handle waits in the store.
    """

    severity: ClassVar[str] = "error"
    threads: int


@final
class Worker:
    """Runs attempts in the loop that called `run`.

    Args:
        store: where jobs are.
        handlers: who does what.
        complete_in: the store's way to complete a job in a user's transaction.
        clock: for due times and records.
        random: for jitter.
        listeners: told `AttemptFinished`, `StoreInTheWay` and `ThreadsStuck`.
        concurrency: attempts of `async def` handlers at a time.
        threads: attempts of plain `def` handlers at a time.
        lease: seconds a lease lasts unless prolonged, which happens three times as often.
        crash_limit: a job that took the process down so often is a dead letter.
    """

    def __init__(
        self,
        store: InboxStore,
        handlers: Handlers,
        *,
        complete_in: CompleteIn,
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
        self._listeners = listeners
        self._lease = lease
        self._crash_limit = crash_limit
        self._insistence = Insistence(listeners)
        self._attempts = Attempts(
            store,
            handlers,
            self._insistence,
            complete_in=complete_in,
            clock=clock,
            random=random,
            listeners=listeners,
        )
        self._limits = (concurrency, threads)
        self._begin()
        self._stopping = True  # until it runs

    def _begin(self) -> None:
        """The state a run starts from: anything may be due, suspects first."""
        concurrency, threads = self._limits
        self._wake = asyncio.Event()
        self._lanes = _Lane(threads, asynchronous=False), _Lane(concurrency, asynchronous=True)
        self._threads = Threads(partial(self._abandoned, self._lanes[0]))
        self._running: dict[asyncio.Task[float | None], Lease] = {}
        self._alone = True
        self._suspect: Lease | None = None
        self._extended_at = -math.inf
        self._failure: BaseException | None = None
        self._stopping = self._stopped = False

    # The accept path

    def reserve(self, names: Sequence[str]) -> bool:
        """Keep room for attempts the store is about to lease; False: have it leave them due."""
        if self._alone or self._stopping:
            return False
        for taken, name in enumerate(names):
            lane = self._lane(name)
            if lane.closed or lane.free <= 0:
                self.unreserve(names[:taken])
                return False
            lane.taken += 1
        return True

    def unreserve(self, names: Sequence[str]) -> None:
        """The reserved attempts are not coming after all."""
        for name in names:
            self._lane(name).taken -= 1

    def start(self, leases: Sequence[Lease]) -> None:
        """Start reserved attempts now; their leases are committed.

        During a stop it is too late for them: the store releases their leases when it closes.
        """
        if not self._stopping:
            for lease in leases:
                self._spawn(lease, self._attempts.run(lease, self._threads))

    def notify(self) -> None:
        """There may be due work in the store."""
        self._expect_more()
        self._wake.set()

    @property
    def running(self) -> int:
        """Attempts under way."""
        return len(self._running)

    # The loop

    async def run(self) -> None:
        """Claim and start due jobs until `stop`.

        Raises:
            BaseException: a defect of ours or of the store: no attempt can be relied on any more.
        """
        self._begin()
        threads = self._threads
        try:
            while not self._stopped:
                self._wake.clear()
                try:
                    until = await self._turn()
                    self._insistence.done("claim")
                except StoreUnavailableError as error:
                    self._insistence.hindered("claim", error)
                    self._expect_more()
                    until = self._clock.now() + STORE_RETRY_SECONDS
                if self._failure is not None:
                    raise self._failure
                await self._sleep(until - self._clock.now())
        finally:
            threads.close()
            if threads is self._threads:  # else it ended with its loop, and runs in another now
                self._stopping = True

    async def stop(self, grace: float) -> None:
        """Claim no more, give running attempts `grace` seconds, then cancel them.

        The store releases their leases, and those of late arrivals, when it closes.
        """
        self._stopping = True
        if self._running:
            await asyncio.wait([*self._running], timeout=grace)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait([*self._running], timeout=CANCEL_SECONDS)
        self._stopped = True
        self._wake.set()

    async def _turn(self) -> float:
        """Do what is to be done now; gives the time of the next turn, unless woken before."""
        now = self._clock.now()
        # Before any claim, and by the same reading of the clock that leases go by: after a jump of
        # it, a pause of the machine or a long outage of the store, our own leases look as if they
        # had ended.
        if not 0 <= now - self._extended_at < self._lease / 3:
            await self._extend(now)
            self._expect_more()  # should a job ever have been missed, then for no longer than this
        until = self._extended_at + self._lease / 3
        if self._stopping:
            return until
        if self._alone:
            await self._proceed_alone(now)
            return until if self._alone and self._running else now
        for lane in self._lanes:
            if not self._alone and (lane.pending or now >= lane.due):
                await self._feed(lane, now)
        return min(until, *(lane.next_turn for lane in self._lanes))

    async def _feed(self, lane: "_Lane", now: float) -> None:
        """Start what is due and fits."""
        room = lane.free
        if room <= 0:  # from now on what gets free is for what waits
            lane.pending = lane.closed = True
            return
        # The accept path keeps half the room meanwhile: what it would have to leave in the store
        # now would call for another claim, and so on for ever.
        limit = room if lane.closed else (room + 1) // 2
        names = self._handlers.names(asynchronous=lane.asynchronous)
        lane.pending, lane.due = False, math.inf
        lane.taken += limit
        try:
            count = await self._claim(names, limit, now)
        finally:
            lane.taken -= limit
        lane.closed = count == limit
        if lane.closed:
            lane.pending = True
        else:
            due = await self._store.next_due(names)
            lane.due_by(None if due is None else max(due, now + SPIN_SECONDS))

    async def _proceed_alone(self, now: float) -> None:
        """Run the next suspect once nothing else runs, or find that there is none left."""
        if self._running:
            return
        if self._suspect is not None:
            lease, self._suspect = self._suspect, None
            self._lane(lease.handler).taken += 1
            self._spawn(lease, self._run_alone(lease))
            return
        await self._claim(self._handlers.names(), 1, now)
        if self._suspect is None:
            self._alone = False
            self._expect_more()

    async def _claim(self, names: Sequence[str], limit: int, now: float) -> int:
        """Lease due jobs and start them, or put a suspect aside until it is alone; how many."""
        leases = await self._store.claim(names, limit, now=now, lease=self._lease)
        if self._stopping:  # it is too late for them, as in `start`
            return 0
        for lease in leases:
            if lease.suspect:
                self._alone, self._suspect = True, lease
            else:
                self._lane(lease.handler).taken += 1
                self._spawn(lease, self._attempts.run(lease, self._threads))
        return len(leases)

    async def _run_alone(self, lease: Lease) -> float | None:
        if lease.crashes >= self._crash_limit:
            error = f"the process died {lease.crashes} times while this ran alone"
            verdict = Verdict(outcome=Outcome.DEAD, reason="crash", error=error)
            return await self._attempts.record(lease, verdict, self._clock.now())
        if await self._insistence.on("mark", lambda: self._store.mark_started(lease)):
            return await self._attempts.run(lease, self._threads)
        return None

    async def _extend(self, now: float) -> None:
        """Prolong every lease in use."""
        leases = [*self._running.values(), *filter(None, [self._suspect])]
        if leases:
            names = [(lease.event.id, lease.handler, lease.fence) for lease in leases]
            await self._store.extend(names, now + self._lease)
        self._extended_at = now

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    # Attempts under way

    def _lane(self, handler: str) -> "_Lane":
        return self._lanes[self._handlers[handler].asynchronous]

    def _expect_more(self) -> None:
        for lane in self._lanes:
            lane.pending = True

    def _spawn(self, lease: Lease, work: Coroutine[Any, Any, float | None]) -> None:
        task = asyncio.create_task(work)
        self._running[task] = lease
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[float | None]") -> None:
        lease = self._running.pop(task, None)
        if lease is None:  # it outlived the run it belonged to
            return
        lane = self._lane(lease.handler)
        lane.taken -= 1
        error = None if task.cancelled() else task.exception()
        due = None if task.cancelled() or error is not None else task.result()
        self._failure = self._failure or error
        lane.due_by(due)
        if lane.closed or self._alone or due is not None or error is not None:
            self._wake.set()

    def _abandoned(self, lane: "_Lane", change: int) -> None:
        lane.stuck += change
        if lane.stuck == lane.limit and not self._stopping:
            self._listeners.emit(ThreadsStuck(threads=lane.limit))
        self._wake.set()


@final
class _Lane:
    """Room for attempts of one kind: in threads, or awaited.

    Attributes:
        limit: attempts at a time.
        taken: of these, under way or reserved.
        stuck: threads that were given up and have not returned.
        pending: something may be due in the store.
        due: when the next thing will be.
        closed: what is due in the store waits for room, and goes first: the accept path may
            start nothing.
    """

    __slots__ = ("asynchronous", "closed", "due", "limit", "pending", "stuck", "taken")

    def __init__(self, limit: int, *, asynchronous: bool) -> None:
        self.limit = limit
        self.asynchronous = asynchronous
        self.taken = self.stuck = 0
        self.pending = self.closed = True
        self.due = math.inf

    @property
    def free(self) -> int:
        """Attempts that may begin."""
        return self.limit - self.taken - self.stuck

    @property
    def next_turn(self) -> float:
        """When there is something to do for it; an end of an attempt makes a turn anyway."""
        if self.pending:
            return -math.inf if self.free > 0 else math.inf
        return self.due

    def due_by(self, time: float | None) -> None:
        """Something will be due then."""
        if time is not None:
            self.due = min(self.due, time)
