"""Bulkheads: how many calls may be under way at once, and how many may wait for their turn."""

import threading
from collections import deque
from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import final

from hardpoint.core.errors import BulkheadFullError, DeadlineTooShortError
from hardpoint.core.events import Listeners
from hardpoint.resilience.options import count
from hardpoint.runtime.effects import Effects
from hardpoint.runtime.waiting import TaskWaiter, ThreadWaiter, Waiter


@final
@dataclass(frozen=True, slots=True)
class Bulkhead:
    """At most `calls` under way at once.

    Attributes:
        calls: how many.
        queue: how many more may wait in line, in the order they came; 0 refuses at once. The wait
            counts against the deadline.
    """

    calls: int
    _: KW_ONLY
    queue: int = 0

    def __post_init__(self) -> None:
        count("Bulkhead.calls", self.calls)
        count("Bulkhead.queue", self.queue, least=0)


@final
class Room:
    """One bulkhead's state. Tasks of any event loop and threads stand in the same line.

    The runner takes a free place by itself (`free -= 1`), and gives it back (`free += 1`) while
    nobody is in `line`; who waits is handed the place directly.
    """

    __slots__ = (
        "_effects",
        "_key",
        "_listeners",
        "_lock",
        "_name",
        "_queue",
        "calls",
        "free",
        "line",
    )

    def __init__(
        self,
        options: Bulkhead,
        effects: Effects,
        *,
        name: str = "",
        key: object = None,
        listeners: Listeners | None = None,
    ) -> None:
        self.calls = options.calls
        self.free = options.calls
        self.line: deque[Waiter] = deque()
        self._queue = options.queue
        self._effects = effects
        self._name = name
        self._key = key
        self._listeners = Listeners() if listeners is None else listeners
        self._lock = threading.Lock()

    async def wait(self, now: float, until: float) -> float:
        """Stand in line for a place; returns the time when it is there.

        Raises:
            BulkheadFullError: the line is full, or there is none.
            DeadlineTooShortError: no place came free before `until`.
        """
        waiter = TaskWaiter(self._effects)
        if self._join(waiter):
            return now
        try:
            await waiter.wait(None if until == inf else until - now)
        except BaseException:
            if self._leave(waiter):
                self.give_back()
            raise
        return self._arrive(waiter)

    def wait_blocking(self, now: float, until: float) -> float:
        """As `wait`, for a thread."""
        waiter = ThreadWaiter(self._effects)
        if self._join(waiter):
            return now
        try:
            waiter.wait(None if until == inf else until - now)
        except BaseException:
            if self._leave(waiter):
                self.give_back()
            raise
        return self._arrive(waiter)

    def give_back(self) -> None:
        """Give a place to the first who still waits, or back to the room."""
        while True:
            with self._lock:
                if not self.line:
                    self.free += 1
                    return
                waiter = self.line.popleft()
                waiter.granted = True
            if waiter.notify():
                return

    def _join(self, waiter: Waiter) -> bool:
        """Stand in line, then look again for a free place; True when there is one."""
        with self._lock:
            if len(self.line) >= self._queue and not (self.free > 0 and not self.line):
                raise BulkheadFullError(self._name, self._key)
            self.line.append(waiter)
            # A place given back before we stood in line was put down as free.
            if self.free > 0:
                self.free -= 1
                first = self.line.popleft()
                first.granted = True
            else:
                first = None
        if first is waiter:
            return True
        if first is not None and not first.notify():
            self.give_back()
        if self._listeners.active:
            from hardpoint.resilience.events import CallQueued

            self._listeners.emit(CallQueued(self._name, self._key, "bulkhead"))
        return False

    def _leave(self, waiter: Waiter) -> bool:
        """Stop waiting; True when a place had been handed over already."""
        with self._lock:
            if not waiter.granted:
                self.line.remove(waiter)
            return waiter.granted

    def _arrive(self, waiter: Waiter) -> float:
        if not self._leave(waiter):
            raise DeadlineTooShortError(self._name, self._key, None, "no place came free in time")
        return self._effects.monotonic()
