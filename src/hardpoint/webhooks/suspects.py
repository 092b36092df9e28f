"""Suspects: jobs that were in flight when the process died. One of them may have ended it.

They run one after another while everything else goes on, each start marked durably before the
handler is called. A death under that mark is counted against the job. One that has been counted
against runs in a *hush*: nothing else starts, for 5 s at most. After that others start, and a death
is no longer its own. The third counted death makes a dead letter.
"""

import math
from collections.abc import Sequence
from typing import final

from hardpoint.core.effects import Clock
from hardpoint.store.driver import Lease, Outcome
from hardpoint.store.engine import InboxStore
from hardpoint.webhooks.attempts import AttemptRunner, AttemptVerdict, Insistence
from hardpoint.webhooks.lanes import Seat
from hardpoint.webhooks.threads import Threads

HUSH_SECONDS = 5.0
"""How long nothing else starts beside a suspect whose mark stood at a death."""


@final
class Suspects:
    """Whose turn it is, and whether others may start meanwhile; see `Worker` for the arguments.

    Attributes:
        expected: there may be one in the store.
        hush: nothing else may start.
        hush_until: by the steady clock.
    """

    def __init__(
        self,
        store: InboxStore,
        attempts: AttemptRunner,
        insistence: Insistence,
        *,
        clock: Clock,
        crash_limit: int,
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._insistence = insistence
        self._clock = clock
        self._crash_limit = crash_limit
        self.begin()

    def begin(self) -> None:
        """A run of the worker begins."""
        self.expected = False
        self.hush = False
        self.hush_until = math.inf
        self._current: Lease | None = None

    @property
    def wanted(self) -> bool:
        """Whether it is time to claim one."""
        return self.expected and self._current is None

    @property
    def alone(self) -> Lease | None:
        """The one that nothing may start beside."""
        return self._current if self.hush else None

    async def claim(self, handlers: Sequence[str], *, all_there_are: bool) -> Lease | None:
        """The next one of these handlers, which must be run; None when there is none."""
        lease = await self._store.claim_suspect(handlers)
        if lease is None:
            self.expected = not all_there_are
            return None
        self._current = lease
        self.hush = 0 < lease.crashes < self._crash_limit
        self.hush_until = self._clock.monotonic() + HUSH_SECONDS
        return lease

    async def run(self, lease: Lease, seat: Seat, threads: Threads) -> float | None:
        """Mark its start and run it; one that was counted against too often is given up."""
        if lease.crashes >= self._crash_limit:
            error = f"the process died {lease.crashes} times while this ran"
            verdict = AttemptVerdict(outcome=Outcome.DEAD, reason="crash", error=error)
            return await self._attempts.record(lease, verdict, self._clock.now())
        if await self._insistence.on("mark", lambda: self._store.mark_started(lease)):
            return await self._attempts.run(lease, seat, threads)
        return None

    async def end_hush(self, now: float) -> None:
        """Let others start if the time has come; from then on a death does not count.

        Raises:
            StoreUnavailableError: the mark cannot be taken away now.
        """
        current = self._current
        if current is not None and now >= self.hush_until:
            await self._store.mark_started(current, started=False)
            self.hush = False

    def ended(self) -> None:
        """The one that ran has ended."""
        self._current = None
        self.hush = False
