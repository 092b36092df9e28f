"""One connection on an event loop, and the exchange on it: driven by callbacks, with one timer.

The timer is not made anew for each exchange: it looks, when it is due, whether anything has moved,
and arms itself again. So it also ends a connection that nobody used for long.
"""

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import final

from hardpoint.http.messages import BodyStream
from hardpoint.http.wire.channel import Channel
from hardpoint.http.wire.incoming import Incoming
from hardpoint.http.wire.outgoing import Outgoing
from hardpoint.http.wire.pool import PoolKey
from hardpoint.http.wire.streams import Supply


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
        failure: what a body raised that was to be sent piece by piece.
        owner: the exchange that it is used for.
    """

    __slots__ = (
        "_answer",
        "_channel",
        "_deaf",
        "_done",
        "_gone",
        "_idle_seconds",
        "_left",
        "_loop",
        "_moved",
        "_queued",
        "_room",
        "_step",
        "_supply",
        "_timer",
        "_timer_at",
        "_until",
        "_whole",
        "_writing",
        "closed",
        "error",
        "failure",
        "key",
        "owner",
        "sent",
        "since",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        channel: Channel,
        key: PoolKey,
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
        self._room: asyncio.Future[None] | None = None
        self._deaf = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._moved = self._step = self._until = 0.0
        self._queued = 0
        self._supply: asyncio.Task[None] | None = None
        self._whole = False  # all of the request is in hand here, or sent
        self.key = key
        self.owner: object = None
        self.since = 0.0
        self.sent = False
        self.error: OSError | None = None
        self.failure: BaseException | None = None
        self.closed = False
        loop.add_reader(channel.fd, self._readable)

    def fresh(self) -> bool:
        """Whether it can be used."""
        return not self.closed and self._channel.silent()

    def start(
        self, out: Outgoing, answer: Incoming, step: float, until: float
    ) -> "asyncio.Future[bool]":
        """Send a request; the future tells when it is over: false if that was not in time.

        All else is with the answer, in `error` and in `failure`.
        """
        now = monotonic()
        self._answer = answer
        self._moved, self._step, self._until, self._queued = now, step, until, 0
        done = self._done = self._loop.create_future()
        self.sent = True
        self._whole = out.stream is None
        try:
            self._left = self._channel.start(out.head, out.body)
        except OSError as error:
            self.sent = not self._channel.plain
            self._fail(error)
            return done
        if self._left:
            self._write()
        if out.stream is not None:
            self._supply = self._loop.create_task(self._supplied(out.stream))
        self._arm_until(min(now + step, until))
        return done

    def write(self, piece: bytes) -> "asyncio.Future[None]":
        """Send a piece of the request's body; the future tells when there is room for the next."""
        room = self._room = self._loop.create_future()
        self._left = [memoryview(piece), *self._left]  # behind what a long head has left
        if self.error is None and not self.closed:
            if monotonic() >= self._until:  # room there is, time there is not
                self._tell(in_time=False)
            else:
                self._write()
        return room

    def more(self) -> "asyncio.Future[bool]":
        """Read on, a streamed answer's last piece being taken; the future tells as `start`'s."""
        now = self._moved = monotonic()
        done = self._done = self._loop.create_future()
        if self.closed or self.error is not None:
            done.set_result(True)
        elif now >= self._until:
            done.set_result(False)
        else:
            self._listen()
            self._loop.call_soon(self._readable)
            self._arm_until(min(now + self._step, self._until))
        return done

    def pace(self, step: float) -> None:
        """Wait so many seconds for bytes from now on."""
        self._step = step

    async def enough(self) -> None:
        """Ask for no more of a body. What it has to clear up, it has a step's time for."""
        supply, self._supply = self._supply, None
        if supply is not None and supply.cancel():
            await asyncio.wait([supply], timeout=min(self._step, self._until - monotonic()))

    def end(self) -> bool:
        """The exchange is over; true if another may follow on this connection."""
        answer, self._answer, self._done = self._answer, None, None
        if self.closed:
            return False
        self._listen()
        self._arm_until(monotonic() + self._idle_seconds)
        return (
            answer is not None
            and answer.reusable
            and self._whole
            and self.error is None
            and not self._left
            and not self._channel.pending
        )

    def close(self) -> None:
        """Close it, whatever is under way. If it was interrupted, once more is all it takes."""
        self.closed = True
        if not self._loop.is_closed():
            self._hush()
            self._stop_writing()
            if self._timer is not None:
                self._timer.cancel()
            if self._supply is not None:
                self._supply.cancel()
            self._fail(ConnectionAbortedError("closed on this side"))
        self._timer = None
        self._channel.close()
        self._gone(self)

    def stop(self) -> None:
        """End what is under way on it."""
        self.close()

    # Called by the event loop

    def _readable(self) -> None:
        if self.closed:
            return
        answer = self._answer
        if answer is None:
            self._disturbed()
            return
        if answer.ready or answer.over:  # nobody has taken it yet: what is behind it has to wait
            self._hush()
            self._tell(in_time=True)
            return
        fed = answer.fed
        try:
            over = self._channel.pull(answer)
        except OSError as error:
            self._hush()  # told once: read again, a reset would look like the end of the answer
            self._fail(error)
            return
        except BaseException:  # not the wire's: whoever waits is told, and the loop as well
            self.close()
            raise
        if over or answer.ready:
            self._tell(in_time=True)
        elif answer.fed != fed:
            self._moved = now = monotonic()
            if now >= self._until:
                self._tell(in_time=False)
                return
        if over is None:
            self._loop.call_soon(self._readable)

    def _disturbed(self) -> None:
        """It is unused: this is the end, or what nobody asked for."""
        if not self._channel.silent():
            self.close()

    def _write(self) -> None:
        failure: OSError | None = None
        try:
            if self._channel.push(self._left):
                self._moved = monotonic()
        except OSError as error:
            failure = error
        if failure is not None:  # what it said before it hung up may still be there to be read
            self._stop_writing()
            self._readable()
            self._fail(failure)
            return
        self._queued = self._channel.unsent()
        if not self._left:
            self._stop_writing()
            if self._room is not None and not self._room.done():
                self._room.set_result(None)
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
        elif self._done is None or self._done.done():  # a stream: whoever takes it takes their time
            due = now + self._step
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

    async def _supplied(self, body: BodyStream) -> None:
        """Send a body as its pieces come. Whoever waits for the answer is told what it raises."""
        supply = Supply(body)
        try:
            await asyncio.sleep(0)  # a task can begin at once, while `start` is still at it
            while supply.left:
                piece = await supply.next()
                self._whole = not supply.left
                if piece:
                    await self.write(piece)
                    if supply.left:
                        await asyncio.sleep(0)  # a fast body leaves others their turn
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            if self._supply is not None:  # else it was stopped
                self._supply, self.failure = None, error
            self.close()

    def _arm_until(self, due: float) -> None:
        if self._timer is None or self._timer_at > due:
            self._arm(due)

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(due - monotonic(), self._tick)

    def _hush(self) -> None:
        if not self._deaf:
            self._loop.remove_reader(self._channel.fd)
            self._deaf = True

    def _listen(self) -> None:
        if self._deaf:
            self._deaf = False  # first: a socket that is listened to has to be let go again
            self._loop.add_reader(self._channel.fd, self._readable)

    def _stop_writing(self) -> None:
        if self._writing:
            self._loop.remove_writer(self._channel.fd)
            self._writing = False

    def _fail(self, error: OSError) -> None:
        self.error = self.error or error
        self._tell(in_time=True)

    def _tell(self, *, in_time: bool) -> None:
        done = self._done
        if done is not None and not done.done():
            done.set_result(in_time)
