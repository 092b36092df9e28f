"""What hostile, broken and merely unusual clients do to a socket, against both front ends.

`asgi` is stock uvicorn in front of `InboxApp`, as a user's own server runs it; `narrowed` is what
`hardpoint serve` runs, and `uvloop` is that on the loop it runs on.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hardpoint.hub.asgi import InboxApp
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.guard import IngressGuard, IngressLimits
from hardpoint.service.listener import ListeningSocket, application
from hardpoint.service.protocol import InboxProtocol
from hardpoint.service.server import new_event_loop
from hardpoint.service.sockets import bind
from hardpoint.webhooks.answers import METHOD_NOT_ALLOWED, STORED, UNAUTHORIZED, UNAVAILABLE, Answer

CAP = 200_000
PATIENCE = 20
"""Seconds after which a test has failed."""

FRONTS = ["asgi", "narrowed", "uvloop"]


@dataclass
class Receiver:
    """Stores at once, except from sources whose name says otherwise."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    waiting: list[Callable[[Answer], None]] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)

    @property
    def body_bytes_max(self) -> int:
        return CAP

    def greeting(self, source, headers, arrival) -> Answer:
        return METHOD_NOT_ALLOWED

    def submit(self, source, headers, body, done, arrival=None) -> None:
        self.taken.append((source, body))
        self.headers.append(list(headers))
        if source == "slow":
            self.waiting.append(done)
        else:
            done({"forged": UNAUTHORIZED, "full": UNAVAILABLE}.get(source, STORED))

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
    """A connection on which anything may be said."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, *pieces: bytes) -> None:
        self.writer.write(b"".join(pieces))

    async def answer(self, *, head: bool = False) -> Heard:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:-2])
        size = 0 if head else int(headers.get(b"content-length", b"0"))
        return Heard(int(lines[0].split()[1]), headers, await self.reader.readexactly(size))

    async def status(self) -> int:
        return (await self.answer()).status

    async def closed(self) -> bytes:
        """What comes until the server hangs up."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


@dataclass
class Door:
    """A front end that runs, and ways to knock."""

    receiver: Receiver
    listener: ListeningSocket
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        port = int(self.listener.url.rpartition(":")[2])
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        self.clients.append(client)
        return client


class Stock(HttpToolsProtocol):
    """uvicorn's own."""

    def expire(self) -> None:
        """It has no time limits."""


@asynccontextmanager
async def opened(front: str) -> AsyncIterator[Door]:
    receiver = Receiver()
    sock = bind("127.0.0.1", 0, key="port")
    app = InboxApp(receiver)
    guard = IngressGuard(IngressLimits(), SystemClock(), refused=receiver.refused)
    connect: Callable[[], HttpToolsProtocol]
    if front == "asgi":
        config = Config(app, lifespan="off", log_config=None, access_log=False, ws="none")
        config.load()
        connect = functools.partial(Stock, config, guard.state, {})
    else:
        connect = functools.partial(InboxProtocol, receiver, guard, application(app))
    listener = ListeningSocket(sock, guard, connect)
    await listener.start()
    door = Door(receiver, listener)
    try:
        yield door
    finally:
        for client in door.clients:
            client.writer.close()
        await listener.drain(soft=0, limit=PATIENCE)


Play = Callable[[Door], Awaitable[None]]


def against_both(play: Play) -> Callable[[str], None]:
    """Have a scenario played against each of the front ends."""

    async def run(front: str) -> None:
        async with asyncio.timeout(PATIENCE), opened(front) as door:
            await play(door)

    @pytest.mark.parametrize("front", FRONTS)
    def test(front: str) -> None:
        factory = new_event_loop if front == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(run(front))

    test.__name__ = play.__name__
    return test


def post(body: bytes = b"{}", *, source: str = "shop", extra: bytes = b"") -> bytes:
    lines = b"POST /webhooks/%b HTTP/1.1\r\nHost: h\r\n%b" % (source.encode(), extra)
    return b"%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    head = b"POST /webhooks/shop HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    return b"".join(
        (head, *(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces), b"0\r\n", trailer, b"\r\n")
    )


# Shapes of good requests


@against_both
async def test_a_webhook_is_taken_and_answered_with_a_date(door: Door) -> None:
    client = await door.connect()
    client.say(post(b"hello", extra=b"X-Signature: ABC\r\n"))
    heard = await client.answer()
    assert (heard.status, heard.body) == (200, STORED.body)
    assert heard.headers[b"content-type"] == b"application/json"
    assert heard.headers[b"date"].endswith(b"gmt")
    assert door.receiver.taken == [("shop", b"hello")]
    assert (b"x-signature", b"ABC") in door.receiver.headers[0]


@against_both
async def test_one_byte_at_a_time_is_a_request_like_any_other(door: Door) -> None:
    client = await door.connect()
    for byte in post(b"dribble") + chunked(b"drib", b"ble"):
        client.say(bytes([byte]))
        await asyncio.sleep(0)
    assert [await client.status(), await client.status()] == [200, 200]
    assert door.receiver.taken == [("shop", b"dribble")] * 2


@against_both
async def test_a_chunked_body_arrives_whole(door: Door) -> None:
    client = await door.connect()
    client.say(chunked(b"a" * 1000, b"b", b"c" * 70_000))
    assert await client.status() == 200
    assert door.receiver.taken == [("shop", b"a" * 1000 + b"b" + b"c" * 70_000)]


@against_both
async def test_a_body_may_be_empty_or_left_out(door: Door) -> None:
    client = await door.connect()
    client.say(post(b""), b"POST /webhooks/shop HTTP/1.1\r\nHost: h\r\n\r\n", chunked())
    assert [await client.status() for _ in range(3)] == [200] * 3
    assert door.receiver.taken == [("shop", b"")] * 3


@against_both
async def test_pipelined_requests_are_answered_in_their_order(door: Door) -> None:
    client = await door.connect()
    client.say(
        post(b"1", source="slow"),
        b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
        post(b"2", source="forged"),
        b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
        post(b"3", source="slow"),
        b"GET /webhooks/shop HTTP/1.1\r\nHost: h\r\n\r\n",
    )
    await door.receiver.has(1)
    door.receiver.waiting.pop()(STORED)
    assert [await client.status() for _ in range(4)] == [200, 404, 401, 200]
    await door.receiver.has(3)
    door.receiver.waiting.pop()(UNAVAILABLE)
    assert [await client.status(), await client.status()] == [503, 405]
    assert [body for _, body in door.receiver.taken] == [b"1", b"2", b"3"]


@against_both
async def test_expect_continue_is_answered_before_the_body_is_sent(door: Door) -> None:
    client = await door.connect()
    request = post(b"body", extra=b"Expect: 100-Continue\r\n")
    client.say(request[:-4])
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.say(request[-4:])
    assert await client.status() == 200


@against_both
async def test_expect_continue_with_too_large_a_body_gets_the_final_answer(door: Door) -> None:
    client = await door.connect()
    client.say(post(b"x" * (CAP + 1), extra=b"Expect: 100-continue\r\n")[: -CAP - 1])
    assert await client.status() == 413


@against_both
async def test_http_1_0_is_answered_and_hung_up_on(door: Door) -> None:
    client = await door.connect()
    client.say(post(b"old", extra=b"Connection: keep-alive\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"))
    heard = await client.answer()
    assert (heard.status, heard.headers[b"connection"]) == (200, b"close")
    assert await client.closed() == b""


@against_both
async def test_connection_close_is_heeded(door: Door) -> None:
    client = await door.connect()
    client.say(post(b"last", extra=b"Connection: close\r\n"))
    heard = await client.answer()
    assert (heard.status, heard.headers[b"connection"]) == (200, b"close")
    assert await client.closed() == b""


@against_both
async def test_head_is_answered_without_a_body(door: Door) -> None:
    client = await door.connect()
    client.say(b"HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await client.answer(head=True)).status == 200
    client.say(b"HEAD /webhooks/shop HTTP/1.1\r\nHost: h\r\n\r\n")
    heard = await client.answer(head=True)
    assert (heard.status, heard.headers[b"allow"]) == (405, b"post")
    client.say(post())
    assert await client.status() == 200


@against_both
async def test_targets_may_be_absolute_encoded_or_carry_a_query(door: Door) -> None:
    client = await door.connect()
    targets = [
        b"http://h.example/webhooks/a",
        b"/webhooks/%62",
        b"/webhooks/c?token=1",
        b"/webhooks/d#x",
        b"/webhooks%2Fe",
    ]
    for target in targets:
        client.say(post().replace(b"/webhooks/shop", target))
        assert await client.status() == 200
    for target in [b"/webhooks/a%2Fb", b"http://h.example/", b"//webhooks/a"]:
        client.say(post().replace(b"/webhooks/shop", target))
        assert await client.status() == 404
    assert [source for source, _ in door.receiver.taken] == ["a", "b", "c", "d", "e"]


@against_both
async def test_a_connection_is_good_for_more_after_any_ordinary_refusal(door: Door) -> None:
    client = await door.connect()
    for source, expected in [("forged", 401), ("full", 503), ("a/b", 404), ("shop", 200)]:
        client.say(post(source=source))
        assert await client.status() == expected
    client.say(post().replace(b"POST", b"PUT"))
    assert await client.status() == 405
    client.say(post())
    assert await client.status() == 200


# Bodies that are too large


@against_both
async def test_a_declared_body_over_the_cap_is_refused_unread(door: Door) -> None:
    client = await door.connect()
    client.say(post(b"x" * (CAP + 1))[: -CAP - 1])
    assert await client.status() == 413
    assert door.receiver.refusals == [("shop", "too_large")]
    assert door.receiver.taken == []


@against_both
async def test_a_client_that_sends_all_of_its_large_body_still_hears_413(door: Door) -> None:
    client = await door.connect()
    client.say(post(b"x" * CAP * 20))
    assert await client.status() == 413
    assert door.receiver.taken == []


@against_both
async def test_a_chunked_body_over_the_cap_is_refused_on_the_way(door: Door) -> None:
    client = await door.connect()
    client.say(chunked(*[b"x" * 10_000] * 100))
    assert await client.status() == 413
    assert door.receiver.refusals == [("shop", "too_large")]
    assert door.receiver.taken == []


@against_both
async def test_a_body_of_exactly_the_cap_is_taken(door: Door) -> None:
    client = await door.connect()
    client.say(post(b"x" * CAP), chunked(b"y" * (CAP - 1), b"y"))
    assert [await client.status(), await client.status()] == [200, 200]
    assert [len(body) for _, body in door.receiver.taken] == [CAP, CAP]


# Smuggling and nonsense

MALFORMED = {
    "length and chunked": post(extra=b"Transfer-Encoding: chunked\r\n"),
    "chunked and length": chunked(b"x").replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n", 1),
    "two lengths": post(extra=b"Content-Length: 5\r\n"),
    "two equal lengths": post(extra=b"Content-Length: 2\r\n"),
    "a list of lengths": post().replace(b"Length: 2", b"Length: 2, 2"),
    "a signed length": post().replace(b"Length: 2", b"Length: +2"),
    "a negative length": post().replace(b"Length: 2", b"Length: -2"),
    "a hexadecimal length": post().replace(b"Length: 2", b"Length: 0x2"),
    "an empty length": post().replace(b"Length: 2", b"Length: "),
    "an endless length": post().replace(b"Length: 2", b"Length: " + b"9" * 50),
    "space before the colon": post().replace(b"Length: 2", b"Length : 2"),
    "chunked twice": chunked(b"x").replace(b": chunked", b": chunked, chunked"),
    "another coding": chunked(b"x").replace(b": chunked", b": xchunked"),
    "chunked, then another": chunked(b"x").replace(b": chunked", b": chunked, identity"),
    "a chunk size that is none": chunked(b"x").replace(b"\r\n1\r\n", b"\r\nzz\r\n"),
    "a chunk size without end": chunked(b"x").replace(b"\r\n1\r\n", b"\r\n" + b"f" * 40 + b"\r\n"),
    "a chunk longer than it says": chunked(b"x").replace(b"\r\nx\r\n", b"\r\nxyz\r\n"),
    "NUL in a header": post(extra=b"X-A: a\x00b\r\n"),
    "NUL in a name": post(extra=b"X-\x00A: b\r\n"),
    "a bare CR in a header": post(extra=b"X-A: a\rb\r\n"),
    "a line with no colon": post(extra=b"nonsense\r\n"),
    "a small-letter method": post().replace(b"POST", b"post"),
    "no method we know": post().replace(b"POST", b"BREW"),
    "a version that never was": post().replace(b"HTTP/1.1", b"HTTP/9.9"),
    "a raw byte in the target": post().replace(b"shop", b"sh\xffop"),
    "a space in the target": post().replace(b"shop", b"sh op"),
    "an authority for a target": b"CONNECT h.example:443 HTTP/1.1\r\nHost: h\r\n\r\n",
    "an absolute target with no path": post().replace(b"/webhooks/shop", b"http://h.example"),
    "garbage": bytes(range(128, 256)) * 20,
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + b"\x5a" * 189,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.6\r\n",
}


@pytest.mark.parametrize("said", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_not_http_is_refused_and_hung_up_on(said: bytes) -> None:
    @against_both
    async def scenario(door: Door) -> None:
        client = await door.connect()
        client.say(said)
        assert await client.status() == 400
        assert await client.closed() == b""
        assert door.receiver.taken == []

    for front in FRONTS:
        scenario(front)


# Headers that are too many or too large


@against_both
async def test_fifty_thousand_headers_are_refused(door: Door) -> None:
    client = await door.connect()
    client.say(post(extra=b"a: b\r\n" * 50_000))
    assert await client.status() == 431
    assert door.receiver.taken == []


@against_both
async def test_a_header_of_64_kib_is_refused(door: Door) -> None:
    client = await door.connect()
    client.say(post(extra=b"X-Signature: " + b"a" * 65_536 + b"\r\n"))
    assert await client.status() == 431
    assert door.receiver.taken == []


@against_both
async def test_a_hundred_headers_are_not_too_many_but_one_more_is(door: Door) -> None:
    client = await door.connect()
    client.say(post(extra=b"a: b\r\n" * 98))
    assert await client.status() == 200
    client.say(post(extra=b"a: b\r\n" * 99))
    assert await client.status() == 431


@against_both
async def test_a_huge_request_line_is_refused(door: Door) -> None:
    client = await door.connect()
    client.say(post(source="a" * 60_000))
    assert await client.status() == 431
    assert door.receiver.taken == []


# Clients that are slow, silent, or gone


@against_both
async def test_others_are_served_while_half_requests_are_left_open(door: Door) -> None:
    for part in (30, 60, 100, 5000):
        for _ in range(25):
            (await door.connect()).say(post(b"x" * 10_000)[:part])
    client = await door.connect()
    for _ in range(20):
        client.say(post())
        assert await client.status() == 200
    assert door.receiver.taken == [("shop", b"{}")] * 20


@against_both
async def test_a_client_that_goes_in_the_middle_of_a_body_leaves_nothing(door: Door) -> None:
    client = await door.connect()
    client.say(post(b"x" * 1000)[:-1])
    await client.writer.drain()
    client.writer.close()
    while door.listener.guard.connections:
        await asyncio.sleep(0.001)
    assert (door.receiver.taken, door.receiver.refusals) == ([], [])


@against_both
async def test_a_client_that_goes_before_the_answer_takes_nothing_with_it(door: Door) -> None:
    client = await door.connect()
    client.say(post(source="slow"))
    await door.receiver.has(1)
    client.writer.transport.abort()
    await asyncio.sleep(0.01)
    door.receiver.waiting.pop()(STORED)
    other = await door.connect()
    other.say(post())
    assert await other.status() == 200
