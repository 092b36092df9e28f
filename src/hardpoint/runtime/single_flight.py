"""What several callers want at once, done by the first of them for all: tasks, or threads.

The work is the first one's own: it runs in its task, under its deadline. When that one is cancelled
the next who waits does it anew. Callers in different event loops, and threads, do it each for
themselves: what one loop has opened is of no use in another.
"""

import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, final

from hardpoint.core.forks import forget_in_child
from hardpoint.runtime.effects import AMBIENT, Effects
from hardpoint.runtime.waiting import TaskWaiter, ThreadWaiter, closed, latest

_Result = TypeVar("_Result")


@final
class _Flight(Generic[_Result]):
    """One piece of work under way, and who waits for it."""

    __slots__ = ("outcome", "waiters")

    def __init__(self) -> None:
        self.waiters: list[TaskWaiter | ThreadWaiter] = []
        self.outcome: tuple[_Result] | None = None


@final
class SingleFlight(Generic[_Result]):
    """Does a piece of work once for all who ask for it while it is under way.

    Args:
        effects: by whose clock is waited.
    """

    def __init__(self, effects: Effects = AMBIENT) -> None:
        self._effects = effects
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """Begin anew: in a forked child nobody does what was under way."""
        self._lock = threading.Lock()
        self._flights: dict[object, _Flight[_Result]] = {}

    async def do(
        self, work: Callable[[], Awaitable[_Result]], *, seconds: float
    ) -> tuple[_Result] | None:
        """Do it, or wait for whoever does.

        Args:
            work: what it gives, everyone gets. What it raises is for the one who does it: return
                what the others have to hear.
            seconds: how long to wait for another; the work has a bound of its own.

        Returns:
            The result in a tuple; None when the time was up first.
        """
        until = self._effects.monotonic() + seconds
        home = latest.look()
        while True:
            flight, waiter = self._board(home)
            if waiter is None:
                return await self._fly(home, flight, work)
            left = until - self._effects.monotonic()
            if left > 0:
                if isinstance(waiter, ThreadWaiter):
                    waiter.wait(left)
                else:
                    await waiter.wait(left)
            if flight.outcome is not None:
                return flight.outcome
            if not waiter.granted:
                return None

    def _board(self, home: object) -> tuple[_Flight[_Result], TaskWaiter | ThreadWaiter | None]:
        """The flight here, and a place on it; no place is needed by the one who flies."""
        with self._lock:
            flight = self._flights.get(home)
            if flight is None:
                for one in [one for one in self._flights if closed(one)]:
                    del self._flights[one]
                flight = self._flights[home] = _Flight[_Result]()
                return flight, None
            threads = home is latest.threads
            waiter = ThreadWaiter(self._effects) if threads else TaskWaiter(self._effects)
            flight.waiters.append(waiter)
            return flight, waiter

    async def _fly(
        self, home: object, flight: _Flight[_Result], work: Callable[[], Awaitable[_Result]]
    ) -> tuple[_Result]:
        try:
            flight.outcome = (await work(),)
            return flight.outcome
        finally:
            with self._lock:
                if self._flights.get(home) is flight:
                    del self._flights[home]
                waiters = flight.waiters
            for waiter in waiters:
                waiter.granted = True
                waiter.notify()
