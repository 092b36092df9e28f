"""The blocking shell of the wire: the effect waits, then returns; it never suspends."""

import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from types import TracebackType
from typing import Self, TypeAlias, final

from hardpoint.core.forks import forget_in_child
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response, StreamedResponse
from hardpoint.http.wire.blocking_line import BlockingLine
from hardpoint.http.wire.channel import Channel, prepared, secured, shake, wait_for
from hardpoint.http.wire.connecting import connected, others
from hardpoint.http.wire.failures import UNCONNECTED, no_answer, not_connected
from hardpoint.http.wire.incoming import Incoming
from hardpoint.http.wire.names import ResolvedAddress, literal, look_up_blocking
from hardpoint.http.wire.outgoing import Outgoing, outgoing
from hardpoint.http.wire.pool import Pool
from hardpoint.http.wire.streams import Pieces
from hardpoint.http.wire.trust import Trust, checked, context_of
from hardpoint.resilience.timeout import remaining

_DEFAULT = Limits()
_Pool: TypeAlias = "Pool[BlockingLine, threading.Event]"


@final
class BlockingTransport:
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
        self._pool: _Pool = Pool(limits)
        self._limits = limits
        self._remaining = remaining
        self._trust = None if isinstance(tls, ssl.SSLContext) else tls
        self._context = checked(tls) if isinstance(tls, ssl.SSLContext) else None
        self._lock = threading.Lock()
        forget_in_child(self)

    async def send(self, request: Request) -> Response:
        """Send it once; see `Transport.send` for what it raises."""
        begun = monotonic()
        bounds = self._limits.bounds(request.timeout, self._remaining())
        out = outgoing(request)
        lock, pool = self._lock, self._pool
        self._enter(pool, request, bounds.connect)
        try:
            with lock:
                line = pool.take(out.key, begun)
            if line is None:
                line = self._connected(pool, request, out, bounds.connect + begun - monotonic())
            answer = Incoming(self._limits, bodiless=out.bodiless)
            reusable = False
            try:
                in_time = line.exchange(out, answer, bounds.step, begun + bounds.whole)
                reusable = line.reusable(answer)
            finally:
                answer.release()
                with lock:
                    pool.keep(line, monotonic()) if reusable else line.close()
        finally:
            with lock:
                _leave(pool)
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
        lock, pool = self._lock, self._pool
        self._enter(pool, request, bounds.connect)
        try:
            with lock:
                line = pool.take(out.key, begun)
            if line is None:
                line = self._connected(pool, request, out, bounds.connect + begun - monotonic())
            answer = Incoming(self._limits, bodiless=out.bodiless, streamed=True, most=bytes_max)
            pieces = Pieces(request, answer, line)
            reusable = False
            try:
                in_time = line.exchange(out, answer, bounds.step, begun + bounds.whole)
                yield pieces.headed(in_time=in_time)
                reusable = line.reusable(answer)
            finally:
                pieces.end()
                with lock:
                    pool.keep(line, monotonic()) if reusable else line.close()
        finally:
            with lock:
                _leave(pool)

    def close(self) -> None:
        """Close every connection; a thread that waits for an answer is told that none comes."""
        with self._lock:
            pool, self._pool = self._pool, Pool(self._limits)
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
        pool, self._pool, self._lock = self._pool, Pool(self._limits), threading.Lock()
        for line in pool.lines:
            line.abandon()

    def _enter(self, pool: _Pool, request: Request, seconds: float) -> None:
        """Take a place, or wait for one."""
        lock = self._lock
        with lock:
            if pool.enter():
                return
            waiter = threading.Event()
            pool.waiters.append(waiter)
        entered = False
        try:
            entered = waiter.wait(seconds)
        finally:
            if not entered:
                with lock:
                    if waiter.is_set():  # a place came at the same time
                        _leave(pool)
                    else:
                        pool.waiters.remove(waiter)
        if not entered:
            raise not_connected(request, None, "every connection is in use")

    def _connected(
        self, pool: _Pool, request: Request, out: Outgoing, seconds: float
    ) -> BlockingLine:
        with self._lock:
            pool.make_room()
        try:
            channel = Channel(self._opened(out, monotonic() + seconds))
        except UNCONNECTED as error:
            failure = not_connected(request, error)
        else:
            line = BlockingLine(channel, out.key, pool.gone)
            with self._lock:
                pool.lines.add(line)
            return line
        raise failure

    def _opened(self, out: Outgoing, until: float) -> socket.socket:
        origin = out.origin
        if out.addresses or origin.literal:
            addresses = literal(out.addresses or (origin.host,), origin.port)
        else:
            addresses = look_up_blocking(origin.host, origin.port, until - monotonic())
        while True:
            sock = connected(addresses, until)
            left: Sequence[ResolvedAddress] = ()
            try:
                left = others(addresses, sock) if origin.secure else ()
                prepared(sock)
                if origin.secure:
                    if self._context is None:
                        self._context = context_of(self._trust)
                    sock = secured(sock, self._context, origin.host)
                    while event := shake(sock):
                        wait_for(sock, event, until)
            except BaseException as error:
                sock.close()
                if not (left and isinstance(error, OSError)):
                    raise
                addresses = left
            else:
                return sock


def _leave(pool: _Pool) -> None:
    waiter = pool.leave()
    if waiter is not None:
        waiter.set()
