"""A clock that moves when told, and moves everything that waits by it."""

import asyncio
import heapq
import threading
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar, final

from hardpoint.runtime.clocks import Cancellable, Signal
from hardpoint.testing.loop import VirtualLoop

R = TypeVar("R")


@final
class ManualClock:
    """Stands still until `advance` is called; serves both wall and monotonic time.

    Given to a policy as `clock=`, or to all of them by `manual_time`, it drives breakers, limits,
    deadlines and timeouts alike. Who sleeps by it takes no time: the sleep itself moves the clock.
    For several tasks that sleep side by side, let `run` run them: there time passes only when all
    of them wait, and then up to the first that wakes.

    Attributes:
        waits: how long each sleep was, in order.
    """

    __slots__ = ("_later", "_lock", "_loop", "_monotonic", "_now", "_order", "_waiting", "waits")

    def __init__(self, now: float = 1_700_000_000.0, monotonic: float = 1_000.0) -> None:
        self._now = now
        self._monotonic = monotonic
        self._later: list[_Later] = []
        self._order = count()
        self._lock = threading.RLock()
        self._loop: VirtualLoop | None = None
        self._waiting = 0
        self.waits: list[float] = []

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def monotonic(self) -> float:
        """Seconds of steady time."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass, and let happen what falls due, in its order."""
        with self._lock:
            until = self._monotonic + seconds
            while self._later and self._later[0].when <= until:
                due = heapq.heappop(self._later)
                self._move(due.when)
                due.happen()
            self._move(until)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP would."""
        self._now += seconds

    def pause(self, seconds: float) -> None:
        """Block for so long: it takes no time, the clock moves."""
        self.waits.append(seconds)
        self.advance(seconds)

    async def sleep(self, seconds: float) -> None:
        """Sleep: under `run`, side by side with others; elsewhere the clock moves."""
        self.waits.append(seconds)
        if self._here() is not None:
            await asyncio.sleep(seconds)
        else:
            self.advance(seconds)
            await asyncio.sleep(0)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Cancellable:
        """Call back when so much time has passed."""
        loop = self._here()
        if loop is not None:
            return loop.call_later(seconds, callback)
        with self._lock:
            later = _Later(self._monotonic + seconds, next(self._order), callback)
            heapq.heappush(self._later, later)
        return later

    def wait(self, signal: Signal, seconds: float | None) -> bool:
        """Block this thread until the signal is set, or so much time has passed."""
        if seconds is None:
            return signal.wait()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            signal.set()

        later = self.call_later(seconds, give_up)
        self._waits(1)
        try:
            signal.wait()
        finally:
            self._waits(-1)
        later.cancel()
        return not late.is_set()

    def run(self, main: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on an event loop whose time this is.

        All of asyncio follows it: `asyncio.sleep`, `asyncio.timeout`, timers. When every task
        waits, time moves on to the first timer at once.

        Raises:
            RuntimeError: every task waits and no timer is set.
        """
        loop = VirtualLoop(self.monotonic, self.advance, lambda: self._waiting)
        self._loop = loop
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                return runner.run(main)
        finally:
            self._loop = None

    def _here(self) -> VirtualLoop | None:
        """The loop of `run`, if it is what runs this thread."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return None
        return self._loop if running is self._loop else None

    def _waits(self, more: int) -> None:
        with self._lock:
            self._waiting += more

    def _move(self, until: float) -> None:
        self._now += until - self._monotonic
        self._monotonic = until


@final
class _Later:
    """Something that is to happen, ordered by time, then by age."""

    __slots__ = ("_age", "_callback", "when")

    def __init__(self, when: float, age: int, callback: Callable[[], object]) -> None:
        self.when = when
        self._age = age
        self._callback: Callable[[], object] | None = callback

    def __lt__(self, other: "_Later") -> bool:
        return (self.when, self._age) < (other.when, other._age)

    def happen(self) -> None:
        if self._callback is not None:
            self._callback()

    def cancel(self) -> None:
        """Let it not happen."""
        self._callback = None
