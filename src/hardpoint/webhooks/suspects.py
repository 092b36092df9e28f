"""Suspects: jobs that were in flight when the process died. One of them may have ended it.

They start one after another, each marked durably before the handler is called, while everything
else goes on. A death under that mark is counted against the job; the first one together with the
death that made a suspect of it, which until then is held against nobody. One that has been counted
against runs in a *hush*: nothing else starts. After 5 s at most a suspect is an attempt like any
other: it takes a place of its lane, the next one begins, others start, and a death is no longer its
own. So suspects of a lane that has no place wait. The third counted death makes a dead letter:
whatever ends every process that runs it does so three times, however many processes there are.
"""

import math
from collections.abc import Iterable, Sequence
from typing import final

from hardpoint.core.effects import Clock
from hardpoint.store.driver import Lease, Outcome
from hardpoint.store.engine import InboxStore
from hardpoint.webhooks.attempts import AttemptRunner, AttemptVerdict, StoreRetries
from hardpoint.webhooks.lanes import Seat
from hardpoint.webhooks.threads import Threads

SUSPECT_SECONDS = 5.0
"""How long a death is held against one that has begun, and the next one waits for it."""
CRASHES_MAX = 3
"""A job that took the process down so often is a dead letter."""


@final
class Suspects:
    """Whose turn it is, and whether others may start meanwhile; see `Worker` for the arguments.

    Attributes:
        hush: nothing else may start.
        until: when the time of the one that runs is up, by the steady clock; `inf`: none runs.
    """

    def __init__(
        self,
        store: InboxStore,
        attempts: AttemptRunner,
        store_retries: StoreRetries,
        *,
        clock: Clock,
        crash_limit: int,
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._store_retries = store_retries
        self._clock = clock
        self._crash_limit = crash_limit
        self.begin()

    def begin(self) -> None:
        """A run of the worker begins."""
        self.hush = False
        self.until = math.inf
        self._expected: frozenset[str] = frozenset()
        self._current: Lease | None = None
        self._seat: Seat | None = None

    def expect(self, handlers: Iterable[str]) -> None:
        """The store may have some of these handlers."""
        self._expected = frozenset(handlers)

    @property
    def wanted(self) -> frozenset[str]:
        """The handlers of which it is time to claim one."""
        return self._expected if self._current is None else frozenset()

    @property
    def alone(self) -> Lease | None:
        """The one that nothing may start beside."""
        return self._current if self.hush else None

    async def claim(self, handlers: Sequence[str]) -> Lease | None:
        """The next one of these handlers, which must be run; None when there is none."""
        lease = await self._store.claim_suspect(handlers)
        if lease is None:
            self._expected = self._expected.difference(handlers)
            return None
        self._current = lease
        self.hush = 0 < lease.crashes < self._crash_limit
        self.until = self._clock.monotonic() + SUSPECT_SECONDS
        return lease

    def begun(self, seat: Seat) -> None:
        """The one that was claimed has a seat, beside all others."""
        self._seat = seat

    async def run(self, lease: Lease, seat: Seat, threads: Threads) -> float | None:
        """Mark its start and run it; one that was counted against too often is given up."""
        if lease.crashes >= self._crash_limit:
            error = f"the process died {lease.crashes} times while this ran"
            verdict = AttemptVerdict(outcome=Outcome.DEAD, reason="crash", error=error)
            return await self._attempts.record(lease, verdict, self._clock.now())
        if await self._store_retries.run("mark", lambda: self._store.mark_started(lease)):
            return await self._attempts.run(lease, seat, threads)
        return None

    async def look(self, now: float) -> None:
        """Let others start if the time of the one that runs is up; see the module.

        Raises:
            StoreUnavailableError: the mark cannot be taken away now.
        """
        current = self._current
        if current is None or now < self.until:
            return
        await self._store.mark_started(current, started=False)
        if current is self._current and self._seat is not None:  # it goes on
            self._seat.reserve()
            self.ended(current)

    def ended(self, lease: Lease) -> None:
        """This one has ended, or is a suspect no longer."""
        if lease is self._current:
            self._current = None
            self.hush = False
            self.until = math.inf
