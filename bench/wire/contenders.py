"""Who is compared: each posts to a path and gives the body of the answer.

A contender is told the base URL and a TLS context; what it makes is called with a path, and awaited
in mode `async`. All have room for 128 connections, busy or idle, since a pool that is too small
would open new ones all the time.
"""

import asyncio
import queue
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

Post = Callable[[str], Any]
Make = Callable[[str, Path], "Post | Awaitable[Post]"]
Mode = Literal["async", "blocking"]

ROOM = 128
PATIENCE = 60
"""Seconds: a machine that is busy with other things lets nobody give up."""
BODY = b"amount=1999&currency=eur&payment_method=pm_card_visa&confirm=true"
HEADERS = {
    "authorization": "Bearer sk_test_bench",
    "content-type": "application/x-www-form-urlencoded",
    "idempotency-key": "0190d3a2-7c1b-7e5d-9a35-3d3a1b0c9f11",
    "user-agent": "bench",
}
OURS, FLOOR = "hardpoint", "httptools alone (floor)"


@dataclass(frozen=True, slots=True)
class Contender:
    mode: Mode
    name: str
    make: Make


CONTENDERS: list[Contender] = []


def contender(mode: Mode, name: str) -> Callable[[Make], Make]:
    def declare(make: Make) -> Make:
        CONTENDERS.append(Contender(mode, name, make))
        return make

    return declare


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "ca.pem"))


def request_bytes(base: str, path: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    head = f"POST {path} HTTP/1.1\r\nhost: {urlsplit(base).netloc}\r\n{lines}"
    return f"{head}content-length: {len(BODY)}\r\n\r\n".encode() + BODY


@contender("async", OURS)
def our_async(base: str, folder: Path) -> Post:
    from hardpoint.http.asynchronous import AsyncTransport
    from hardpoint.http.limits import Limits
    from hardpoint.http.messages import Request

    headers = tuple(HEADERS.items())
    transport = AsyncTransport(
        Limits(connections=ROOM, idle_connections=ROOM),
        tls=trusting(folder),
        remaining=lambda: PATIENCE,
    )

    async def post(path: str) -> bytes:
        request = Request(method="POST", url=base + path, headers=headers, body=BODY)
        return (await transport.send(request)).body

    return post


@contender("blocking", OURS)
def our_blocking(base: str, folder: Path) -> Post:
    from hardpoint.http.blocking import BlockingTransport
    from hardpoint.http.limits import Limits
    from hardpoint.http.messages import Request
    from hardpoint.runtime.blocking import run

    headers = tuple(HEADERS.items())
    transport = BlockingTransport(
        Limits(connections=ROOM, idle_connections=ROOM),
        tls=trusting(folder),
        remaining=lambda: PATIENCE,
    )

    def post(path: str) -> bytes:
        request = Request(method="POST", url=base + path, headers=headers, body=BODY)
        return run(transport.send(request)).body

    return post


@contender("async", "httpx2")
def httpx2_async(base: str, folder: Path) -> Post:
    import httpx2

    limits = httpx2.Limits(
        max_connections=ROOM, max_keepalive_connections=ROOM, keepalive_expiry=60
    )
    client = httpx2.AsyncClient(verify=trusting(folder), limits=limits, timeout=PATIENCE)

    async def post(path: str) -> bytes:
        return (await client.post(base + path, headers=HEADERS, content=BODY)).content

    return post


@contender("blocking", "httpx2")
def httpx2_blocking(base: str, folder: Path) -> Post:
    import httpx2

    limits = httpx2.Limits(
        max_connections=ROOM, max_keepalive_connections=ROOM, keepalive_expiry=60
    )
    client = httpx2.Client(verify=trusting(folder), limits=limits, timeout=PATIENCE)
    return lambda path: client.post(base + path, headers=HEADERS, content=BODY).content


@contender("async", "aiohttp")
async def aiohttp_async(base: str, folder: Path) -> Post:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=ROOM, ssl=trusting(folder))
    timeout = aiohttp.ClientTimeout(total=PATIENCE, sock_read=PATIENCE)
    session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def post(path: str) -> bytes:
        async with session.post(base + path, headers=HEADERS, data=BODY) as answer:
            return await answer.read()

    return post


@contender("async", "pyreqwest")
async def pyreqwest_async(base: str, folder: Path) -> Post:
    from pyreqwest.client import ClientBuilder

    client = (
        ClientBuilder().add_root_certificate_pem((folder / "ca.pem").read_bytes()).no_proxy()
    ).build()

    async def post(path: str) -> bytes:
        sent = await client.post(base + path).headers(HEADERS).body_bytes(BODY).build().send()
        return bytes(await sent.bytes())

    return post


@contender("blocking", "pyreqwest")
def pyreqwest_blocking(base: str, folder: Path) -> Post:
    from pyreqwest.client import SyncClientBuilder

    client = (
        SyncClientBuilder().add_root_certificate_pem((folder / "ca.pem").read_bytes()).no_proxy()
    ).build()

    def post(path: str) -> bytes:
        sent = client.post(base + path).headers(HEADERS).body_bytes(BODY).build().send()
        return bytes(sent.bytes())

    return post


@contender("blocking", "requests")
def requests_blocking(base: str, folder: Path) -> Post:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.trust_env = False
    session.verify = str(folder / "ca.pem")
    adapter = HTTPAdapter(pool_connections=ROOM, pool_maxsize=ROOM)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return lambda path: (
        session.post(base + path, headers=HEADERS, data=BODY, timeout=PATIENCE).content
    )


class Parsed(asyncio.Protocol):
    """A connection of the floor: a parser, a future, nothing else."""

    def __init__(self) -> None:
        self.done: asyncio.Future[bytes] | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport

    def begin(self, loop: asyncio.AbstractEventLoop, sent: bytes) -> "asyncio.Future[bytes]":
        from httptools import HttpResponseParser

        self.pieces: list[bytes] = []
        self.parser = HttpResponseParser(self)
        self.done = loop.create_future()
        self.transport.write(sent)
        return self.done

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        self.done.set_result(b"".join(self.pieces))


@contender("async", FLOOR)
def floor_async(base: str, folder: Path) -> Post:
    parts = urlsplit(base)
    tls = trusting(folder) if parts.scheme == "https" else None
    idle: list[Parsed] = []

    async def post(path: str) -> bytes:
        loop = asyncio.get_running_loop()
        if idle:
            line = idle.pop()
        else:
            _, line = await loop.create_connection(Parsed, parts.hostname, parts.port, ssl=tls)
        body = await line.begin(loop, request_bytes(base, path))
        idle.append(line)
        return body

    return post


class Read:
    """An answer of the blocking floor."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.whole = False

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        self.whole = True


@contender("blocking", FLOOR)
def floor_blocking(base: str, folder: Path) -> Post:
    from httptools import HttpResponseParser

    parts = urlsplit(base)
    tls = trusting(folder) if parts.scheme == "https" else None
    idle: queue.LifoQueue[socket.socket] = queue.LifoQueue()

    def post(path: str) -> bytes:
        try:
            line = idle.get_nowait()
        except queue.Empty:
            line = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                line = tls.wrap_socket(line, server_hostname=parts.hostname)
        line.sendall(request_bytes(base, path))
        read = Read()
        parser = HttpResponseParser(read)
        while not read.whole:
            parser.feed_data(line.recv(262_144))
        idle.put(line)
        return b"".join(read.pieces)

    return post


class Crowd:
    """Threads that stay, as those of a server do: starting them is no part of a call's price."""

    def __init__(self, size: int) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except BaseException as error:
                self._done.put(error)
            else:
                self._done.put(None)

    def play(self, work: Callable[[], None]) -> None:
        """Every thread does it once, at the same time."""
        for _ in self._threads:
            self._work.put(work)
        for error in [self._done.get() for _ in self._threads]:
            if error is not None:
                raise error

    def end(self) -> None:
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()
