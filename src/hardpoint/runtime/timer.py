"""Attempt timeouts on asyncio with the cancellation rules of `asyncio.timeout`, far cheaper.

Attempts with the same timeout expire in the order in which they began, so one insertion-ordered
dict and one armed timer per event loop serve them all: an attempt that ends in time costs an insert
and a delete. The protocol, written out in the fused runner because a call there would cost more
than the timer:

    task = current_task(loop); cancelling = task.cancelling(); live[key] = (limit, task)
    ... the attempt ...
    if live.pop(key, None) is None:      # it was me who cancelled
        mine = task.uncancel() <= cancelling and <a CancelledError came out>

`mine` turns the cancellation into our timeout; otherwise somebody outside has cancelled too, and
the cancellation goes on. An attempt that swallowed our cancellation has its result returned.
"""

import asyncio
import threading
from typing import Any, final
from weakref import WeakKeyDictionary

from hardpoint.runtime.clocks import Cancellable
from hardpoint.runtime.effects import Effects

Live = dict[object, tuple[float, "asyncio.Task[Any]"]]
"""The running attempts: when each must be over, and the task it runs in."""

_EARLY = 1e-9  # an event loop, too, fires within its clock's resolution
_SOONEST = 1e-3  # below this some loops fire at once and would spin


@final
class Lane:
    """The running attempts of one duration on one event loop, the oldest first."""

    __slots__ = ("_effects", "armed", "live")

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.live: Live = {}
        self.armed = False

    def arm(self, seconds: float) -> None:
        """Look at the oldest attempt after so long."""
        self.armed = True
        self._effects.call_later(max(seconds, _SOONEST), self._fire)

    def _fire(self) -> None:
        self.armed = False
        live = self.live
        due = self._effects.monotonic() + _EARLY
        while live:
            key = next(iter(live))
            limit, task = live[key]
            if limit > due:
                self.arm(limit - due)
                break
            del live[key]
            task.cancel()


@final
class Watch:
    """The lanes of one policy: its attempts last at most `seconds`."""

    __slots__ = ("_effects", "_lanes", "_lock", "latest", "seconds")

    def __init__(self, seconds: float, effects: Effects) -> None:
        self.seconds = seconds
        self._effects = effects
        self._lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, Lane] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self.latest: tuple[asyncio.AbstractEventLoop | None, Lane] = (None, Lane(effects))
        """The loop that asked last, and its lane: read both at once."""

    running_loop = staticmethod(asyncio.get_running_loop)
    current_task = staticmethod(asyncio.current_task)

    def lane(self, loop: asyncio.AbstractEventLoop) -> Lane:
        """The lane of this loop."""
        with self._lock:
            lane = self._lanes.get(loop)
            if lane is None:
                lane = self._lanes[loop] = Lane(self._effects)
        self.latest = (loop, lane)
        return lane

    def once(
        self, key: object, limit: float, seconds: float, task: "asyncio.Task[Any]"
    ) -> tuple[Live, Cancellable]:
        """A timer of its own, for an attempt whose deadline comes before its timeout."""
        live: Live = {key: (limit, task)}

        def fire() -> None:
            del live[key]
            task.cancel()

        return live, self._effects.call_later(seconds, fire)

    def expired(
        self,
        live: Live,
        key: object,
        handle: Cancellable | None,
        *,
        task: "asyncio.Task[Any]",
        cancelling: int,
        error: BaseException,
    ) -> bool:
        """Whether what came out of the attempt is our own cancellation, to become a timeout."""
        if handle is not None:
            handle.cancel()
        if live.pop(key, None) is not None:
            return False
        return task.uncancel() <= cancelling and isinstance(error, asyncio.CancelledError)
