"""Attempt timeouts on asyncio with the cancellation rules of `asyncio.timeout`, far cheaper.

Attempts with the same timeout expire in the order in which they began, so one insertion-ordered
dict and one armed timer per event loop serve them all: an attempt that ends in time costs an insert
and a delete. The protocol, written out in the fused runner because a call there would cost more
than the timer:

    task = current_task(); cancelling = task.cancelling(); live[mark] = (limit, task)
    ... the attempt ...
    if live.pop(mark, None) is None:     # it was me who cancelled
        mine = task.uncancel() <= cancelling and <a CancelledError came out>

`mine` turns the cancellation into our timeout; otherwise somebody outside has cancelled too, and
the cancellation goes on. An attempt that swallowed our cancellation has its result returned.
"""

import asyncio
import sys
import threading
from typing import Any, final
from weakref import WeakKeyDictionary

from hardpoint.core.forks import forget_in_child
from hardpoint.runtime.clocks import Cancellable
from hardpoint.runtime.effects import Effects

Task = asyncio.Task[Any]
LiveAttempts = dict[int, tuple[float, Task]]
"""The running attempts by their mark: when each must be over, and the task it runs in."""

_EARLY = 1e-9  # an event loop, too, fires within its clock's resolution
_SOONEST = 1e-3  # below this some loops fire at once and would spin


@final
class TimerLane:
    """The running attempts of one duration on one event loop, the oldest first."""

    __slots__ = ("_effects", "armed", "live", "mark")

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.live: LiveAttempts = {}
        self.mark = 0
        self.armed = False

    def arm(self, seconds: float) -> None:
        """Look at the oldest attempt after so long."""
        self.armed = True
        self._effects.call_later(max(seconds, _SOONEST), self._fire)

    def _fire(self) -> None:
        self.armed = False
        live = self.live
        now = self._effects.monotonic()
        while live:
            oldest = next(iter(live))
            limit, task = live[oldest]
            if limit > now + _EARLY:
                self.arm(limit - now)
                break
            del live[oldest]
            task.cancel()


def _tasks() -> Any:
    return vars(asyncio.tasks)["_current_tasks"]


class _Nowhere:
    """In place of an event loop: it runs in no thread."""

    _thread_id: int | None = None


@final
class Watch:
    """The lanes of one policy: its attempts last at most `seconds`.

    Python 3.11 asks the operating system on every `get_running_loop`, and has a slow
    `current_task`. It will not change any more, so there the runner reads what these would: that
    the loop of the latest lane still runs in this thread, and that loop's current task.
    """

    __slots__ = ("__weakref__", "_effects", "_lanes", "_lock", "latest", "seconds")

    current_task = staticmethod(asyncio.current_task)
    tasks = _tasks() if sys.version_info < (3, 12) else None
    """The current task of each event loop, on Python 3.11 only."""

    def __init__(self, seconds: float, effects: Effects) -> None:
        self.seconds = seconds
        self._effects = effects
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child the loop that ran in this thread runs no more, though it looks so."""
        self._lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, TimerLane] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self.latest: tuple[Any, TimerLane] = (_Nowhere(), TimerLane(self._effects))
        """The loop that asked last, and its lane: read both at once."""

    def here(self) -> tuple[Any, TimerLane]:
        """The running event loop and its lane."""
        loop: Any = asyncio.get_running_loop()
        with self._lock:
            lane = self._lanes.get(loop)
            if lane is None:
                # What was under way in a loop that was closed keeps that loop alive, and itself.
                for other in [one for one in self._lanes if one.is_closed()]:
                    del self._lanes[other]
                lane = self._lanes[loop] = TimerLane(self._effects)
        # A loop of another make does not say in which thread it runs, so it is asked for each time.
        known = self.tasks is None or hasattr(loop, "_thread_id")
        self.latest = (loop if known else _Nowhere(), lane)
        return loop, lane

    def once(self, limit: float, seconds: float, task: Task) -> tuple[LiveAttempts, Cancellable]:
        """A timer of its own (mark 0), for an attempt whose deadline comes before its timeout."""
        live: LiveAttempts = {0: (limit, task)}

        def fire() -> None:
            live.clear()
            task.cancel()

        return live, self._effects.call_later(seconds, fire)

    @staticmethod
    def expired(
        live: LiveAttempts,
        mark: int,
        handle: Cancellable | None,
        *,
        task: Any,
        cancelling: int,
        error: BaseException,
    ) -> bool:
        """Whether what came out of the attempt is our own cancellation, to become a timeout."""
        if handle is not None:
            handle.cancel()
        if live.pop(mark, None) is not None:
            return False
        return task.uncancel() <= cancelling and isinstance(error, asyncio.CancelledError)

    @staticmethod
    def swallowed(task: Any) -> None:
        """Our cancellation was caught, and the attempt returned all the same: take it back."""
        task.uncancel()
