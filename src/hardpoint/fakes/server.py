"""Serving a fake vendor: HTTP/1.1 on loopback, from a thread, with faults down to the socket.

    with FakeServer(vendor) as server:
        server.faults.next(commit_then_drop())
        client(base_url=server.url)

Any language can steer it, under `/_hardpoint/`; see `control`.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, final

from hardpoint.core.errors import MisuseError
from hardpoint.fakes.control import CONTROL, Control
from hardpoint.fakes.faults import Break, Fault, Faults
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import App, Exchange, FakeReply, Pouring, Received

EXCHANGES_KEPT = 10_000
_HEAD_BYTES_MAX = 64 * 1024
_BODY_BYTES_MAX = 64 * 1024 * 1024
_RESET = struct.pack("ii", 1, 0)
_NO_FAULT = Fault()


class BadRequestError(Exception):
    """The bytes are no request we take."""


@final
class FakeServer:
    """A fake vendor on a free port of loopback, while the `with` block lasts.

    Args:
        app: the vendor.
        faults: what goes wrong.
        port: 0 for any free one.
        heard: hears of each exchange, on the server's thread.
    """

    def __init__(
        self,
        app: App,
        faults: Faults | None = None,
        *,
        port: int = 0,
        heard: Callable[[Exchange], object] | None = None,
    ) -> None:
        self.app = app
        self.faults = faults or Faults()
        self.requests = 0
        """How many requests came; connections that were reset at once not counted."""
        self.exchanges: deque[Exchange] = deque(maxlen=EXCHANGES_KEPT)
        """The last of them, and what became of each, oldest first."""
        self._heard = heard
        self._control = Control(app, self.faults, self.exchanges)
        self._port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._server: asyncio.Server
        self._listener: socket.socket
        self._conversations: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    def replace(self, app: App, faults: Faults) -> None:
        """Serve another account at the same address, of which nothing is known yet."""
        self.app, self.faults = app, faults
        self.requests = 0
        self.exchanges = deque(maxlen=EXCHANGES_KEPT)
        self._control = Control(app, faults, self.exchanges)

    @property
    def ledger(self) -> Ledger:
        """What the vendor did."""
        return self.app.ledger

    @property
    def url(self) -> str:
        """The base URL, `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen.

        Raises:
            MisuseError: it was started before.
            OSError: the port is taken.
        """
        if self._thread is not None:
            raise MisuseError("A fake server starts once; make another")
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"fake-{self.app.name}", daemon=True
        )
        self._thread.start()
        self._do(self._listen())

    def stop(self) -> None:
        """Close everything that is open and end the thread."""
        if self._thread is not None and self._thread.is_alive():
            self._do(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._connected, sock=self._listener, limit=_HEAD_BYTES_MAX
        )

    async def _close(self) -> None:
        # A server that is closed while it accepts leaks the connection (CPython 3.11).
        self._loop.remove_reader(self._listener)
        await _turns()
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._loop.shutdown_default_executor()
        await _turns()  # a socket is closed on a later turn of the loop

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = self._loop.create_task(self._converse(reader, writer))
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.faults.connecting():
                _reset(writer)
                return
            while await self._exchange(reader, writer):
                pass
        except BadRequestError as error:
            writer.write(_encoded(FakeReply(status=400, body=str(error).encode())))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the other side went away, or sends no end of headers
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._writers.discard(writer)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether another may follow on this connection."""
        request = await _read(reader, writer)
        if request is None:
            return False
        if request.path.startswith(CONTROL):
            writer.write(_encoded(await self._control.answer(request)))
        else:
            self.requests += 1
            fault = self.faults.take(request.method, request.path) or _NO_FAULT
            if request.headers.get("upgrade", "").lower() == "websocket" and fault is _NO_FAULT:
                if await self._upgraded(request, reader, writer):
                    return False
                await writer.drain()
                return True
            if not await self._answer(request, fault, reader, writer):
                return False
        await writer.drain()
        return request.headers.get("connection", "").lower() != "close"

    async def _upgraded(
        self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Talk over a WebSocket, where the vendor has one; false if it was answered otherwise."""
        visitor: Any = self.app
        refusal: FakeReply | None = getattr(visitor, "refusal", None)
        if refusal is None and hasattr(visitor, "visited"):
            from hardpoint.fakes.sockets import FakeSocket  # needs the extra `websocket`

            self._tell(request, FakeReply(status=101), _NO_FAULT)
            await FakeSocket(request, visitor).serve(reader, writer, _reset)
            return True
        reply = refusal or self._acted(request)
        self._tell(request, reply, _NO_FAULT)
        writer.write(_encoded(reply))
        return False

    async def _answer(
        self,
        request: Received,
        fault: Fault,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        reply = self._acted(request) if fault.acts else FakeReply()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        reply = fault.reply or reply
        self._tell(request, reply, fault)
        if reply.stream is not None and fault.breaks is None:
            await _poured(reply, reply.stream, reader, writer)
            return False
        data = _encoded(reply)
        if request.method == "HEAD":  # its answer tells the length, and has no body
            data = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        if fault.breaks is None:
            writer.write(data)
            return True
        if fault.breaks is Break.HANG:
            await asyncio.Event().wait()
        if fault.breaks in {Break.MID_BODY, Break.TRUNCATE}:
            writer.write(_half(data))
            await writer.drain()
        if fault.breaks is not Break.TRUNCATE:
            _reset(writer)
        return False

    def _acted(self, request: Received) -> FakeReply:
        try:
            return self.app.answer(request)
        except Exception as error:  # noqa: BLE001 - a fake's own mistake is told, not left unanswered
            return FakeReply.json(
                {"error": f"the fake failed: {type(error).__name__}: {error}"}, 500
            )

    def _tell(self, request: Received, reply: FakeReply, fault: Fault) -> None:
        silent = fault.breaks in {Break.CONNECT, Break.HEADERS, Break.HANG}
        exchange = Exchange(
            method=request.method,
            path=request.path,
            status=None if silent else reply.status,
            fault=None if fault is _NO_FAULT else fault.name,
        )
        self.exchanges.append(exchange)
        if self._heard is not None:
            self._heard(exchange)


async def _turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    words = first.split(" ")
    if len(words) != 3:
        raise BadRequestError("the request line is malformed")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (one.partition(":") for one in lines)
    }
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "transfer-encoding" in headers:
        body = await _read_chunks(reader)
    else:
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _BODY_BYTES_MAX:
            raise BadRequestError("the content length is malformed")
        body = await reader.readexactly(int(length))
    return Received(method=words[0], target=words[1], headers=headers, body=body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size = int(line, 16)
        except ValueError:
            raise BadRequestError("a chunk's size is malformed") from None
        if not 0 <= size <= _BODY_BYTES_MAX - len(body):
            raise BadRequestError("the body is too large")
        body += (await reader.readexactly(size + 2))[:size]
        if not size:
            return bytes(body)


async def _poured(
    reply: FakeReply, stream: Pouring, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send what comes, until it ends or nobody is there any more."""
    writer.write(_encoded(reply))

    async def send() -> None:
        async with contextlib.aclosing(stream.pour()) as pieces:
            async for piece in pieces:
                writer.write(piece)
                await writer.drain()

    sending = asyncio.ensure_future(send())
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and isinstance(sending.exception(), ConnectionResetError):
            _reset(writer)
    finally:
        for task in (sending, gone):
            task.cancel()
        await asyncio.gather(sending, gone, return_exceptions=True)


def _encoded(reply: FakeReply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    length = f"content-length: {len(reply.body)}" if reply.stream is None else "connection: close"
    lines += [length, "", ""]
    return "\r\n".join(lines).encode("latin-1") + reply.body


def _half(data: bytes) -> bytes:
    head, blank, body = data.partition(b"\r\n\r\n")
    return head + blank + body[: len(body) // 2]


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset: what is still to be sent is thrown away."""
    connected: socket.socket = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 400: "Bad Request"}
