"""A vendor on loopback that does as it is told, request by request."""

import json
import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from tests.http.conftest import authority as authority  # noqa: PLC0414 - a fixture

from hardpoint import Breaker, Policy, Retry


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def answer(status: int, body: Any = b"", **headers: str) -> bytes:
    """The bytes of an answer; `x_y` is the header `x-y`."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Told", f"content-length: {len(content)}"]
    if not isinstance(body, bytes):
        lines.append("content-type: application/json")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


OK = answer(200, {"ok": True})
RESET = b"reset"
SILENCE = b"silence"
ENDS = b"connection: close\r\n"
"""After an answer with this the connection ends, whether it was whole or not."""
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n" + ENDS + b"\r\nhalf"
"""An answer whose connection ends in the middle of its body."""


class Peer:
    """Answers each request by the next entry of its script, then by the last one.

    Attributes:
        script: answers, `RESET`, `SILENCE` or `CUT`.
        asked: the requests that came.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.script: list[bytes] = [OK]
        self.asked: list[Asked] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def tells(self, *script: bytes | int) -> "Peer":
        self.asked.clear()
        self.script = [answer(one) if isinstance(one, int) else one for one in script]
        return self

    @property
    def sent(self) -> int:
        """How many requests came."""
        return len(self.asked)

    @property
    def connections(self) -> int:
        """How many connections were opened."""
        return len(self._open)

    def close(self) -> None:
        # accept() in another thread holds the port open until it is woken.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:  # who comes does not believe the certificate
                connection.close()
                return
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while (asked := _request(stream, connection)) is not None:
                self.asked.append(asked)
                told = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if told == RESET:
                    connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    return
                if told == SILENCE:
                    stream.read()
                    return
                connection.sendall(told)
                if ENDS in told:
                    return


def _request(stream: Any, connection: socket.socket) -> Asked | None:
    first = stream.readline().decode().split()
    if not first:
        return None
    headers: dict[str, str] = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect"):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while size := int(stream.readline().split(b";")[0], 16):
            body += stream.read(size)
            stream.readline()
        while stream.readline() not in (b"\r\n", b""):
            pass
    else:
        body = stream.read(int(headers.get("content-length", 0)))
    return Asked(first[0], first[1], headers, body)


@pytest.fixture
def peer():
    one = Peer()
    yield one
    one.close()


@pytest.fixture
def closed_url():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def policy():
    """Three attempts without a wait, and a breaker."""
    return Policy(
        "vendor",
        retry=Retry(3, backoff=0),
        breaker=Breaker(failures=20),
        deadline=60,
        timeout=30,
    )
