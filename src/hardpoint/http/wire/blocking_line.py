"""One connection that a thread uses, and the exchange on it: write, wait, read."""

from collections.abc import Callable
from time import monotonic
from typing import final

from hardpoint.http.wire.channel import Channel
from hardpoint.http.wire.incoming import Incoming
from hardpoint.http.wire.outgoing import Outgoing
from hardpoint.http.wire.pool import PoolKey
from hardpoint.http.wire.streams import Supply
from hardpoint.runtime.blocking import step as stepped


@final
class BlockingLine:
    """A connection that one thread at a time uses.

    Args:
        channel: its bytes.
        key: where it leads.
        gone: told when it is closed.

    Attributes:
        sent: whether a byte of the last request can have left.
        error: what broke the connection, if something did.
        failure: nothing, ever: a body that fails raises where it is asked for its pieces.
        owner: the exchange that it is used for.
    """

    failure: BaseException | None = None

    __slots__ = (
        "_answer",
        "_channel",
        "_gone",
        "_left",
        "_step",
        "_supply",
        "_until",
        "closed",
        "error",
        "key",
        "owner",
        "sent",
        "since",
    )

    def __init__(
        self, channel: Channel, key: PoolKey, gone: "Callable[[BlockingLine], None]"
    ) -> None:
        self._channel = channel
        self._gone = gone
        self._left: list[memoryview] = []
        self._supply: Supply | None = None
        self._answer: Incoming | None = None
        self._step = self._until = 0.0
        self.key = key
        self.owner: object = None
        self.since = 0.0
        self.sent = False
        self.error: OSError | None = None
        self.closed = False

    def fresh(self) -> bool:
        """Whether it can be used."""
        return not self.closed and self._channel.silent()

    def start(self, out: Outgoing, answer: Incoming, step: float, until: float) -> bool:
        """Send a request and take its answer; false if it was not over in time.

        All else is with the answer, and in `error`.
        """
        self.sent = True
        self._answer, self._step, self._until = answer, step, until
        self._supply = None if out.stream is None else Supply(out.stream)
        try:
            self._left = self._channel.start(out.head, out.body)
        except OSError as error:
            self.sent = not self._channel.plain
            self.error = error
            return True
        return self.more()

    def more(self) -> bool:
        """Go on, a streamed answer's last piece being taken; false if nothing came in time."""
        channel, answer, until = self._channel, self._answer, self._until
        if answer is None or self.error is not None:
            return True
        moved, queued, vain = monotonic(), 0, False
        while monotonic() < until:  # also where there is always something to read, or room
            if self._push():
                moved, queued = monotonic(), channel.unsent()
            due = min(moved + self._step, until)
            if vain and monotonic() >= due:  # TLS can talk on and on, and give no byte
                return False
            writing = bool(self._left or self._supply)
            if not channel.wait(due - monotonic(), writing=writing):
                before, queued = queued, channel.unsent()
                if monotonic() >= until or queued >= before:
                    return False
                moved = monotonic()  # it takes what we sent, if slowly
            fed = answer.fed
            try:
                if channel.pull(answer) or answer.ready:
                    return True
            except OSError as error:
                self.error = self.error or error
                return True
            vain = answer.fed == fed
            if not vain:
                moved = monotonic()
        return False

    def _push(self) -> bool:
        """Send what can be sent now; whether anything was."""
        if not self._left and self._supply is not None:
            self._left = [memoryview(stepped(self._supply.next()))]
            self._supply = self._supply if self._supply.left else None
        try:
            return bool(self._left) and self._channel.push(self._left)
        except OSError as error:
            self.error = error
            self._supply, self._left = None, [memoryview(b"")]  # its last words may be there
            return False

    def pace(self, step: float) -> None:
        """Wait so many seconds for bytes from now on."""
        self._step = step

    async def enough(self) -> None:
        """Ask for no more of a body: its pieces are asked for by nobody else."""

    def end(self) -> bool:
        """The exchange is over; true if another may follow on this connection."""
        answer, self._answer = self._answer, None
        return (
            answer is not None
            and answer.reusable
            and self._supply is None
            and self.error is None
            and not self._left
            and not self._channel.pending
        )

    def close(self) -> None:
        """Close it; only for the thread that uses it, or when none does."""
        self.closed = True
        self._channel.close()
        self._gone(self)

    def stop(self) -> None:
        """Have the thread that uses it see its end: a number must not be freed under its hands."""
        self._channel.stop()
