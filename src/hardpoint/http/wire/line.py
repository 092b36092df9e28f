"""One connection on an event loop, and the exchange on it: driven by callbacks, with one timer.

The timer is not made anew for each exchange: it looks, when it is due, whether anything has moved,
and arms itself again. So it also ends a connection that nobody used for long.
"""

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import final

from hardpoint.http.wire.channel import Channel
from hardpoint.http.wire.incoming import Incoming
from hardpoint.http.wire.outgoing import Outgoing
from hardpoint.http.wire.pool import Key


@final
class Line:
    """A connection of one event loop.

    Args:
        loop: that one.
        channel: its bytes.
        key: where it leads.
        idle_seconds: how long it lives unused.
        gone: told when it is closed.

    Attributes:
        sent: whether a byte of the last request can have left.
        error: what broke the connection, if something did.
    """

    __slots__ = (
        "_answer",
        "_channel",
        "_done",
        "_gone",
        "_idle_seconds",
        "_left",
        "_loop",
        "_moved",
        "_queued",
        "_step",
        "_timer",
        "_timer_at",
        "_until",
        "_writing",
        "closed",
        "error",
        "key",
        "sent",
        "since",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        channel: Channel,
        key: Key,
        idle_seconds: float,
        gone: "Callable[[Line], None]",
    ) -> None:
        self._loop = loop
        self._channel = channel
        self._idle_seconds = idle_seconds
        self._gone = gone
        self._answer: Incoming | None = None
        self._done: asyncio.Future[bool] | None = None
        self._left: list[memoryview] = []
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._moved = self._step = self._until = 0.0
        self._queued = 0
        self.key = key
        self.since = 0.0
        self.sent = False
        self.error: OSError | None = None
        self.closed = False
        loop.add_reader(channel.fd, self._readable)

    def fresh(self) -> bool:
        """Whether it can be used."""
        return not self.closed and self._channel.silent()

    def start(
        self, out: Outgoing, answer: Incoming, step: float, until: float
    ) -> "asyncio.Future[bool]":
        """Send a request; the future tells when it is over: false if that was not in time.

        All else is with the answer, and in `error`.
        """
        now = monotonic()
        self._answer = answer
        self._moved, self._step, self._until, self._queued = now, step, until, 0
        done = self._done = self._loop.create_future()
        self.sent = True
        try:
            self._left = self._channel.start(out.head, out.body)
        except OSError as error:
            self.sent = not self._channel.plain
            self._fail(error)
            return done
        if self._left:
            self._write()
        due = min(now + step, until)
        if self._timer is None or self._timer_at > due:
            self._arm(due)
        return done

    def end(self) -> bool:
        """The exchange is over; true if another may follow on this connection."""
        answer, self._answer, self._done = self._answer, None, None
        return (
            answer is not None
            and answer.reusable
            and not answer.refused
            and not self.closed
            and self.error is None
            and not self._left
            and not self._channel.pending
        )

    def close(self) -> None:
        """Close it, whatever is under way."""
        if self.closed:
            return
        self.closed = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._channel.fd)
            self._stop_writing()
            if self._timer is not None:
                self._timer.cancel()
            self._fail(ConnectionAbortedError("closed on this side"))
        self._timer = None
        self._channel.close()
        self._gone(self)

    def stop(self) -> None:
        """End what is under way on it."""
        self.close()

    def abandon(self) -> None:
        """Close this process's copy of another's connection; its event loop is not told."""
        self.closed = True
        self._channel.close()

    # Called by the event loop

    def _readable(self) -> None:
        if self.closed:
            return
        answer = self._answer
        if answer is None:  # unused: the end, or what nobody asked for
            if not self._channel.silent():
                self.close()
            return
        fed = answer.fed
        try:
            over = self._channel.pull(answer)
        except OSError as error:
            self._fail(error)
            return
        if over:
            self._tell(in_time=True)
        elif answer.fed != fed:
            self._moved = monotonic()
        if over is None:
            self._loop.call_soon(self._readable)

    def _write(self) -> None:
        try:
            if self._channel.push(self._left):
                self._moved = monotonic()
        except OSError as error:  # what it said before it hung up may still be there to be read
            self._stop_writing()
            self._readable()
            self._fail(error)
            return
        self._queued = self._channel.unsent()
        if not self._left:
            self._stop_writing()
        elif not self._writing:
            self._writing = True
            self._loop.add_writer(self._channel.fd, self._write)

    def _tick(self) -> None:
        self._timer = None
        now = monotonic()
        if self._answer is None:
            due = self.since + self._idle_seconds
            if now >= due:
                self.close()
                return
        else:
            due = min(self._moved + self._step, self._until)
            if now >= due:
                queued = self._channel.unsent()
                if now >= self._until or queued >= self._queued:
                    self._tell(in_time=False)
                    return
                self._queued = queued  # it takes what we sent, if slowly
                self._moved = now
                due = min(now + self._step, self._until)
        self._arm(due)

    # What is behind them

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(due - monotonic(), self._tick)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._channel.fd)

    def _fail(self, error: OSError) -> None:
        self.error = self.error or error
        self._tell(in_time=True)

    def _tell(self, *, in_time: bool) -> None:
        done = self._done
        if done is not None and not done.done():
            done.set_result(in_time)
