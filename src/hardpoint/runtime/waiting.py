"""Waiting in line for something that another task or thread hands over."""

import threading
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, final

from hardpoint.core.forks import forget_in_child
from hardpoint.runtime.effects import Effects

if TYPE_CHECKING:
    import asyncio


@final
class ThreadsHome:
    """Where calls are that no event loop runs: the threads of one process."""

    def is_closed(self) -> bool:
        """Whether they are those of a process that this one was forked from."""
        return self is not latest.threads


def closed(home: object) -> bool:
    """Whether an event loop was closed, or threads were left behind by a fork."""
    return cast("asyncio.AbstractEventLoop | ThreadsHome", home).is_closed()


class _NoLoop:
    """In place of an event loop: it runs in no thread."""

    _thread_id: int | None = None


@final
class LatestLoop:
    """The event loop that was last seen running: Python 3.11 asks the system for each look.

    While `loop._thread_id` is this thread's, the loop runs here. The runner reads that by itself.

    Attributes:
        loop: that loop.
        threads: where the calls of this process are that no loop runs.
    """

    __slots__ = ("__weakref__", "loop", "threads")

    def __init__(self) -> None:
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child the loop that ran in this thread runs no more, though it looks so.

        What is under way in this thread is under way in the parent's; it has nothing here.
        """
        self.loop: Any = _NoLoop()
        self.threads = ThreadsHome()

    def look(self) -> Any:
        """The running event loop, or `threads`."""
        from asyncio import _get_running_loop  # plain functions get along without asyncio

        found = _get_running_loop()
        if hasattr(found, "_thread_id"):  # a loop of another make is asked for each time
            self.loop = found
        return self.threads if found is None else found


latest: Final = LatestLoop()


class Waiter(Protocol):
    """One who waits. `granted` is written under the line's lock; `notify` is called outside it."""

    granted: bool

    @property
    def home(self) -> object:
        """The event loop it waits in, or the threads of this process."""
        ...

    @property
    def gone(self) -> bool:
        """Whether that loop was closed."""
        ...

    def notify(self) -> bool:
        """Wake it, from any thread; False when nobody is there any more."""
        ...


@final
class TaskWaiter:
    """A task waits; it belongs to the event loop that made it."""

    __slots__ = ("_effects", "_future", "_loop", "granted")

    def __init__(self, effects: Effects) -> None:
        from asyncio import get_running_loop  # plain functions get along without asyncio

        self._effects = effects
        self._loop = get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()
        self.granted = False

    @property
    def home(self) -> object:
        """Its event loop."""
        return self._loop

    @property
    def gone(self) -> bool:
        """Whether that was closed."""
        return self._loop.is_closed()

    def notify(self) -> bool:
        """Wake the task."""
        try:
            self._loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:  # the loop was closed under the task
            return False
        return True

    def _resolve(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: float | None) -> None:
        """Wait to be woken, or for so long."""
        if seconds is None:
            await self._future
            return
        late: list[None] = []

        def over() -> None:
            late.append(None)
            self._resolve()

        handle = self._effects.call_later(seconds, over)
        try:
            await self._future
        finally:
            handle.cancel()
        if late and not self.granted:
            self._future = self._loop.create_future()  # it may wait for another while


@final
class ThreadWaiter:
    """A thread waits."""

    __slots__ = ("_effects", "_event", "granted")

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._event = threading.Event()
        self.granted = False

    @property
    def home(self) -> object:
        """No event loop."""
        return latest.threads

    @property
    def gone(self) -> bool:
        """Threads stay until they leave."""
        return False

    def notify(self) -> bool:
        """Wake the thread."""
        self._event.set()
        return True

    def wait(self, seconds: float | None) -> None:
        """Block until woken, or for so long."""
        self._effects.wait(self._event, seconds)
