"""Which connections are kept, and how many there may be. Plain data: no locks, no waiting.

Whoever wants to send needs a place first. With a place in hand the newest kept connection to the
same origin is taken, or a new one is opened; connections that are kept count too, and make room
for new ones, the oldest first. Nothing here looks at more connections than it takes or closes.
"""

from collections import deque
from typing import Any, Generic, Protocol, TypeVar, final

from hardpoint.http.limits import Limits

PoolKey = tuple[str, tuple[str, ...]]


class Kept(Protocol):
    """A connection, as far as a pool is concerned."""

    key: PoolKey
    since: float
    """When it was kept."""

    def fresh(self) -> bool:
        """Whether it can be used: open, and nothing came that nobody asked for."""
        ...

    def close(self) -> None:
        """Close it."""
        ...

    def stop(self) -> None:
        """End what is under way on it."""
        ...


_Line = TypeVar("_Line", bound=Kept)
_Waiter = TypeVar("_Waiter")


@final
class Pool(Generic[_Line, _Waiter]):
    """The connections of one event loop, or of one process.

    Args:
        limits: of the transport.

    Attributes:
        waiters: who waits for a place, in order.
        lines: all that are open.
    """

    __slots__ = ("_busy", "_by_key", "_closed", "_idle", "_limits", "lines", "waiters")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._busy = 0
        self._idle: dict[_Line, None] = {}  # the oldest first
        self._by_key: dict[PoolKey, dict[_Line, None]] = {}
        self._closed = False
        self.lines: set[_Line] = set()
        self.waiters: deque[_Waiter] = deque()

    def enter(self) -> bool:
        """Take a place, if one is free."""
        if self._busy >= self._limits.connections:
            return False
        self._busy += 1
        return True

    def leave(self) -> _Waiter | None:
        """Give a place back, or hand it on to the waiter that is returned."""
        if self.waiters:
            return self.waiters.popleft()
        self._busy -= 1
        return None

    def take(self, key: PoolKey, now: float) -> _Line | None:
        """The newest kept connection that is fit."""
        lines = self._by_key.get(key)
        while lines:
            line = next(reversed(lines))
            self.forget(line)
            if now - line.since < self._limits.idle_seconds and line.fresh():
                return line
            line.close()
        return None

    def make_room(self) -> None:
        """For one more connection, for which there is a place already."""
        while self._idle and self._busy + len(self._idle) > self._limits.connections:
            self._close_oldest()

    def keep(self, line: _Line, now: float) -> None:
        """Keep a connection that is of use, and not more than allowed."""
        if self._closed:
            line.close()
            return
        line.since = now
        self._idle[line] = None
        self._by_key.setdefault(line.key, {})[line] = None
        while len(self._idle) > self._limits.idle_connections:
            self._close_oldest()

    def gone(self, line: _Line) -> None:
        """It was closed."""
        self.lines.discard(line)
        self.forget(line)

    def forget(self, line: _Line) -> None:
        """It is kept no longer, if it was."""
        if line in self._idle:
            del self._idle[line]
            lines = self._by_key[line.key]
            del lines[line]
            if not lines:
                del self._by_key[line.key]

    def close(self) -> None:
        """Close every connection; what is still under way keeps none."""
        self._closed = True
        for line in tuple(self.lines):
            if line in self._idle:
                line.close()
            else:
                line.stop()

    def _close_oldest(self) -> None:
        line = next(iter(self._idle))
        self.forget(line)
        line.close()


AnyPool = Pool[Any, Any]
