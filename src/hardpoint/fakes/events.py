"""A stream of server-sent events that a test sends into, from any thread."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import final

from hardpoint.fakes.messages import FakeReply, Received


@final
class FakeEvents:
    """Events for all who follow. What was sent is kept for those who come after it.

    Args:
        resumes: whether who comes with `Last-Event-ID` gets what was sent since, and who comes
            without it all there was; else each gets what is sent from then on.

    Attributes:
        asked: the `Last-Event-ID` of each connection, in order; empty where it had none.
    """

    def __init__(self, *, resumes: bool = True) -> None:
        self.asked: list[str] = []
        self._resumes = resumes
        self._kept: list[tuple[str | None, bytes]] = []
        self._followers: list[_Follower] = []
        self._came = threading.Condition()
        self._ended = False

    def send(self, data: str, *, event: str | None = None, id: str | None = None) -> None:  # noqa: A002 - the field's word
        """Send one event."""
        fields = [("event", event), ("id", id), *(("data", line) for line in data.split("\n"))]
        lines = [f"{name}: {value}" for name, value in fields if value is not None]
        self.write(("\n".join(lines) + "\n\n").encode(), id=id)

    def write(self, frame: bytes, *, id: str | None = None) -> None:  # noqa: A002 - the field's word
        """Send bytes as they are."""
        with self._came:
            self._kept.append((id, frame))
            for follower in self._followers:
                follower.put(frame)

    def drop(self) -> None:
        """Reset every connection."""
        self._close(ConnectionResetError())

    def close(self) -> None:
        """Close every connection in good order; whoever comes again is served."""
        self._close(None)

    def end(self) -> None:
        """The same, and answer 204 from now on, which says: do not come again."""
        with self._came:
            self._ended = True
        self.close()

    def wait_for(self, connections: int, timeout: float = 10.0) -> None:
        """Wait until so many connections have been made, all together.

        Raises:
            TimeoutError: they were not.
        """
        with self._came:
            if not self._came.wait_for(lambda: len(self.asked) >= connections, timeout):
                raise TimeoutError(f"{len(self.asked)} connections of {connections}")

    def reply(self, request: Received) -> FakeReply:
        """The answer to one who comes."""
        last = request.headers.get("last-event-id", "")
        with self._came:
            self.asked.append(last.encode("latin-1").decode("utf-8", "replace"))
            self._came.notify_all()
            if self._ended:
                return FakeReply(status=204)
            follower = _Follower(self, self._after(self.asked[-1]))
            self._followers.append(follower)
        return FakeReply(headers=(("content-type", "text/event-stream"),), stream=follower)

    def _after(self, last: str) -> list[bytes]:
        ids = [one for one, _ in self._kept]
        if not self._resumes or (last and last not in ids):
            return []
        begin = len(ids) - ids[::-1].index(last) if last else 0
        return [frame for _, frame in self._kept[begin:]]

    def _close(self, error: Exception | None) -> None:
        with self._came:
            followers, self._followers = self._followers, []
            for follower in followers:
                follower.put(error)

    def left(self, follower: "_Follower") -> None:
        """Somebody has gone away."""
        with self._came:
            if follower in self._followers:
                self._followers.remove(follower)


@final
class _Follower:
    """One connection."""

    def __init__(self, feed: FakeEvents, before: list[bytes]) -> None:
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        for frame in before:
            self._queue.put_nowait(frame)

    def put(self, frame: bytes | Exception | None) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, frame)

    async def pour(self) -> AsyncGenerator[bytes]:
        """See `Pouring`."""
        try:
            while (frame := await self._queue.get()) is not None:
                if isinstance(frame, Exception):
                    raise frame
                yield frame
        finally:
            self._feed.left(self)
