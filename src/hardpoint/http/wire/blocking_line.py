"""One connection that a thread uses, and the exchange on it: write, wait, read."""

from collections.abc import Callable
from time import monotonic
from typing import final

from hardpoint.http.wire.channel import Channel
from hardpoint.http.wire.incoming import Incoming
from hardpoint.http.wire.outgoing import Outgoing
from hardpoint.http.wire.pool import Key


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
    """

    __slots__ = ("_channel", "_gone", "_left", "closed", "error", "key", "sent", "since")

    def __init__(self, channel: Channel, key: Key, gone: "Callable[[BlockingLine], None]") -> None:
        self._channel = channel
        self._gone = gone
        self._left: list[memoryview] = []
        self.key = key
        self.since = 0.0
        self.sent = False
        self.error: OSError | None = None
        self.closed = False

    def fresh(self) -> bool:
        """Whether it can be used."""
        return not self.closed and self._channel.silent()

    def exchange(self, out: Outgoing, answer: Incoming, step: float, until: float) -> bool:
        """Send a request and take its answer; false if it was not over in time.

        All else is with the answer, and in `error`.
        """
        channel = self._channel
        self.sent = True
        try:
            left = self._left = channel.start(out.head, out.body)
        except OSError as error:
            self.sent = not channel.plain
            self.error = error
            return True
        moved, queued = monotonic(), 0
        while True:
            try:
                if left and channel.push(left):
                    moved, queued = monotonic(), channel.unsent()
            except OSError as error:
                self.error = error
                left = [memoryview(b"")]  # what it said before it hung up may still be there
            due = min(moved + step, until)
            if not channel.wait(due - monotonic(), writing=bool(left)):
                before, queued = queued, channel.unsent()
                if monotonic() >= until or queued >= before:
                    return False
                moved = monotonic()  # it takes what we sent, if slowly
            fed = answer.fed
            try:
                if channel.pull(answer):
                    return True
            except OSError as error:
                self.error = self.error or error
                return True
            if answer.fed != fed:
                moved = monotonic()

    def reusable(self, answer: Incoming) -> bool:
        """Whether another exchange may follow on this connection."""
        return (
            answer.reusable
            and not answer.refused
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

    def abandon(self) -> None:
        """Close this process's copy of another's connection."""
        self.closed = True
        self._channel.close()
