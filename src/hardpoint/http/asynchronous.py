"""The asynchronous shell of the wire: the effect suspends while it waits."""

import asyncio
import select
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Self, TypeAlias, final

from aiohappyeyeballs import start_connection  # pyright: ignore[reportUnknownVariableType] - not typed in full

from hardpoint.core.forks import forget_in_child
from hardpoint.http.limits import Limits
from hardpoint.http.messages import BodyStream, Request, Response, StreamedResponse
from hardpoint.http.wire.aside import aside, told
from hardpoint.http.wire.channel import Channel, prepared, secured, shake
from hardpoint.http.wire.connecting import HEAD_START, others
from hardpoint.http.wire.failures import UNCONNECTED, no_answer, not_connected
from hardpoint.http.wire.incoming import Incoming
from hardpoint.http.wire.line import Line
from hardpoint.http.wire.names import ResolvedAddress, literal, look_up
from hardpoint.http.wire.outgoing import Outgoing, outgoing
from hardpoint.http.wire.pool import Pool
from hardpoint.http.wire.streams import Pieces, Supply
from hardpoint.http.wire.trust import Trust, checked, context_of
from hardpoint.resilience.timeout import remaining

_DEFAULT = Limits()
_Pool: TypeAlias = "Pool[Line, asyncio.Future[None]]"


@final
class AsyncTransport:
    """Sends requests over a pool of connections. After `close` it can be used anew.

    It may be used from any event loop: each has connections of its own, and those of a loop that
    was closed, or of the process that this one was forked from, are forgotten.

    Args:
        limits: its bounds.
        remaining: seconds that the deadline of the running call leaves; None without one.
        tls: authorities and a certificate of one's own; the system's authorities without.
    """

    def __init__(
        self,
        limits: Limits = _DEFAULT,
        *,
        remaining: Callable[[], float | None] = remaining,
        tls: Trust | ssl.SSLContext | None = None,
    ) -> None:
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._limits = limits
        self._remaining = remaining
        self._trust = None if isinstance(tls, ssl.SSLContext) else tls
        self._given = checked(tls) if isinstance(tls, ssl.SSLContext) else None
        self._made: Future[ssl.SSLContext] | None = None
        forget_in_child(self)

    async def send(self, request: Request) -> Response:
        """Send it once; see `Transport.send` for what it raises."""
        begun = monotonic()
        bounds = self._limits.bounds(request.timeout, self._remaining())
        out = outgoing(request)
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop) or self._pool(loop)
        if not pool.enter():
            await _entered(pool, request, bounds.connect)
        try:
            line = pool.take(out.key, begun)
            if line is None:
                seconds = bounds.connect + begun - monotonic()
                line = await self._connected(pool, request, out, seconds)
            answer = Incoming(self._limits, bodiless=out.bodiless)
            supply: asyncio.Task[None] | None = None
            try:
                over = line.start(out, answer, bounds.step, begun + bounds.whole)
                if out.stream is not None:
                    supply = loop.create_task(_supplied(line, out.stream))
                in_time = await over
                if supply is not None:
                    await _stopped(supply)
            except BaseException:
                line.close()
                raise
            finally:
                answer.release()
                if supply is not None:
                    supply.cancel()
            if line.end():
                pool.keep(line, monotonic())
            else:
                line.close()
        finally:
            _left(pool)
        if answer.whole:
            return answer.response()
        raise no_answer(request, answer, line.error, in_time=in_time, sent=line.sent)

    @asynccontextmanager
    async def stream(
        self, request: Request, *, bytes_max: int | None = None
    ) -> AsyncGenerator[StreamedResponse]:
        """Send it once and take its answer piece by piece; see `Transport.stream`."""
        begun = monotonic()
        bounds = self._limits.bounds(request.timeout, self._remaining())
        out = outgoing(request)
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop) or self._pool(loop)
        if not pool.enter():
            await _entered(pool, request, bounds.connect)
        try:
            line = pool.take(out.key, begun)
            if line is None:
                seconds = bounds.connect + begun - monotonic()
                line = await self._connected(pool, request, out, seconds)
            answer = Incoming(self._limits, bodiless=out.bodiless, streamed=True, most=bytes_max)
            pieces = Pieces(request, answer, line)
            supply: asyncio.Task[None] | None = None
            try:
                headed = line.start(out, answer, bounds.step, begun + bounds.whole)
                if out.stream is not None:
                    supply = loop.create_task(_supplied(line, out.stream))
                in_time = await headed
                if supply is not None and supply.done():
                    supply.result()
                yield pieces.headed(in_time=in_time)
                if supply is not None:
                    await _stopped(supply)
            except BaseException:
                line.close()
                raise
            finally:
                pieces.end()
                if supply is not None:
                    supply.cancel()
            if line.end():
                pool.keep(line, monotonic())
            else:
                line.close()
        finally:
            _left(pool)

    async def close(self) -> None:
        """Close every connection, also where another event loop runs."""
        pools, self._pools = self._pools, {}
        here = asyncio.get_running_loop()
        for loop, pool in pools.items():
            if loop is here or loop.is_closed():
                pool.close()
            else:
                with suppress(RuntimeError):  # it was closed meanwhile
                    loop.call_soon_threadsafe(pool.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        for loop, pool in self._pools.items():
            if loop.is_closed():
                pool.close()

    def forget(self) -> None:
        """This is a child process: what was inherited is the parent's."""
        pools, self._pools, self._made = self._pools, {}, None
        for pool in pools.values():
            for line in pool.lines:
                line.abandon()

    def _pool(self, loop: asyncio.AbstractEventLoop) -> _Pool:
        for other in tuple(self._pools):
            if other.is_closed():
                with suppress(KeyError):  # another thread's loop clears up as well
                    self._pools.pop(other).close()
        pool: _Pool = Pool(self._limits)
        return self._pools.setdefault(loop, pool)

    async def _connected(
        self, pool: _Pool, request: Request, out: Outgoing, seconds: float
    ) -> Line:
        loop = asyncio.get_running_loop()
        pool.make_room()
        try:
            async with asyncio.timeout(seconds):
                channel = Channel(await self._opened(loop, out, seconds))
        except UNCONNECTED as error:
            failure = not_connected(request, error)
        else:
            line = Line(loop, channel, out.key, self._limits.idle_seconds, pool.gone)
            pool.lines.add(line)
            return line
        raise failure

    async def _opened(
        self, loop: asyncio.AbstractEventLoop, out: Outgoing, seconds: float
    ) -> socket.socket:
        origin = out.origin
        if out.addresses or origin.literal:
            addresses = literal(out.addresses or (origin.host,), origin.port)
        else:
            addresses = await look_up(origin.host, origin.port, seconds)
        while True:
            sock = await start_connection(addresses, happy_eyeballs_delay=HEAD_START, loop=loop)
            left: Sequence[ResolvedAddress] = ()
            try:
                left = others(addresses, sock) if origin.secure else ()
                prepared(sock)
                if origin.secure:
                    sock = secured(sock, await self._context(), origin.host)
                    await _shaken(loop, sock)
            except BaseException as error:
                sock.close()
                if not (left and isinstance(error, OSError)):
                    raise
                addresses = left
            else:
                return sock

    async def _context(self) -> ssl.SSLContext:
        if self._given is None:
            made = self._made  # another thread's loop may forget it at any moment
            if made is None:
                made = self._made = aside("hardpoint-tls", partial(context_of, self._trust))
            try:
                self._given = await told(made)
            finally:
                self._made = None
        return self._given


async def _shaken(loop: asyncio.AbstractEventLoop, sock: ssl.SSLSocket) -> None:
    while event := shake(sock):
        ready = loop.create_future()
        reading = event == select.POLLIN
        (loop.add_reader if reading else loop.add_writer)(sock.fileno(), _wake, ready)
        try:
            await ready
        finally:
            (loop.remove_reader if reading else loop.remove_writer)(sock.fileno())


async def _supplied(line: Line, body: BodyStream) -> None:
    """Send a body as its pieces come."""
    supply = Supply(body)
    try:
        while supply.left:
            piece = await supply.next()
            line.whole = not supply.left
            if piece:
                await line.write(piece)
                await asyncio.sleep(0)  # a fast body on a fast line leaves others their turn
    except Exception:  # whoever waits for the answer is told at once
        line.close()
        raise


async def _stopped(supply: "asyncio.Task[None]") -> None:
    """Ask for no more of a body: the answer is there. What went wrong with it is raised."""
    supply.cancel()
    await asyncio.wait([supply])
    if not supply.cancelled():
        supply.result()


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _entered(pool: _Pool, request: Request, seconds: float) -> None:
    """Wait for a place."""
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    pool.waiters.append(waiter)
    try:
        async with asyncio.timeout(seconds):
            await waiter
    except BaseException as error:
        if waiter.done() and not waiter.cancelled():  # a place came at the same time
            _left(pool)
        else:
            with suppress(ValueError):  # whoever left has passed it over already
                pool.waiters.remove(waiter)
        if not isinstance(error, TimeoutError):
            raise
    else:
        return
    raise not_connected(request, None, "every connection is in use")


def _left(pool: _Pool) -> None:
    waiter = pool.leave()
    while waiter is not None and waiter.done():
        waiter = pool.leave()
    if waiter is not None:
        waiter.set_result(None)
