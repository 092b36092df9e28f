"""Which connections are kept, and how many there may be. Nothing here waits.

Whoever wants to send needs a place first. With a place in hand the newest kept connection to the
same origin is taken, or a new one is opened; connections that are kept count too, and make room
for new ones, the oldest first. Nothing here looks at more connections than it takes or closes.

A signal's handler may raise between any two steps. So everything that is taken is noted down with
its owner before it is taken, and giving back can be done again: what was done already is passed
over. A handler may also send a request of its own between them, where a call begins or ends. So
whatever was seen before a call may be otherwise behind it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar, final

from hardpoint.http.limits import Limits

PoolKey = tuple[str, tuple[str, ...]]
_Item = TypeVar("_Item")


class Kept(Protocol):
    """A connection, as far as a pool is concerned."""

    key: PoolKey
    since: float
    """When it was kept."""
    owner: object
    """The exchange that it is used for."""

    def fresh(self) -> bool:
        """Whether it can be used: open, and nothing came that nobody asked for."""
        ...

    def close(self) -> None:
        """Close it, or see that it is closed."""
        ...

    def stop(self) -> None:
        """End what is under way on it."""
        ...


_Line = TypeVar("_Line", bound=Kept)


class Taking(Protocol[_Line]):
    """An exchange, as far as a pool is concerned."""

    waiter: Any
    """What it waits on for its place."""
    line: _Line | None
    """Its connection, once it has one."""
    reusable: bool
    """Whether another may follow on that."""


@final
class Pool(Generic[_Line]):
    """The connections of one event loop, or of one process, whose threads may share it.

    Args:
        limits: of the transport.
        waiter: makes what an exchange waits on.
        wake: ends such a wait; once more is no harm.

    Attributes:
        lines: all that are open.
    """

    __slots__ = (
        "_busy",
        "_by_key",
        "_closed",
        "_idle",
        "_limits",
        "_lock",
        "_waiter",
        "_waiting",
        "_wake",
        "lines",
    )

    def __init__(
        self, limits: Limits, waiter: Callable[[], Any], wake: Callable[[Any], None]
    ) -> None:
        self._limits = limits
        self._waiter = waiter
        self._wake = wake
        self._lock = threading.RLock()  # a signal's handler may send as well
        self._busy: set[Taking[_Line]] = set()
        self._waiting: OrderedDict[Taking[_Line], None] = OrderedDict()
        self._idle: dict[_Line, None] = {}  # the oldest first
        self._by_key: dict[PoolKey, list[_Line]] = {}  # the newest last
        self._closed = False
        self.lines: set[_Line] = set()

    def take(self, exchange: Taking[_Line], key: PoolKey) -> _Line | None:
        """A place, and with it the newest kept connection that is fit, now the exchange's.

        None when there is no such connection: then there is room for a new one. None as well when
        no place is free: then the exchange has got what it waits on, and asks again when that has
        ended. `leave` ends all of it.
        """
        with self._lock:
            busy = self._busy
            if exchange not in busy:
                if len(busy) >= self._limits.connections:
                    exchange.waiter = self._waiter()
                    self._waiting[exchange] = None
                    return None
                busy.add(exchange)
            while lines := self._by_key.get(key):
                line = lines[-1]
                line.owner, exchange.line = exchange, line
                self._forget(line)
                line.owner = exchange  # a handler may have used it, and kept it, meanwhile
                if monotonic() - line.since < self._limits.idle_seconds and line.fresh():
                    return line
                line.close()
            exchange.line = None
            self._shrink(self._limits.connections - len(busy))
        return None

    def add(self, exchange: Taking[_Line], line: _Line) -> None:
        """A new connection is there, for an exchange."""
        line.owner, exchange.line = exchange, line
        with self._lock:
            self.lines.add(line)

    def leave(self, exchange: Taking[_Line]) -> None:
        """Give back all that it has, its wish for a place as well."""
        with self._lock:
            line = exchange.line
            if line is not None and line.owner is exchange:
                if exchange.reusable and not self._closed:
                    self._keep(line)
                else:
                    line.close()
                line.owner = None
            self._busy.discard(exchange)
            if self._waiting:
                self._waiting.pop(exchange, None)
                self._admit()

    def gone(self, line: _Line) -> None:
        """It was closed."""
        with self._lock:
            self.lines.discard(line)
            self._forget(line)

    def close(self) -> None:
        """Close every connection; what is still under way keeps none."""
        with self._lock:
            self._closed = True
            for line in tuple(self.lines):
                if line in self._idle:
                    line.close()
                else:
                    line.stop()

    def forget(self) -> None:
        """This is a child process: who holds the lock may be a thread of the parent's."""
        self._lock = threading.RLock()
        self._closed = True

    def _admit(self) -> None:
        """Give the free places to those who waited longest."""
        waiting = self._waiting
        while (following := _first(waiting)) is not None:
            if following not in self._busy:
                if len(self._busy) >= self._limits.connections:
                    break
                self._busy.add(following)
            self._wake(following.waiter)
            waiting.pop(following, None)

    def _keep(self, line: _Line) -> None:
        """Keep a connection that is of use, and not more than allowed."""
        line.since = monotonic()
        lines = self._by_key.setdefault(line.key, [])
        if line not in lines:
            lines.append(line)
        self._idle[line] = None
        self._shrink(self._limits.idle_connections)

    def _forget(self, line: _Line) -> None:
        """It is kept no longer, if it was."""
        lines = self._by_key.get(line.key)
        if lines is not None:
            if lines and lines[-1] is line:
                lines.pop()
            elif line in lines:
                lines.remove(line)
            if not lines:
                self._by_key.pop(line.key, None)
        self._idle.pop(line, None)

    def _shrink(self, most: int) -> None:
        """Close the oldest, until no more than so many are kept."""
        while len(self._idle) > most and (line := _first(self._idle)) is not None:
            line.close()
            self._forget(line)


def _first(items: Iterable[_Item]) -> _Item | None:
    """The first. No handler comes between, as it does with `next(iter(items))`."""
    for one in items:
        return one
    return None
