"""Messages over one WebSocket after another: read, answered, and seen to be alive."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self, final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from hardpoint.calls.connection import Connection
from hardpoint.calls.watching import CallWatch
from hardpoint.clients.following import Following
from hardpoint.clients.reconnecting import Follow, Gap
from hardpoint.clients.websocket.driver import WebSocketDriver, encoded
from hardpoint.clients.websocket.settings import Buffer
from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    OutcomeUnknownError,
    ProviderError,
    UnavailableError,
    UnexpectedResponseError,
)

PING_SECONDS: Final = 15.0
"""How long it may be silent before it is asked whether it is there."""
PONG_SECONDS: Final = 10.0
SEND_SECONDS: Final = 10.0
LATER_SECONDS: Final = 30.0
MEMORY_BYTES_MAX: Final = 256 * 1024 * 1024

Locator = Callable[[], Awaitable[str]]
Greeting = Callable[["SocketStream", str | None], Awaitable[object]]


@final
class SocketStream(Following[str | bytes]):
    """Messages, `str` or `bytes` as they came; see `WebSocketClient.connect`.

    Attributes:
        point: the last that was acknowledged; None where none was.
    """

    def __init__(
        self,
        driver: WebSocketDriver,
        connection: Connection,
        address: Locator,
        *,
        on_open: Greeting | None,
        since: str | None,
        headers: Mapping[str, str],
        subprotocols: Sequence[str],
        follow: Follow,
        buffer: Buffer,
    ) -> None:
        if buffer.messages * follow.bytes_max > MEMORY_BYTES_MAX:
            raise ConfigurationError(
                "Buffer.messages",
                f"{buffer.messages} messages of {follow.bytes_max} bytes are more than 256 MiB",
                fix="Fewer messages, or a smaller Follow.bytes_max",
            )
        super().__init__(connection, follow, "connect")
        self._driver = driver
        self._address = address
        self._on_open = on_open
        self._headers = headers
        self._subprotocols = subprotocols
        self._buffer = buffer
        self._pumps = buffer.when_full != "wait"  # messages are read ahead by a task
        self._socket: ClientConnection | None = None
        self._manager: AbstractAsyncContextManager[ClientConnection] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._watch: CallWatch | None = None
        self._count = 0  # messages read; who keeps the connection looks whether it moves
        self._waiting = self._renewed = False
        self._killed: str | None = None
        self._came = asyncio.Event()
        self._dropped = 0
        self.point = since

    # For users

    async def __aenter__(self) -> Self:
        await self.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.leave(kind, error, trace)

    async def close(self) -> None:
        """Close it, from any task: who waits for a message is told that there is none."""
        await self.__aexit__(None, None, None)

    async def __anext__(self) -> str | bytes | Gap:
        if self._open and not (self._ready or self._taking or self._pumps):
            socket = self._socket
            if socket is not None and socket.state is State.OPEN:  # what comes most often, first
                self._taking = self._waiting = True
                try:
                    message = await socket.recv()
                except ConnectionClosed:
                    pass  # read again below, where it is seen what that means
                else:
                    self._count += 1
                    return message
                finally:
                    self._taking = self._waiting = False
        if self._dropped:
            words = f"{self._dropped} messages dropped: the buffer was full"
            self._dropped = 0
            return Gap(since=self.point, reason=words)
        return await super().__anext__()

    def ack(self, point: str | int) -> None:
        """All up to this point is done; the next connection asks for what comes after it."""
        self.point = str(point)

    async def send(self, message: str | bytes, *, confirm: bool = False) -> None:
        """Send a message, once; it waits for room, for ten seconds at most.

        Args:
            message: text or bytes.
            confirm: wait until the other side's WebSocket has read it. Without it, what was handed
                over may still be lost with the connection.

        Raises:
            InvalidRequestError: it is neither, or text with half a character; nothing was sent.
            UnavailableError: there is no connection; nothing was sent.
            OutcomeUnknownError: the connection broke before it was sent, or confirmed.
        """
        data = encoded(message)
        socket = self._socket
        if socket is None or socket.state is not State.OPEN:
            raise UnavailableError(
                "not sent: there is no connection", provider=self._driver.provider, operation="send"
            )
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await socket.send(data, text=isinstance(message, str))
                if confirm:
                    await (await socket.ping())
        except (ConnectionClosed, OSError, TimeoutError) as error:
            raise OutcomeUnknownError(
                f"the connection broke while a message was sent: {type(error).__name__}",
                provider=self._driver.provider,
                operation="send",
            ) from error

    def restart(self, reason: str) -> None:
        """Give the connection up and have another: you know that it is dead, or were asked to."""
        if self._socket is not None:
            self._kill(self._socket, reason)

    async def receive(self) -> str | bytes:
        """The next message, for `on_open`: what comes before the others.

        Raises:
            UnavailableError: there is none any more.
        """
        socket = self._socket
        try:
            if socket is not None:
                return await socket.recv()
        except ConnectionClosed as error:
            raise self._closed(error) from error
        raise UnavailableError("there is no connection", provider=self._driver.provider)

    # A connection

    async def _connect(self, since: str | None) -> bool:
        connection = self._connection
        watch = None
        if connection.listeners.active:
            watch = CallWatch(
                connection.name,
                self._driver.provider,
                self._operation,
                clock=connection.clock,
                ids=connection.ids,
                listeners=connection.listeners,
                entered=False,
            )
        policy = connection.policy.with_(repeat="safe", tells_calls=False)
        manager = connection.runtime.open(policy, lambda: self._attempt(since, watch))
        try:
            self._socket = await manager.__aenter__()
        except BaseException as error:
            if watch is not None:
                watch.end(_code_of(error))
            raise
        self._manager, self._watch, self._killed = manager, watch, None
        self._tasks = [asyncio.create_task(self._kept(self._socket))]
        if self._pumps:
            self._tasks.append(asyncio.create_task(self._pumped(self._socket)))
        return True

    @asynccontextmanager
    async def _attempt(
        self, since: str | None, watch: CallWatch | None
    ) -> AsyncGenerator[ClientConnection]:
        if watch is not None:
            watch.begin_attempt()
        socket: ClientConnection | None = None
        failure: BaseException | None = None
        try:
            target = await self._address()
            socket = self._socket = await self._driver.open(
                target,
                self._headers,
                self._subprotocols,
                bytes_max=self._follow.bytes_max,
                messages_max=self._buffer.messages,
            )
            if self._on_open is not None:
                await self._on_open(self, since)
        except BaseException as error:
            failure = error
            self._socket = None
            if socket is not None:
                socket.transport.abort()
            raise
        finally:
            if watch is not None:
                watch.end_attempt(_code_of(failure), status=getattr(failure, "status", None))
        try:
            yield socket
        except BaseException:
            socket.transport.abort()
            raise
        finally:
            await socket.close()

    async def _disconnect(self, error: BaseException | None) -> None:
        tasks, self._tasks = self._tasks, []
        manager, self._manager, self._socket = self._manager, None, None
        watch, self._watch = self._watch, None
        self._came.set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            if manager is not None:
                trace = None if error is None else error.__traceback__
                await manager.__aexit__(error and type(error), error, trace)
        finally:
            if watch is not None:
                watch.end(_code_of(error))

    async def _read(self) -> None:
        socket = self._socket
        if socket is None:
            return
        self._waiting = True
        try:
            if self._pumps and not (self._tasks and self._tasks[-1].done()):
                await self._taken()
                return
            self._ready.append(await socket.recv())
            self._count += 1
        except ConnectionClosed as error:
            await self._broke(self._closed(error), error)
        finally:
            self._waiting = False

    def _point(self) -> str | None:
        return self.point

    async def _broke(self, failure: ProviderError, closed: ConnectionClosed) -> None:
        """It was closed: what that means."""
        meaning = "again" if self._killed else self._driver.settings.meaning(_number(closed))
        if self._count:
            self._count, self._renewed = 0, False
        if meaning == "renew" and not self._renewed:
            try:
                renewed = await self._driver.refused()
            except Exception as error:  # noqa: BLE001 - see `Outages.next`
                await self._lost(error)
                return
            if renewed:
                self._renewed, meaning = True, "again"
                failure = UnavailableError(str(failure), provider=self._driver.provider)
        self._least = LATER_SECONDS if meaning == "later" else 0.0
        if meaning == "anew":
            self.point = None
        if meaning in {"again", "later", "anew"}:
            await self._lost(failure)
            return
        await self._ended(None if meaning == "end" else failure)
        if meaning != "end":
            raise failure

    def _closed(self, error: ConnectionClosed) -> ProviderError:
        """The error that a close would be."""
        code = _number(error)
        words = error.rcvd.reason if error.rcvd is not None else ""
        said = self._killed or f"closed with {code}{f': {words}' if words else ''}"
        facts: Any = {"provider": self._driver.provider, "operation": self._operation}
        meaning = "again" if self._killed else self._driver.settings.meaning(code)
        match meaning:
            case "refused":
                return UnexpectedResponseError(
                    said, vendor_code=str(code), outcome_known=True, **facts
                )
            case "renew":
                return AuthenticationError(said, vendor_code=str(code), **facts)
            case _:
                return UnavailableError(said, vendor_code=str(code), **facts)

    # Beside it

    async def _kept(self, socket: ClientConnection) -> None:
        """See that somebody is there, while somebody waits for them."""
        idle = self._follow.idle
        seen, silent = -1, 0.0
        step = PING_SECONDS if idle is None else min(PING_SECONDS, idle / 2)
        while True:
            await asyncio.sleep(step)
            if seen != self._count or not (self._waiting or self._pumps):
                seen, silent = self._count, 0.0
                continue
            silent += step
            left = PONG_SECONDS if idle is None else min(PONG_SECONDS, idle - silent)
            try:
                async with asyncio.timeout(left):
                    await (await socket.ping())
            except TimeoutError:
                left = 0.0
            except (ConnectionClosed, OSError):
                return
            if left > 0:
                continue
            if idle is not None and silent + PONG_SECONDS > idle:
                self._kill(socket, f"silent for {idle:g} s")
            else:
                self._kill(socket, f"no answer to a ping within {PONG_SECONDS:g} s")
            return

    def _kill(self, socket: ClientConnection, reason: str) -> None:
        self._killed = reason
        socket.transport.abort()

    async def _pumped(self, socket: ClientConnection) -> None:
        """Read ahead, whether or not somebody takes it."""
        ready: deque[str | bytes | Gap] = self._ready
        with suppress(ConnectionClosed):
            while True:
                message = await socket.recv()
                self._count += 1
                full = len(ready) >= self._buffer.messages
                ready.append(message)
                self._came.set()
                if full and self._buffer.when_full == "close":
                    self._kill(socket, "the buffer was full")
                    break
                if full:
                    ready.popleft()
                    self._dropped += 1
        self._came.set()

    async def _taken(self) -> None:
        """Wait until something was read ahead, or nothing comes any more."""
        self._came.clear()
        if not (self._ready or self._tasks[-1].done()):
            await self._came.wait()


def _number(error: ConnectionClosed) -> int:
    """The code of a close: theirs, or ours where it was we who gave up."""
    closed = error.rcvd or error.sent
    return 1006 if closed is None else closed.code


def _code_of(failure: BaseException | None) -> str | None:
    """As the events of calls name it."""
    if failure is None:
        return None
    if isinstance(failure, ProviderError):
        return failure.code
    return type(failure).__name__ if isinstance(failure, Exception) else "cancelled"
