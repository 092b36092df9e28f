"""WebSockets of a fake: the handshake and the frames, by `websockets` without its sockets."""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol, final

import msgspec
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from hardpoint.fakes.messages import Received


class SocketKeeper(Protocol):
    """One who keeps WebSockets."""

    def visited(self, socket: "FakeSocket") -> None:
        """A connection is open."""
        ...

    def heard(self, socket: "FakeSocket", message: str | bytes) -> None:
        """A message came."""
        ...

    def left(self, socket: "FakeSocket") -> None:
        """It is closed."""
        ...


class _Close(msgspec.Struct, frozen=True):
    code: int | None
    reason: str


@final
class FakeSocket:
    """One connection; what it is told may come from any thread.

    Attributes:
        request: its handshake.
        received: messages that came over it.
        deaf: whether it answers nothing any more, pings included.
    """

    def __init__(self, request: Received, visitor: SocketKeeper) -> None:
        self.request = request
        self.received: list[str | bytes] = []
        self.deaf = False
        self._visitor = visitor
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | bytes | _Close] = asyncio.Queue()

    def send(self, message: str | bytes) -> None:
        """Send text or bytes."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, message)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it in good order, with a code."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, _Close(code, reason))

    def drop(self) -> None:
        """Reset it: who follows sees 1006."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, _Close(None, ""))

    async def serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        reset: Callable[[asyncio.StreamWriter], None],
    ) -> None:
        """Talk until one of the two closes it."""
        protocol = ServerProtocol()
        lines = [f"GET {self.request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.request.headers.items()]
        protocol.receive_data(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        [request] = protocol.events_received()
        assert isinstance(request, Request)  # noqa: S101 - nothing else comes first
        protocol.send_response(protocol.accept(request))
        self._visitor.visited(self)  # first: who hears that it is open may ask for it at once
        _flush(protocol, writer)
        telling = asyncio.ensure_future(self._tell(protocol, writer, reset))
        try:
            while not protocol.close_expected() and (data := await reader.read(65536)):
                if self.deaf:
                    continue
                protocol.receive_data(data)
                for frame in protocol.events_received():
                    self._hear(frame)
                _flush(protocol, writer)
            await asyncio.sleep(0)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            self._visitor.left(self)

    def _hear(self, frame: object) -> None:
        opcode = getattr(frame, "opcode", None)
        if opcode not in {Opcode.TEXT, Opcode.BINARY}:
            return
        data = bytes(getattr(frame, "data", b""))
        message = data.decode() if opcode is Opcode.TEXT else data
        self.received.append(message)
        self._visitor.heard(self, message)

    async def _tell(
        self,
        protocol: ServerProtocol,
        writer: asyncio.StreamWriter,
        reset: Callable[[asyncio.StreamWriter], None],
    ) -> None:
        while True:
            match await self._queue.get():
                case str(text):
                    protocol.send_text(text.encode())
                case bytes(data):
                    protocol.send_binary(data)
                case _Close(code=None):
                    reset(writer)
                    return
                case _Close(code=code, reason=reason):
                    protocol.send_close(code, reason)
            _flush(protocol, writer)
            await writer.drain()


def _flush(protocol: ServerProtocol, writer: asyncio.StreamWriter) -> None:
    for data in protocol.data_to_send():
        if data:
            writer.write(data)


@final
class Sockets:
    """The connections of a fake: told and asked from any thread."""

    def __init__(self) -> None:
        self.opened: list[FakeSocket] = []
        self._open: list[FakeSocket] = []
        self._changed = threading.Condition()

    @property
    def open(self) -> list[FakeSocket]:
        """Those that are open now."""
        with self._changed:
            return [*self._open]

    def add(self, socket: FakeSocket) -> None:
        """One more."""
        with self._changed:
            self.opened.append(socket)
            self._open.append(socket)
            self._changed.notify_all()

    def remove(self, socket: FakeSocket) -> None:
        """It is closed."""
        with self._changed:
            self._open.remove(socket)
            self._changed.notify_all()

    def tell(self) -> None:
        """Something has come."""
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: it is not.
        """
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"{len(self.opened)} connections were made")
