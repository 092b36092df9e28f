"""Runs handlers: from memory right after the commit, from the store when due.

Who may start when is decided in `lanes`. A job that was in flight when the process died is a
suspect: see `suspects`.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Any, ClassVar, final

import msgspec

from hardpoint.core.effects import Clock, Random
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.driver import Lease, LeaseName, lane_of
from hardpoint.store.engine import InboxStore
from hardpoint.webhooks.attempts import STORE_RETRY_SECONDS, AttemptRunner, StoreRetries
from hardpoint.webhooks.calling import CANCEL_SECONDS, cut
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.job import CompleteIn
from hardpoint.webhooks.lanes import JobLane, Shares
from hardpoint.webhooks.suspects import CRASHES_MAX, Suspects
from hardpoint.webhooks.threads import Threads

SPIN_SECONDS = 0.05
"""The least between two looks, should the store call due what it does not give out."""

RENEWALS = 5
"""How often the store is asked for lost leases in the time in which others may take them."""


class ThreadsStuck(msgspec.Struct, frozen=True, kw_only=True):
    """Handlers beyond their time limit hold as many threads as slow handlers may have.

    A slow one that has a thread gets no other until one returns; its events wait in the store.
    """

    severity: ClassVar[str] = "error"
    threads: int


class LeasesLost(msgspec.Struct, frozen=True, kw_only=True):
    """Other processes may have taken over what this one was handling: it gave no sign of life.

    The attempts are cancelled; whatever they still do in the database is refused.
    """

    severity: ClassVar[str] = "warning"
    attempts: int


@final
class Worker:
    """Runs attempts in the loop that called `run`.

    Args:
        store: where jobs are.
        handlers: who does what.
        complete_in: the store's way to complete a job in a user's transaction.
        clock: for due times, records, and what is slow.
        random: for jitter.
        listeners: told `HandlerFinished`, `StoreInTheWay`, `ThreadsStuck` and `LeasesLost`.
        concurrency: attempts of `async def` handlers at a time.
        threads: attempts of plain `def` handlers at a time.
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
        crash_limit: int = CRASHES_MAX,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._listeners = listeners
        self._store_retries = StoreRetries(listeners)
        self._attempts = AttemptRunner(
            store,
            handlers,
            self._store_retries,
            complete_in=complete_in,
            clock=clock,
            random=random,
            listeners=listeners,
            leaving=self._leaving,
        )
        self._suspects = Suspects(
            store, self._attempts, self._store_retries, clock=clock, crash_limit=crash_limit
        )
        self._limits = (threads, concurrency)
        self._task: asyncio.Task[Any] | None = None
        self._begin()

    def _begin(self) -> None:
        """The state a run starts from: it knows nothing of what is due."""
        self._wake = asyncio.Event()
        self._shares = tuple(Shares(limit, self._abandoned) for limit in self._limits)
        self._threads = Threads()
        self._running: dict[asyncio.Task[float | None], LeaseName] = {}
        self._lost: set[asyncio.Task[float | None]] = set()
        self._look_at = -math.inf
        self._held_back: list[Lease] = []
        self._failure: BaseException | None = None
        self._suspects.begin()
        self._stopping = True  # until it has begun
        self._stopped = False

    # The accept path

    def reserve(self, names: Sequence[str], source: str) -> bool:
        """Keep room for attempts the store is about to lease; False: have it leave them due."""
        if self._stopping or self._suspects.hush:
            return False
        now = self._clock.monotonic()
        for taken, name in enumerate(names):
            shares, lane = self._lane(name, source)
            if not shares.may_start(lane, now):
                self.unreserve(names[:taken], source)
                return False
            shares.take(lane)
        return True

    def unreserve(self, names: Sequence[str], source: str) -> None:
        """The reserved attempts are not coming after all: what waits in the store may have it."""
        for name in names:
            shares, lane = self._lane(name, source)
            shares.give_back(lane)
            if shares.waited_for:
                self._wake.set()

    def start(self, leases: Sequence[Lease]) -> None:
        """Start reserved attempts now; their leases are committed.

        During a stop it is too late for them: the store releases their leases when it closes.
        """
        if self._suspects.hush:
            self._held_back += leases
        elif not self._stopping:
            for lease in leases:
                self._spawn(lease)

    def notify(self, names: Sequence[str] = (), source: str = "") -> None:
        """There is due work in the store: for these handlers, or for any."""
        if names:
            now = self._clock.monotonic()
            for name in names:
                shares, lane = self._lane(name, source)
                shares.expect(lane, now)
        else:
            self._look_at = -math.inf
        self._wake.set()

    def resume(self) -> None:
        """Someone has changed something: look again, also at what lanes wait for."""
        for shares in self._shares:
            shares.resume()
        self.notify()

    @property
    def running(self) -> int:
        """Attempts under way."""
        return len(self._running)

    def hindrances(self) -> list[str]:
        """What keeps events from being handled now, in words: threads that are stuck, a suspect."""
        found: list[str] = []
        threads = self._shares[0]
        if threads.stuck >= max(1, threads.limit // 2):
            found.append(
                f"threads: {threads.stuck} are held by handlers beyond their time limit: "
                + ", ".join(f"{lane.name} ({lane.stuck})" for lane in threads.stuck_lanes())
            )
        alone = self._suspects.alone
        if alone is not None:
            found.append(f"suspect: {alone.handler} runs alone on {alone.event.id}")
        return found

    # The loop

    async def run(self) -> None:
        """Claim and start due jobs until `stop`.

        Raises:
            BaseException: a defect of ours or of the store: no attempt can be relied on any more.
        """
        self._begin()
        threads = self._threads
        self._task = asyncio.current_task()
        expires = self._store.expires
        beside = [] if expires is None else [self._keep_leases(expires / RENEWALS), self._listen()]
        tasks = [asyncio.create_task(one) for one in beside]
        for task in tasks:
            task.add_done_callback(self._beside_ended)
        try:
            # What an earlier run of this process may have left leased, in a loop that is gone.
            await self._store_retries.run("begin", self._store.release_all)
            self._stopping = self._stopped
            while not self._stopped:
                self._wake.clear()
                try:
                    until = await self._turn()
                    self._store_retries.succeeded("claim")
                except StoreUnavailableError as error:
                    self._store_retries.failed("claim", error)
                    self._look_at = -math.inf
                    until = self._clock.monotonic() + STORE_RETRY_SECONDS
                if self._failure is not None:
                    raise self._failure
                await self._sleep(until - self._clock.monotonic())
        finally:
            for task in tasks:
                task.cancel()
            threads.close()
            # Else it ended with its loop, and runs in another now.
            self._stopping = self._stopping or threads is self._threads

    async def stop(self, grace: float) -> None:
        """Claim no more, give running attempts `grace` seconds, then cancel and leave them.

        The store releases their leases, and those of late arrivals, when it closes.
        """
        self._stopping = True
        if self._running:
            await asyncio.wait([*self._running], timeout=grace)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait([*self._running], timeout=2 * CANCEL_SECONDS)
        await cut([*self._threads.left])
        self._stopped = True
        self._wake.set()

    async def _turn(self) -> float:
        """Do what is to be done now; gives the time of the next turn, unless woken before."""
        now, suspects = self._clock.monotonic(), self._suspects
        if self._stopping:
            return math.inf
        await suspects.look(now)
        if not suspects.hush and now >= self._look_at:
            await self._look(now)
        await self._claim_suspect()
        if suspects.hush:
            return suspects.until
        held_back, self._held_back = self._held_back, []
        self.start(held_back)
        for shares in self._shares:
            await self._feed(shares)
        now = self._clock.monotonic()
        turns = (shares.next_turn(now) for shares in self._shares)
        return min(self._look_at, suspects.until, *turns)

    async def _look(self, now: float) -> None:
        """Ask the store what waits in it."""
        self._look_at = now + self._store.poll
        self._suspects.expect(self._handlers.names())
        for waiting in await self._store.waiting(self._handlers.names()):
            shares = self._shares_of(waiting.handler)
            shares.expect(shares.lane(waiting.lane), now + waiting.due_in)

    async def _feed(self, shares: Shares) -> None:
        """Start what is due and fits."""
        now = self._clock.monotonic()
        grants = shares.grants(now)
        if not grants:
            return
        names = {lane.name: count for lane, count in grants.items()}
        waits = dict.fromkeys(names, 0.0)  # should the claim fail
        try:
            claim = await self._store.claim(names)
            waits = claim.waits
            if not self._stopping:  # else it is too late for them, as in `start`
                for lease in claim.leases:
                    names[lease.lane] -= 1
                    self._spawn(lease)
        finally:
            for lane in grants:
                surplus = names[lane.name]
                for _ in range(surplus):
                    shares.give_back(lane)
                if lane.name in waits:
                    least = SPIN_SECONDS if surplus else -math.inf
                    shares.expect(lane, now + max(waits[lane.name], least))

    async def _claim_suspect(self) -> None:
        """Start the next suspect, of those whose lanes have a place for them later."""
        now = self._clock.monotonic()
        names = [name for name in self._suspects.wanted if self._has_place(name, now)]
        if not names:
            return
        lease = await self._suspects.claim(names)
        if lease is not None and not self._stopping:
            self._spawn(lease)

    def _has_place(self, handler: str, now: float) -> bool:
        shares = self._shares_of(handler)
        return shares.has_place(shares.lane(handler), now)

    # Beside the loop, where other processes have the store too

    async def _listen(self) -> None:
        """Look whenever others may have stored something."""
        while True:
            await self._store_retries.run("listen", self._store.wait_for_work)
            self.notify()

    async def _keep_leases(self, every: float) -> None:
        """Cancel what is not ours any more."""
        while True:
            await asyncio.sleep(every)
            names = list(self._running.values())
            try:
                lost = set(await self._store.renew(names))
            except StoreUnavailableError:
                continue  # how long that may last, the store itself keeps in mind
            tasks = [task for task, name in self._running.items() if name in lost]
            for task in tasks:
                self._lost.add(task)
                task.cancel()
            if tasks:
                self._listeners.emit(LeasesLost(attempts=len(tasks)))

    def _beside_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._failure = self._failure or task.exception()
            self._wake.set()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    # Attempts under way

    def _shares_of(self, handler: str) -> Shares:
        return self._shares[self._handlers[handler].asynchronous]

    def _lane(self, handler: str, source: str) -> tuple[Shares, JobLane]:
        shares = self._shares_of(handler)
        return shares, shares.lane(lane_of(handler, source))

    def _spawn(self, lease: Lease) -> None:
        """Run an attempt whose place is reserved, or a suspect."""
        shares = self._shares_of(lease.handler)
        lane = shares.lane(lease.lane)
        seat = shares.begin(lane, self._clock.monotonic(), reserved=not lease.suspect)
        run = self._attempts.run
        if lease.suspect:
            self._suspects.begun(seat)
            run = self._suspects.run
        task = asyncio.create_task(run(lease, seat, self._threads))
        self._running[task] = (lease.event.id, lease.handler, lease.fence)

        def ended(task: asyncio.Task[float | None]) -> None:
            seat.leave()
            if task in self._running:  # else it has outlived the run it belonged to
                del self._running[task]
                self._lost.discard(task)
                self._ended(task, lease, shares, lane)

        task.add_done_callback(ended)

    def _ended(
        self, task: asyncio.Task[float | None], lease: Lease, shares: Shares, lane: JobLane
    ) -> None:
        error = None if task.cancelled() else task.exception()
        again = None if task.cancelled() or error is not None else task.result()
        self._failure = self._failure or error
        if lease.suspect:
            self._suspects.ended(lease)
        if again is not None:
            shares.expect(lane, self._clock.monotonic() + again)
        if shares.waited_for or lease.suspect or self._suspects.wanted or error is not None:
            self._wake.set()

    def _abandoned(self, shares: Shares, change: int) -> None:
        full = shares.stuck == max(1, shares.limit // 2)
        if change > 0 and full and shares is self._shares[0] and not self._stopping:
            self._listeners.emit(ThreadsStuck(threads=shares.stuck))
        self._wake.set()

    def _leaving(self) -> bool:
        """Whether a cancellation means the end of this run, of the whole loop, or of a lease."""
        if asyncio.current_task() in self._lost:
            return True
        return self._stopping or (self._task is not None and self._task.cancelling() > 0)
