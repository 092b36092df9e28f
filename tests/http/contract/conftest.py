"""A raw server that does what a script says, and the asynchronous shell on two event loops."""

import contextlib
import fcntl
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

PATIENCE = 10.0
"""Seconds after which a test has failed; nothing that goes well takes so long."""


class GoneError(ConnectionError):
    """The client closed the connection."""


@dataclass(frozen=True)
class Heard:
    """A request as its bytes came in."""

    head: bytes
    body: bytes

    @property
    def method(self):
        return self.head.split(b" ", 1)[0]

    @property
    def target(self):
        return self.head.split(b" ", 2)[1]

    @property
    def headers(self):
        lines = self.head.split(b"\r\n")[1:]
        return [tuple(line.split(b": ", 1)) for line in lines if line]


class Line:
    """One connection, as a script sees it."""

    def __init__(self, peer, end, number):
        self.peer = peer
        self.end = end
        self.number = number
        self._kept = b""

    def head(self):
        """The bytes of the next request up to its blank line."""
        while b"\r\n\r\n" not in self._kept:
            self._kept += self.more()
        head, _, self._kept = self._kept.partition(b"\r\n\r\n")
        return head + b"\r\n"

    def request(self):
        """The next request, whole."""
        head = self.head()
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if b"transfer-encoding: chunked" in head.lower():
            body = self._chunks()
        else:
            while len(self._kept) < length:
                self._kept += self.more()
            body, self._kept = self._kept[:length], self._kept[length:]
        heard = Heard(head, body)
        self.peer.heard.append(heard)
        return heard

    def _chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self._kept:
                self._kept += self.more()
            size, _, self._kept = self._kept.partition(b"\r\n")
            length = int(size, 16)
            while len(self._kept) < length + 2:
                self._kept += self.more()
            body, self._kept = body + self._kept[:length], self._kept[length + 2 :]
            if not length:
                return body

    def more(self):
        data = self.end.recv(65536)
        if not data:
            raise GoneError
        return data

    def skip(self, count):
        """Read so many bytes of a body."""
        while len(self._kept) < count:
            self._kept += self.more()
        self._kept = self._kept[count:]

    def send(self, data):
        self.end.sendall(data)

    def delivered(self):
        """Wait until the client's system has taken all that was sent: a busy one does so later."""
        until = time.monotonic() + PATIENCE
        while struct.unpack("i", fcntl.ioctl(self.end.fileno(), termios.TIOCOUTQ, bytes(4)))[0]:
            assert time.monotonic() < until
            time.sleep(0.001)

    def answer(self, body=b"", status=b"200 OK", headers=b""):
        length = b"content-length: %d\r\n" % len(body)
        self.send(b"HTTP/1.1 " + status + b"\r\n" + headers + length + b"\r\n" + body)

    def drip(self, piece, *, every=0.004, times=500):
        """Send a piece again and again, so slowly that nobody waits for the end of it."""
        for _ in range(times):
            if self.peer.ended.wait(every):
                raise GoneError
            self.send(piece)

    def flood(self, piece, *, most):
        """Send a piece until so many bytes have been taken; raises `OSError` when refused."""
        self.end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        while self.peer.taken < most:
            self.send(piece)
            self.peer.taken += len(piece)

    def hold(self):
        """Keep the connection, unread and unanswered, until the test is over."""
        self.peer.ended.wait(PATIENCE)

    def wait_until_gone(self):
        """Until the client has closed it; what it sends before is thrown away."""
        with contextlib.suppress(OSError):
            while self.end.recv(65536):
                pass
        self.peer.hung_up.set()

    def cut(self):
        """End TCP without the farewell of TLS."""
        socket.socket.shutdown(self.end, socket.SHUT_RDWR)
        self.end.close()

    def reset(self):
        self.end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end.close()

    def close(self):
        if isinstance(self.end, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                self.end.settimeout(0)
                self.end.unwrap()
        with contextlib.suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()


def echo(line):
    """Answer every request with its target."""
    while True:
        line.answer(line.request().target)


class Peer:
    """A server that plays a script on every connection, each in a thread of its own."""

    def __init__(self, script=echo, *, tls=None, address="127.0.0.1", port=0):
        self.script = script
        self.tls = tls
        self.heard = []
        self.connections = 0
        self.taken = 0
        self.errors = []
        self.ended = threading.Event()
        self.hung_up = threading.Event()
        self.go = threading.Event()
        self.done = threading.Event()
        self._listener = socket.create_server((address, port), backlog=128)
        self.port = self._listener.getsockname()[1]
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{address}:{self.port}"
        self._open = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def targets(self):
        return [one.target for one in self.heard]

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                end, _ = self._listener.accept()
                end.settimeout(PATIENCE)
                number, self.connections = self.connections, self.connections + 1
                thread = threading.Thread(target=self._serve, args=(end, number), daemon=True)
                self._threads.append(thread)
                self._open.add(end)
                thread.start()

    def _serve(self, raw, number):
        end = raw
        try:
            if self.tls is not None:
                end = self.tls.wrap_socket(raw, server_side=True)
                self._open.add(end)
            line = Line(self, end, number)
            self.script(line)
            line.close()
        except OSError:
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            end.close()
            self._open -= {end, raw}

    def wait_for(self, reached):
        """Until something is so; the waiting is bounded."""
        until = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < until, "never happened"
            time.sleep(0.001)

    def close(self):
        self.ended.set()
        self.go.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(end, socket.SHUT_RDWR)  # below TLS: a thread may be using it
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not self.errors, self.errors


@pytest.fixture(params=["asyncio", "uvloop", "blocking"])
def shell(request, shell_of):
    return shell_of(request.param)


@pytest.fixture
def listen():
    """Starts servers, and ends them with the test."""
    peers = []

    def start(script=echo, **options):
        peers.append(Peer(script, **options))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


@pytest.fixture(params=["plain", "tls"])
def serve(request, authority, listen):
    """The same over TCP and over TLS."""

    def start(script=echo, **options):
        tls = authority.serving() if request.param == "tls" else None
        return listen(script, tls=tls, **options)

    return start


@pytest.fixture
def until() -> Callable[[float], Callable[[], float]]:
    """The deadline of a call, as a transport is told it: what is left of it."""

    def deadline(seconds):
        ends = time.monotonic() + seconds
        return lambda: ends - time.monotonic()

    return deadline
