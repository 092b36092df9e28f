"""An event loop on virtual time: when everything waits, time moves to the first timer at once.

What works in a thread of the loop's executor does not wait: time stands still until it has ended.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, final

GRACE = 2.0  # real seconds that a thread gets to wake a loop in which nothing else is left to do


@final
class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector event loop by another clock.

    Args:
        monotonic: reads the time.
        advance: moves it.
        waiting: how many threads wait for it to move.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        advance: Callable[[float], None],
        waiting: Callable[[], int],
    ) -> None:
        super().__init__(_Selector(advance, self._threads_work))
        self._virtual = monotonic
        self._waiting = waiting
        self._threads = 0

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._virtual()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run it in a thread; time stands still meanwhile."""
        work = super().run_in_executor(executor, func, *args)
        self._threads += 1
        work.add_done_callback(self._thread_ended)
        return work

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Wait for its threads: by no clock, since a virtual limit would be over at once."""
        await super().shutdown_default_executor()

    def _thread_ended(self, _work: object) -> None:
        self._threads -= 1

    def _threads_work(self) -> bool:
        return self._threads > self._waiting()


@final
class _Selector(selectors.DefaultSelector):
    """Waits by moving the clock."""

    def __init__(self, advance: Callable[[float], None], threads_work: Callable[[], bool]) -> None:
        super().__init__()
        self._advance = advance
        self._threads_work = threads_work

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            if self._threads_work() and (ready := super().select(GRACE)):
                return ready
            self._advance(timeout)
            return super().select(0)
        ready = super().select(GRACE)
        if not ready:
            raise RuntimeError("every task waits, and there is no timer that would wake one")
        return ready
