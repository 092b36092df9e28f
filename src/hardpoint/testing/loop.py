"""An event loop on virtual time: when everything waits, time moves to the first timer at once."""

import asyncio
import selectors
from collections.abc import Callable
from typing import final

GRACE = 2.0  # real seconds that a thread gets to wake a loop in which nothing else is left to do


@final
class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector event loop by another clock.

    Args:
        monotonic: reads the time.
        advance: moves it.
    """

    def __init__(self, monotonic: Callable[[], float], advance: Callable[[float], None]) -> None:
        super().__init__(_Selector(advance))
        self._virtual = monotonic

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._virtual()


@final
class _Selector(selectors.DefaultSelector):
    """Waits by moving the clock."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self._advance(timeout)
            return super().select(0)
        ready = super().select(GRACE)
        if not ready:
            raise RuntimeError("every task waits, and there is no timer that would wake one")
        return ready
