"""What both shells do, written once. The effects that it awaits suspend in one, block in the other.

A signal's handler may raise between any two steps of a thread. What is given back in a `finally` is
therefore given back again if the first time was interrupted; the pool says why that is no harm.
"""

import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from socket import socket
from typing import Generic, TypeVar

from hardpoint.core.forks import forget_in_child
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response, StreamedResponse
from hardpoint.http.wire.channel import Channel, prepared, secured, shake
from hardpoint.http.wire.connecting import others
from hardpoint.http.wire.exchange import Carrier, Pieces, WireExchange
from hardpoint.http.wire.failures import UNCONNECTED, not_connected
from hardpoint.http.wire.names import ResolvedAddress, literal
from hardpoint.http.wire.outgoing import Outgoing
from hardpoint.http.wire.pool import Pool, PoolKey
from hardpoint.http.wire.trust import Trust, checked

_Line = TypeVar("_Line", bound=Carrier)


class WireShell(ABC, Generic[_Line]):
    """A transport, but for the waiting.

    Args:
        limits: its bounds.
        remaining: seconds that the deadline of the running call leaves; None without one.
        tls: authorities and a certificate of one's own; the system's authorities without.
    """

    def __init__(
        self,
        limits: Limits,
        remaining: Callable[[], float | None],
        tls: Trust | ssl.SSLContext | None,
    ) -> None:
        self._limits = limits
        self._remaining = remaining
        self._trust: Trust | None = None
        self._context: ssl.SSLContext | None = None
        if isinstance(tls, ssl.SSLContext):
            self._context = checked(tls)
        else:
            self._trust = tls
        forget_in_child(self)

    async def send(self, request: Request) -> Response:
        """Send it once; see `Transport.send` for what it raises."""
        exchange: WireExchange[_Line] = WireExchange(request, self._limits, self._remaining())
        pool = self._here()
        try:
            line = pool.take(exchange, exchange.out.key) or await self._acquired(pool, exchange)
            over = exchange.start(line)
            exchange.in_time = over if isinstance(over, bool) else await over
            if exchange.out.stream is not None:
                await line.enough()
            exchange.reusable = line.end()
        finally:
            try:
                _end(pool, exchange)
            except BaseException:
                _end(pool, exchange)
                raise
        return exchange.response(line)

    @asynccontextmanager
    async def stream(
        self,
        request: Request,
        *,
        bytes_max: int | None = None,
        whole: float | None = None,
        idle: float | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Send it once and take its answer piece by piece; see `Transport.stream`."""
        left = self._remaining() if whole is None else whole
        exchange: WireExchange[_Line] = WireExchange(
            request, self._limits, left, streamed=True, most=bytes_max
        )
        pool = self._here()
        try:
            line = pool.take(exchange, exchange.out.key) or await self._acquired(pool, exchange)
            over = exchange.start(line)
            exchange.in_time = over if isinstance(over, bool) else await over
            if idle is not None:
                line.pace(idle)
            yield Pieces(exchange, line).headed()
            if exchange.out.stream is not None:
                await line.enough()
            exchange.reusable = line.end()
        finally:
            try:
                _end(pool, exchange)
            except BaseException:
                _end(pool, exchange)
                raise

    @abstractmethod
    def forget(self) -> None:
        """This is a child process: what was inherited is the parent's."""

    @abstractmethod
    def _here(self) -> Pool[_Line]:
        """The connections of this process and event loop."""

    @abstractmethod
    async def _entered(self, exchange: WireExchange[_Line]) -> bool:
        """Wait until a place is free; false if none was in time."""

    @abstractmethod
    async def _looked_up(self, host: str, port: int, until: float) -> Sequence[ResolvedAddress]:
        """A name's addresses."""

    @abstractmethod
    async def _reached(self, addresses: Sequence[ResolvedAddress], until: float) -> socket:
        """A socket to the first that answers."""

    @abstractmethod
    async def _ready(self, sock: socket, event: int, until: float) -> None:
        """Wait until it can be read or written, as `poll` has it."""

    @abstractmethod
    async def _believed(self) -> ssl.SSLContext:
        """Whom we believe."""

    @abstractmethod
    def _line(self, pool: Pool[_Line], channel: Channel, key: PoolKey) -> _Line:
        """A connection over a channel."""

    async def _acquired(self, pool: Pool[_Line], exchange: WireExchange[_Line]) -> _Line:
        """A connection, where none that is kept could be had at once."""
        line: _Line | None = None
        if exchange.waiter is not None:
            if not await self._entered(exchange):
                raise not_connected(exchange.request, None, "every connection is in use")
            line = pool.take(exchange, exchange.out.key)
        return line or await self._connected(pool, exchange)

    async def _connected(self, pool: Pool[_Line], exchange: WireExchange[_Line]) -> _Line:
        try:
            until = exchange.begun + exchange.bounds.connect
            channel = Channel(await self._opened(exchange.out, until))
        except UNCONNECTED as error:
            failure = not_connected(exchange.request, error)
        else:
            line = self._line(pool, channel, exchange.out.key)
            pool.add(exchange, line)
            return line
        raise failure

    async def _opened(self, out: Outgoing, until: float) -> socket:
        """A connection, its handshake made. Each address has its turn: nothing was sent."""
        origin = out.origin
        if out.addresses or origin.literal:
            addresses = literal(out.addresses or (origin.host,), origin.port)
        else:
            addresses = await self._looked_up(origin.host, origin.port, until)
        while True:
            sock = await self._reached(addresses, until)
            left: Sequence[ResolvedAddress] = ()
            try:
                left = others(addresses, sock) if origin.secure else ()
                prepared(sock)
                if origin.secure:
                    sock = secured(sock, await self._believed(), origin.host)
                    while event := shake(sock):
                        await self._ready(sock, event, until)
            except BaseException as error:
                sock.close()
                if not (left and isinstance(error, OSError)):
                    raise
                addresses = left
            else:
                return sock


def _end(pool: Pool[_Line], exchange: WireExchange[_Line]) -> None:
    exchange.ended = True
    exchange.answer.release()
    pool.leave(exchange)
