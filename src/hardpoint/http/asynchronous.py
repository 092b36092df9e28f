"""The asynchronous shell of the wire: the effect suspends while it waits."""

import asyncio
import select
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from socket import socket
from time import monotonic
from types import TracebackType
from typing import Self, TypeAlias, final

from aiohappyeyeballs import start_connection  # pyright: ignore[reportUnknownVariableType] - not typed in full

from hardpoint.http.limits import Limits
from hardpoint.http.wire.aside import aside, told
from hardpoint.http.wire.channel import Channel, unconnected
from hardpoint.http.wire.connecting import HEAD_START
from hardpoint.http.wire.exchange import WireExchange
from hardpoint.http.wire.line import Line
from hardpoint.http.wire.names import ResolvedAddress, look_up
from hardpoint.http.wire.outgoing import Outgoing
from hardpoint.http.wire.pool import Pool, PoolKey
from hardpoint.http.wire.shell import WireShell
from hardpoint.http.wire.trust import Trust, context_of
from hardpoint.resilience.timeout import remaining

_DEFAULT = Limits()
_Pool: TypeAlias = Pool[Line]


@final
class AsyncTransport(WireShell[Line]):
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
        self._made: Future[ssl.SSLContext] | None = None
        super().__init__(limits, remaining, tls)

    async def close(self) -> None:
        """Close every connection, also where another event loop runs."""
        here = asyncio.get_running_loop()
        for loop in tuple(self._pools):
            pool = self._pools.pop(loop, None)
            if pool is None:  # another thread closes it
                continue
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
            pool.forget()

    def _here(self) -> _Pool:
        loop = asyncio.get_running_loop()
        return self._pools.get(loop) or self._pool(loop)

    def _pool(self, loop: asyncio.AbstractEventLoop) -> _Pool:
        for other in tuple(self._pools):
            if other.is_closed():
                with suppress(KeyError):  # another thread's loop clears up as well
                    self._pools.pop(other).close()
        pool: _Pool = Pool(self._limits, loop.create_future, _wake)
        return self._pools.setdefault(loop, pool)

    async def _entered(self, exchange: WireExchange[Line]) -> bool:
        try:
            async with asyncio.timeout(exchange.bounds.connect):
                await exchange.waiter
        except TimeoutError:
            return False
        return True

    async def _opened(self, out: Outgoing, until: float) -> socket:
        async with asyncio.timeout(until - monotonic()):
            return await super()._opened(out, until)

    async def _looked_up(self, host: str, port: int, until: float) -> Sequence[ResolvedAddress]:
        return await look_up(host, port, until - monotonic())

    async def _reached(self, addresses: Sequence[ResolvedAddress], until: float) -> socket:
        return await start_connection(
            addresses,
            happy_eyeballs_delay=HEAD_START,
            loop=asyncio.get_running_loop(),
            socket_factory=_socket,
        )

    async def _ready(self, sock: socket, event: int, until: float) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        reading = event == select.POLLIN
        (loop.add_reader if reading else loop.add_writer)(sock.fileno(), _wake, ready)
        try:
            await ready
        finally:
            (loop.remove_reader if reading else loop.remove_writer)(sock.fileno())

    async def _believed(self) -> ssl.SSLContext:
        if self._context is None:
            made = self._made  # another thread's loop may forget it at any moment
            if made is None:
                made = self._made = aside("hardpoint-tls", partial(context_of, self._trust))
            try:
                self._context = await told(made)
            finally:
                self._made = None
        return self._context

    def _line(self, pool: _Pool, channel: Channel, key: PoolKey) -> Line:
        loop = asyncio.get_running_loop()
        return Line(loop, channel, key, self._limits.idle_seconds, pool.gone)


def _socket(address: ResolvedAddress) -> socket:
    return unconnected(*address[:3])


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
