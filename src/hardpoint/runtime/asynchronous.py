"""The asynchronous runtime: effects suspend, the event loop goes on."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar, final
from weakref import WeakKeyDictionary

from hardpoint.core.effects import Clock
from hardpoint.runtime.effects import Caller, waitable

if TYPE_CHECKING:
    from hardpoint.runtime.teams import Team

_Result = TypeVar("_Result")


@final
class AsyncRuntime:
    """Runs attempts by awaiting them, under a policy's asynchronous call."""

    __slots__ = ()

    async def call(
        self, policy: Caller, attempt: Callable[[], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        """Give what the policy makes of the attempts."""
        return await policy.call(attempt)

    def open(
        self, policy: Caller, opening: Callable[[], AbstractAsyncContextManager[_Result]]
    ) -> AbstractAsyncContextManager[_Result]:
        """Openings under the policy, whose room is held until the block ends."""
        guarded = getattr(policy, "open_stream", None)  # what is no policy of ours guards nothing
        return opening() if guarded is None else guarded(opening)

    async def work(self, function: Callable[[], _Result]) -> _Result:
        """Do it in a thread. When the caller is cancelled it still runs to its end there."""
        return await asyncio.to_thread(function)

    def team(self) -> "Team":
        """Tasks."""
        from hardpoint.runtime.teams import TaskTeam  # needed by few

        return TaskTeam()

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Let this task wait; the event loop goes on."""
        await waitable(clock).sleep(seconds)


@final
class LoopLock:
    """A lock for the tasks of one event loop, in whichever loop they are.

    An `asyncio.Lock` that was held when its loop was closed would be held for ever.
    """

    __slots__ = ("_held", "_locks")

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )
        self._held: WeakKeyDictionary[asyncio.Task[Any] | None, asyncio.Lock] = WeakKeyDictionary()

    async def __aenter__(self) -> None:
        here = asyncio.get_running_loop()
        lock = self._locks.get(here)
        if lock is None:
            for loop in [one for one in self._locks if one.is_closed()]:
                del self._locks[loop]
            lock = self._locks[here] = asyncio.Lock()
        await lock.acquire()
        self._held[asyncio.current_task()] = lock

    async def __aexit__(self, *_: object) -> None:
        # Not so where a task's coroutine is collected, in whatever task that happens.
        here = asyncio._get_running_loop()
        lock = self._held.pop(asyncio.current_task(), None) if here is not None else None
        if lock is not None:
            lock.release()
