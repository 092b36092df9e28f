"""The blocking shell of the wire: the effect waits, then returns; it never suspends."""

import ssl
import threading
from collections.abc import Callable, Sequence
from socket import socket
from time import monotonic
from types import TracebackType
from typing import Self, TypeAlias, final

from hardpoint.http.limits import Limits
from hardpoint.http.wire.blocking_line import BlockingLine
from hardpoint.http.wire.channel import Channel, wait_for
from hardpoint.http.wire.connecting import connected
from hardpoint.http.wire.exchange import WireExchange
from hardpoint.http.wire.names import ResolvedAddress, look_up_blocking
from hardpoint.http.wire.pool import Pool, PoolKey
from hardpoint.http.wire.shell import WireShell
from hardpoint.http.wire.trust import Trust, context_of
from hardpoint.resilience.timeout import remaining

_DEFAULT = Limits()
_Pool: TypeAlias = Pool[BlockingLine]


@final
class BlockingTransport(WireShell[BlockingLine]):
    """Sends requests over a pool of connections that threads may share.

    After `close` it can be used anew. A process that is forked off has connections of its own.

    Args:
        limits: its bounds. A name is looked up in a thread, which may outlive the wait for it.
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
        self._pool = _pool(limits)
        super().__init__(limits, remaining, tls)

    def close(self) -> None:
        """Close every connection; a thread that waits for an answer is told that none comes."""
        pool, self._pool = self._pool, _pool(self._limits)
        pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._pool.close()

    def forget(self) -> None:
        """This is a child process: what was inherited is the parent's."""
        pool, self._pool = self._pool, _pool(self._limits)
        pool.forget()

    def _here(self) -> _Pool:
        return self._pool

    async def _entered(self, exchange: WireExchange[BlockingLine]) -> bool:
        return exchange.waiter.acquire(timeout=min(exchange.bounds.connect, threading.TIMEOUT_MAX))

    async def _looked_up(self, host: str, port: int, until: float) -> Sequence[ResolvedAddress]:
        return look_up_blocking(host, port, until - monotonic())

    async def _reached(self, addresses: Sequence[ResolvedAddress], until: float) -> socket:
        return connected(addresses, until)

    async def _ready(self, sock: socket, event: int, until: float) -> None:
        wait_for(sock, event, until)

    async def _believed(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = context_of(self._trust)
        return self._context

    def _line(self, pool: _Pool, channel: Channel, key: PoolKey) -> BlockingLine:
        return BlockingLine(channel, key, pool.gone)


def _pool(limits: Limits) -> _Pool:
    return Pool(limits, _waiter, _wake)


def _waiter() -> threading.Lock:
    """A lock that is free once there is a place: unlike an event it is one step to free it."""
    waiter = threading.Lock()
    waiter.acquire()
    return waiter


def _wake(waiter: threading.Lock) -> None:
    if waiter.locked():
        waiter.release()
