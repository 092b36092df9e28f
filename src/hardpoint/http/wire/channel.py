"""A connected socket that never blocks, plain or under TLS: what both shells read and write."""

import os
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from fcntl import ioctl
from math import ceil
from struct import unpack
from termios import TIOCOUTQ
from time import monotonic
from typing import TypeVar, final
from weakref import WeakSet

from hardpoint.core.forks import forget_in_child, undivided
from hardpoint.http.wire.incoming import Incoming

READ_BYTES = 64 * 1024
_SLICE_BYTES = 64 * 1024
_READS_AT_A_TIME = _SLICES_AT_A_TIME = 16  # then others have their turn, and the clock its look
_WAIT_SECONDS_MAX = 24 * 3600.0  # what `poll` can be told
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_Socket = TypeVar("_Socket", bound=socket.socket)


@final
class _Sockets:
    """All that were made here and live, from before they are connected.

    A child that is forked off closes its copies at once: a peer is told of an end by the last one.
    """

    def __init__(self) -> None:
        self._all: WeakSet[socket.socket] = WeakSet()

    def made(self, make: Callable[[], _Socket]) -> _Socket:
        with undivided():
            sock = make()
            self._all.add(sock)
        return sock

    def forget(self) -> None:
        for sock in tuple(self._all):
            descriptor = sock.detach()  # uvloop would keep it from being closed
            if descriptor >= 0:
                os.close(descriptor)


_sockets = _Sockets()
forget_in_child(_sockets)


def unconnected(family: int, kind: int, protocol: int) -> socket.socket:
    """A new socket.

    Raises:
        OSError: the system has none for us.
    """
    return _sockets.made(lambda: socket.socket(family, kind, protocol))


def prepared(sock: socket.socket) -> socket.socket:
    """A connected socket as a channel wants it."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def secured(sock: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """The same under TLS; its handshake is still to be made."""
    return _sockets.made(
        lambda: context.wrap_socket(
            sock, server_hostname=host, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
    )


def shake(sock: ssl.SSLSocket) -> int:
    """A step of the handshake: 0 when it is made, else what to wait for, as `poll` has it.

    Raises:
        OSError: it cannot be made.
    """
    try:
        sock.do_handshake()
    except ssl.SSLWantReadError:
        return select.POLLIN
    except ssl.SSLWantWriteError:
        return select.POLLOUT
    return 0


def wait_for(sock: socket.socket, event: int, until: float) -> None:
    """Block until a socket is ready.

    Raises:
        TimeoutError: it was not until then, by the monotonic clock.
    """
    poll = select.poll()
    poll.register(sock, event)
    if not poll.poll(milliseconds(until - monotonic())):
        raise TimeoutError


def milliseconds(seconds: float) -> int:
    """As `poll` takes them: none below zero, and a day at most."""
    return ceil(min(max(seconds, 0.0), _WAIT_SECONDS_MAX) * 1000)


@final
class Channel:
    """One connection's bytes.

    Args:
        sock: connected, not blocking; its handshake done if it is under TLS.

    Attributes:
        fd: its number.
        plain: not under TLS: what could not be sent has not been, and a read that gives less than
            it could has left nothing.
    """

    __slots__ = ("_poll", "_secure", "_sock", "fd", "plain")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._secure = sock if isinstance(sock, ssl.SSLSocket) else None
        self.plain = self._secure is None
        self.fd = sock.fileno()
        self._poll = select.poll()
        self._poll.register(self.fd, select.POLLIN)

    def send(self, data: bytes | memoryview) -> int:
        """How many of the bytes are on their way; 0 when none can be now.

        Raises:
            OSError: the connection is gone.
        """
        try:
            return self._sock.send(data)
        except _LATER:
            return 0

    def receive(self) -> bytes | None:
        """What has come; None for nothing yet, no bytes at all for the end.

        Raises:
            OSError: the connection is gone, or ended where TLS does not end.
        """
        try:
            return self._sock.recv(READ_BYTES)
        except _LATER:
            return None

    def start(self, head: bytes, body: bytes) -> list[memoryview]:
        """Send the beginning of a request; what is left of it is for `push`.

        Raises:
            OSError: the connection is gone; if it is plain, nothing was sent.
        """
        count = self.send(head)
        if count == len(head) and not body:
            return []
        return [memoryview(body), memoryview(head)[count:]]

    def push(self, left: list[memoryview]) -> bool:
        """Send of what is left, the last first, as much as fits a turn; whether anything was.

        Raises:
            OSError: the connection is gone.
        """
        moved = False
        for _ in range(_SLICES_AT_A_TIME):
            if not left:
                break
            part = left[-1]
            count = self.send(part[:_SLICE_BYTES]) if part else 0
            if count == len(part):
                left.pop()
            elif count:
                left[-1] = part[count:]
            else:
                break
            moved = True
        return moved

    def pull(self, answer: Incoming) -> bool | None:
        """Give an answer what has come; true when it is over, one way or another.

        None means that more may be there already. False means that nothing is, as the system said:
        uvloop tells of a connection that is reset only once, also when data is to be read before.

        Raises:
            OSError: the connection is gone.
        """
        for _ in range(_READS_AT_A_TIME):
            data = self.receive()
            if data is None:
                return False
            if not data:
                answer.close()
                return True
            if answer.feed(data):
                return True
        return None

    @property
    def pending(self) -> bool:
        """Whether bytes are left that were taken off the socket already."""
        return self._secure is not None and self._secure.pending() > 0

    def silent(self) -> bool:
        """Whether nothing has come that nobody asked for, the end included."""
        if not self._poll.poll(0):
            return True
        with suppress(OSError):  # a ticket for the next session is no message
            return self.receive() is None
        return False

    def wait(self, seconds: float, *, writing: bool) -> bool:
        """Block until there is something to read, or room to write; false if there was not."""
        if self.pending:  # taken off the socket already, where `poll` does not see it
            return True
        poll = self._poll
        if writing:
            poll = select.poll()
            poll.register(self.fd, select.POLLIN | select.POLLOUT)
        return bool(poll.poll(milliseconds(seconds)))

    def unsent(self) -> int:
        """Bytes that the other side has not taken yet; 0 where the system does not tell."""
        try:
            return unpack("i", ioctl(self.fd, TIOCOUTQ, bytes(4)))[0]
        except OSError:
            return 0

    def stop(self) -> None:
        """End the connection, in both directions; its number stays taken until it is closed."""
        with suppress(OSError):  # not by the TLS socket's own, which would go on in plain
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this process's end; nothing is written any more."""
        self._sock.close()
