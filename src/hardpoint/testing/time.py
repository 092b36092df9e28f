"""Time for policies that were built without a clock of their own, those of the code under test."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import final

from hardpoint.core.effects import Random
from hardpoint.runtime.clocks import Cancellable, Timekeeper
from hardpoint.runtime.effects import AMBIENT
from hardpoint.testing.clock import ManualClock


@contextmanager
def manual_time(
    clock: ManualClock | None = None, random: Random | None = None
) -> Generator[ManualClock]:
    """Within the block, the clock of all policies is this one: in the whole process.

    Args:
        clock: the clock; by default one that starts at the present.
        random: chance, `lambda: 0.5` for one without surprises.
    """
    chosen = clock or ManualClock(AMBIENT.now(), AMBIENT.monotonic())
    with _ambient(chosen, random):
        yield chosen


@contextmanager
def no_delays() -> Generator[list[float]]:
    """Within the block, no policy waits: neither between attempts nor for a rate limit.

    Yields:
        The waits that did not take place, in seconds, in order.
    """
    eager = _Eager(AMBIENT.clock)
    with _ambient(eager, None):
        yield eager.waits


@contextmanager
def _ambient(clock: Timekeeper, random: Random | None) -> Generator[None]:
    before = (AMBIENT.clock, AMBIENT.random, AMBIENT.ids)
    AMBIENT.use(clock, random or AMBIENT.random, AMBIENT.ids)
    try:
        yield
    finally:
        AMBIENT.use(*before)


@final
class _Eager:
    """The clock that was there, but for its sleeps."""

    def __init__(self, clock: Timekeeper) -> None:
        self.waits: list[float] = []
        self._clock = clock
        self.now = clock.now
        self.monotonic = clock.monotonic
        self.wait = clock.wait

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Cancellable:
        return self._clock.call_later(seconds, callback)
