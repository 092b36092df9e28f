"""Clocks that one can also wait on, and the real one."""

import time
from collections.abc import Callable
from typing import Protocol, final

from hardpoint.core.effects import Clock


class Cancellable(Protocol):
    """Something that has been arranged for later."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


class Signal(Protocol):
    """What a blocked thread waits for; `threading.Event` is one."""

    def set(self) -> None:
        """Wake the thread."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Block until set; False when the time was up first."""
        ...


class Timekeeper(Clock, Protocol):
    """A clock by which everything here waits, so that a test moves it all by one hand."""

    def pause(self, seconds: float, /) -> None:
        """Block this thread."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Let this task wait; the event loop goes on."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], object], /) -> Cancellable:
        """Call back on the running event loop."""
        ...

    def wait(self, signal: Signal, seconds: float | None, /) -> bool:
        """Block this thread until the signal is set; False when the time was up first."""
        ...


@final
class SystemClock:
    """The machine's own time. asyncio is imported when something asynchronous first waits."""

    __slots__ = ()

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    pause = staticmethod(time.sleep)

    async def sleep(self, seconds: float) -> None:
        """Let this task wait."""
        import asyncio

        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Cancellable:
        """Call back on the running event loop."""
        import asyncio

        return asyncio.get_running_loop().call_later(seconds, callback)

    def wait(self, signal: Signal, seconds: float | None) -> bool:
        """Block this thread until the signal is set."""
        return signal.wait(seconds)
