"""A public listener on loopback, clients that may say anything, and a receiver that obeys."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.hub.asgi import InboxApp
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, SourceSettings, StoreSettings
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.guard import IngressGuard, IngressLimits
from hardpoint.service.listener import ListeningSocket, application
from hardpoint.service.protocol import InboxProtocol
from hardpoint.service.server import new_event_loop
from hardpoint.service.sockets import bind
from hardpoint.webhooks.answers import METHOD_NOT_ALLOWED, STORED, UNAUTHORIZED, Answer
from hardpoint.webhooks.verification import scheme

PATIENCE = 20
"""Seconds after which a test has failed."""


@dataclass
class Receiver:
    """Stores at once, except from the sources `slow`, which waits, and `broken`, which raises."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    waiting: list[Callable[[Answer], None]] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    cap: int = 200_000

    @property
    def body_bytes_max(self) -> int:
        return self.cap

    def greeting(self, source, headers, arrival) -> Answer:
        return METHOD_NOT_ALLOWED

    def submit(self, source, headers, body, done, arrival=None) -> None:
        if source == "broken":
            raise RuntimeError("a defect")
        self.taken.append((source, body))
        self.headers.append(list(headers))
        if source == "slow":
            self.waiting.append(done)
        else:
            done(UNAUTHORIZED if source == "forged" else STORED)

    def refused(self, source: str, reason: str) -> None:
        self.refusals.append((source, reason))

    async def has(self, count: int) -> None:
        while len(self.taken) < count:
            await asyncio.sleep(0.001)


@dataclass
class Heard:
    """One answer off the wire."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Client:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, url: str) -> "Client":
        host, _, port = url.removeprefix("http://").rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    def say(self, *pieces: bytes) -> None:
        self.writer.write(b"".join(pieces))

    async def answer(self) -> Heard:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:-2])
        size = int(headers.get(b"content-length", b"0"))
        return Heard(int(lines[0].split()[1]), headers, await self.reader.readexactly(size))

    async def status(self) -> int:
        return (await self.answer()).status

    async def closed(self) -> bytes:
        """What comes until the server hangs up."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    async def repeat(self, words: bytes) -> None:
        """Say it until the connection breaks."""
        while True:
            self.say(words)
            await self.writer.drain()
            await asyncio.sleep(0)


@dataclass
class Door:
    """A listener that runs, and what is behind it."""

    receiver: Receiver
    listener: ListeningSocket
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        client = await Client.of(self.listener.url)
        self.clients.append(client)
        return client


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture(params=[asyncio.new_event_loop, new_event_loop], ids=["asyncio", "uvloop"])
def served(receiver: Receiver, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Play a scenario against a listener."""

    async def run(scenario: Callable[[Door], Awaitable[None]], limits: IngressLimits) -> None:
        guard = IngressGuard(limits, SystemClock(), refused=receiver.refused)
        connect = functools.partial(InboxProtocol, receiver, guard, application(InboxApp(receiver)))
        listener = ListeningSocket(bind("127.0.0.1", 0, key="port"), guard, connect)
        await listener.start()
        door = Door(receiver, listener)
        try:
            async with asyncio.timeout(PATIENCE):
                await scenario(door)
        finally:
            for client in door.clients:
                client.writer.close()
            await listener.drain(soft=0, limit=PATIENCE)

    def play(
        scenario: Callable[[Door], Awaitable[None]], *, limits: IngressLimits | None = None
    ) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(run(scenario, limits or IngressLimits()))

    return play


@pytest.fixture
def connect() -> Callable[[str], Awaitable[Client]]:
    """Opens a connection to a URL."""
    return Client.of


@pytest.fixture
def post() -> Callable[..., bytes]:
    """A request to a source."""

    def post(body: bytes = b"{}", *, source: str = "shop", extra: bytes = b"") -> bytes:
        lines = b"POST /webhooks/%b HTTP/1.1\r\nHost: h\r\n%b" % (source.encode(), extra)
        return b"%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)

    return post


@pytest.fixture
def chunked() -> Callable[..., bytes]:
    """A request whose body comes in chunks."""

    def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
        head = b"POST /webhooks/shop HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
        return b"".join((head, *chunks, b"0\r\n", trailer, b"\r\n"))

    return chunked


SECRET = "whsec_" + "c2VjcmV0" * 4


class Told(list[object]):
    """Telemetry events."""

    async def has(self, kind: type, count: int = 1) -> None:
        """Wait until so many of a kind were told."""
        while sum(isinstance(event, kind) for event in self) < count:
            await asyncio.sleep(0.001)


@pytest.fixture
def told() -> Told:
    """Every telemetry event of the `hub`."""
    return Told()


@pytest.fixture
def hub(tmp_path: Path, told: Told) -> Hub:
    """A hub on a database of its own, with the source `shop`."""
    source = SourceSettings(name="shop", provider="standard", secrets=(Secret.value(SECRET),))
    settings = Settings(store=StoreSettings(path=tmp_path / "inbox.db"), webhooks={"shop": source})
    return Hub(settings, listeners=[told.append])


@pytest.fixture
def signed() -> Callable[..., tuple[bytes, dict[str, str]]]:
    """The body and the headers of a webhook that verifies at `shop`."""
    signer = scheme("standard", secrets=[SECRET])

    def signed(identifier: str, *, now: float, kind: str = "paid") -> tuple[bytes, dict[str, str]]:
        body = b'{"type":"%b"}' % kind.encode()
        return body, dict(signer.sign(body, now=now, event_id=identifier, event_type=kind))

    return signed
