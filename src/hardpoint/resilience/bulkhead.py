"""Bulkheads: how many calls may be under way at once, and how many may wait for their turn."""

import threading
from collections import deque
from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import final

from hardpoint.core.errors import BulkheadFullError, DeadlineTooShortError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.options import count
from hardpoint.runtime.effects import Effects
from hardpoint.runtime.waiting import (
    TaskWaiter,
    ThreadsHome,
    ThreadWaiter,
    Waiter,
    closed,
    latest,
)

LOOK_SECONDS = 1.0
"""Between two looks whether a loop that holds places was closed."""


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
class BulkheadRoom:
    """One bulkhead's state. Tasks of any event loop and threads stand in the same line.

    The runner takes a free place by itself (`free -= 1`), and gives it back (`free += 1`) while
    nobody is in `line`; who waits is handed the place directly.

    A loop that is closed over its calls gives nothing back, so it is known whose the places are:
    those of `home`, a loop or this process's threads, are what the others have left, who are
    counted apart.
    """

    __slots__ = (
        "__weakref__",
        "_effects",
        "_elsewhere",
        "_key",
        "_listeners",
        "_lock",
        "_name",
        "_others",
        "_queue",
        "calls",
        "free",
        "home",
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
        self._queue = options.queue
        self._effects = effects
        self._name = name
        self._key = key
        self._listeners = Listeners() if listeners is None else listeners
        self.forget()
        self.home = latest.threads
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child nobody is inside: those who were are threads of its parent."""
        self._lock = threading.Lock()
        self.free = self.calls
        self.line: deque[Waiter] = deque()
        self.home: object = ThreadsHome()  # nobody's
        self._elsewhere = 0
        self._others: dict[object, int] = {}

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
            while (seconds := self._patience(waiter, until)) is None or seconds > 0:
                await waiter.wait(seconds)
                if seconds is None or self._look(waiter):
                    break
        except BaseException:
            if self._leave(waiter):
                self.give_back(waiter.home)
            raise
        return self._arrive(waiter)

    def wait_blocking(self, now: float, until: float) -> float:
        """As `wait`, for a thread."""
        waiter = ThreadWaiter(self._effects)
        if self._join(waiter):
            return now
        try:
            while (seconds := self._patience(waiter, until)) is None or seconds > 0:
                waiter.wait(seconds)
                if seconds is None or self._look(waiter):
                    break
        except BaseException:
            if self._leave(waiter):
                self.give_back(waiter.home)
            raise
        return self._arrive(waiter)

    def assign(self, home: object) -> None:
        """A place was taken that is not `self.home`'s; called right after."""
        with self._lock:
            self._count(home)

    def give_back(self, home: object) -> None:
        """Give a place of `home`'s to the first who still waits, or back to the room."""
        with self._lock:
            if home is not self.home:
                if self._others.get(home, 0) == 0:
                    return  # it was taken away, with its closed loop
                self._others[home] -= 1
                self._elsewhere -= 1
            self.free += 1
            woken = self._hand_out()
        self._wake(woken)

    def _join(self, waiter: Waiter) -> bool:
        """Stand in line, then look again for a free place; True when there is one."""
        with self._lock:
            if self.free <= 0:
                self._take_away()
            woken = self._hand_out()  # what closed loops had is for those who were here before
            full = self.free <= 0 and len(self.line) >= self._queue
            if not full:
                self.line.append(waiter)
                # A place given back before we stood in line was put down as free.
                woken += self._hand_out()
        self._wake([one for one in woken if one is not waiter])
        if full:
            raise BulkheadFullError(self._name, self._key)
        if waiter in woken:
            return True
        if self._listeners.active:
            from hardpoint.resilience.events import CallQueued

            self._listeners.emit(CallQueued(self._name, self._key, "bulkhead"))
        return False

    def _patience(self, waiter: Waiter, until: float) -> float | None:
        """How long to wait before another look: loops other than its own may end unheard."""
        left = until - self._effects.monotonic()
        if self.home is not waiter.home or self._others:
            left = min(left, LOOK_SECONDS)
        return None if left == inf else left

    def _look(self, waiter: Waiter) -> bool:
        """Take away what closed loops hold; True when the waiter has a place."""
        with self._lock:
            self._take_away()
            woken = self._hand_out()
        self._wake([one for one in woken if one is not waiter])
        return waiter.granted

    def _hand_out(self) -> list[Waiter]:
        """Under the lock: free places to those in line; wake them afterwards."""
        woken: list[Waiter] = []
        while self.free > 0 and self.line:
            waiter = self.line.popleft()
            if not waiter.gone:
                self.free -= 1
                waiter.granted = True
                self._count(waiter.home)
                woken.append(waiter)
        return woken

    def _wake(self, woken: list[Waiter]) -> None:
        for waiter in woken:
            if not waiter.notify():
                self.give_back(waiter.home)

    def _count(self, home: object) -> None:
        """Under the lock: whose a place is that was just taken."""
        # No call up to the change: the runner takes places without the lock.
        if self.calls - self.free - self._elsewhere == 1:
            self.home = home
            self._elsewhere -= self._others.pop(home, 0)
        elif home is not self.home:
            self._elsewhere += 1
            self._others[home] = self._others.get(home, 0) + 1

    def _take_away(self) -> None:
        """Under the lock: the places of closed loops are free, and nobody waits in them."""
        for home in [one for one in self._others if closed(one)]:
            count = self._others.pop(home)
            self._elsewhere -= count
            self.free += count
        if closed(self.home):
            self.home = latest.threads
            self._elsewhere -= self._others.pop(self.home, 0)
            self.free = self.calls - self._elsewhere
        for waiter in [one for one in self.line if one.gone]:
            self.line.remove(waiter)

    def _leave(self, waiter: Waiter) -> bool:
        """Stop waiting; True when a place had been handed over already."""
        with self._lock:
            if waiter in self.line:
                self.line.remove(waiter)
            return waiter.granted

    def _arrive(self, waiter: Waiter) -> float:
        if not self._leave(waiter):
            raise DeadlineTooShortError(self._name, self._key, None, "no place came free in time")
        return self._effects.monotonic()
