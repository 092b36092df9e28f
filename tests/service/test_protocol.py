"""The protocol without sockets: any bytes, cut in any way, under a clock that moves when told."""

import asyncio
import itertools
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardpoint.hub.asgi import InboxApp
from hardpoint.service.guard import IngressGuard, IngressLimits
from hardpoint.service.listener import application
from hardpoint.service.protocol import InboxProtocol
from hardpoint.testing import ManualClock
from hardpoint.webhooks.answers import METHOD_NOT_ALLOWED, STORED, UNAUTHORIZED

CAP = 1000


@dataclass
class Receiver:
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[Any] = field(default_factory=list)
    broken: bool = False

    @property
    def body_bytes_max(self) -> int:
        return CAP

    def greeting(self, source, headers, arrival):
        return METHOD_NOT_ALLOWED

    def submit(self, source, headers, body, done, arrival=None) -> None:
        if self.broken:
            raise RuntimeError("a defect")
        self.taken.append((source, body))
        if source == "slow":
            self.waiting.append(done)
        else:
            done(UNAUTHORIZED if source == "forged" else STORED)

    def refused(self, source: str, reason: str) -> None:
        self.refusals.append((source, reason))


class Transport(asyncio.Transport):
    """Keeps what is written; knows a half-close where the far end would be told of one."""

    def __init__(self, *, half_close: bool = True) -> None:
        super().__init__()
        self.said = b""
        self.half_close = half_close
        self.ended = self.closed = self.aborted = False
        self.reading = True

    def write(self, data) -> None:
        assert not self.closed
        self.said += data

    def can_write_eof(self) -> bool:
        return self.half_close

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def statuses(self) -> list[int]:
        """Of the answers, which must be complete and nothing else."""
        statuses: list[int] = []
        left = self.said
        while left:
            head, _, left = left.partition(b"\r\n\r\n")
            matched = re.match(rb"HTTP/1\.1 (\d{3}) [A-Za-z ]+(\r\n[a-z-]+: [^\r\n]+)*\Z", head)
            assert matched, head
            if matched[1] == b"100":
                continue
            statuses.append(int(matched[1]))
            length = re.search(rb"content-length: (\d+)", head)
            assert length, head
            assert len(left) >= int(length[1])
            left = left[int(length[1]) :]
        return statuses


class Connection:
    """A protocol on a transport of ours; use it inside a running loop."""

    def __init__(self, limits: IngressLimits | None = None, *, half_close: bool = True) -> None:
        self.receiver = Receiver()
        self.clock = ManualClock()
        self.guard = IngressGuard(
            limits or IngressLimits(), self.clock, refused=self.receiver.refused
        )
        self.app = application(InboxApp(self.receiver))
        self.transport = Transport(half_close=half_close)
        self.protocol = self.connect(self.transport)

    def connect(self, transport: Transport) -> InboxProtocol:
        protocol = InboxProtocol(self.receiver, self.guard, self.app)
        protocol.connection_made(transport)
        return protocol

    async def hear(self, *pieces: bytes) -> None:
        for piece in pieces:
            if not self.transport.closed:
                self.protocol.data_received(piece)
            await self.settle()

    async def settle(self) -> None:
        for _ in range(50):
            if not self.guard.state.tasks:
                break
            await asyncio.sleep(0)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.guard.sweep()


def post(body: bytes = b"{}", *, source: bytes = b"shop", extra: bytes = b"") -> bytes:
    lines = b"POST /webhooks/%b HTTP/1.1\r\nHost: h\r\n%bContent-Length: %d\r\n\r\n"
    return lines % (source, extra, len(body)) + body


CHUNKED = b"POST /webhooks/shop HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"

PHRASES = [
    post(),
    post(b"x" * CAP),
    post(b"x" * (CAP + 1)),
    post(source=b"forged"),
    post(extra=b"Connection: close\r\n"),
    post(extra=b"Expect: 100-continue\r\n"),
    post(extra=b"Transfer-Encoding: chunked\r\n"),
    post(extra=b"Content-Length: 2\r\n"),
    post(extra=b"a: b\r\n" * 120),
    post(extra=b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
    post().replace(b"1.1", b"1.0"),
    post().replace(b"POST", b"PUT"),
    post(source=b"a/b"),
    post(source=b"%62"),
    CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"1;ext=1\r\na\r\n0\r\nTrailer: x\r\n\r\n",
    CHUNKED + b"ffff\r\n",
    CHUNKED.replace(b": chunked", b": gzip, chunked"),
    HEALTH.replace(b"Host: h\r\n", b""),
    post(extra=b"Host: h\r\n"),
    post(extra=b"Expect: a-miracle\r\n"),
    CHUNKED,
    HEALTH,
    HEALTH.replace(b"\r\n", b"\r\nConnection: close\r\n", 1),
    b"CONNECT h:1 HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n",
    b"\x16\x03\x01\x00\xc8\x01",
    b"0\r\n\r\n",
    b"\x00",
]
speech = st.lists(st.sampled_from(PHRASES) | st.binary(max_size=20), max_size=6).map(b"".join)


def cut(said: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted({place % (len(said) + 1) for place in places}), len(said)]
    return [said[a:b] for a, b in itertools.pairwise(marks) if a < b]


async def converse(pieces: list[bytes]) -> tuple[list[tuple[str, bytes]], list[int], bool]:
    connection = Connection()
    await connection.hear(*pieces)
    ended = connection.transport.ended or connection.transport.closed
    connection.protocol.connection_lost(None)
    await connection.settle()
    return connection.receiver.taken, connection.transport.statuses(), ended


@given(speech, st.lists(st.integers(0, 10_000), max_size=12))
@settings(max_examples=150)
def test_whatever_is_said_the_answers_are_whole_and_do_not_depend_on_how_it_was_cut(said, places):
    taken, statuses, ended = asyncio.run(converse([said]))
    again, statuses_again, _ = asyncio.run(converse(cut(said, places)))
    if 413 in statuses:
        # What comes after is heard where the body had been read already, and discarded otherwise.
        refused = statuses.index(413) + 1
        assert statuses_again[:refused] == statuses[:refused]
    else:
        assert (again, statuses_again) == (taken, statuses)
    assert set(statuses) <= {200, 400, 401, 404, 405, 413, 417, 431}
    assert all(len(body) <= CAP for _, body in taken)
    assert ended or not {400, 417, 431} & set(statuses)


@given(
    st.lists(
        st.tuples(st.sampled_from(["shop", "forged", "health"]), st.binary(max_size=40)),
        min_size=1,
        max_size=10,
    ),
    st.lists(st.integers(0, 10_000), max_size=12),
)
@settings(max_examples=60)
def test_every_good_request_is_taken_once_and_answered_in_its_turn(requests, places):
    said = b"".join(
        HEALTH if source == "health" else post(body, source=source.encode())
        for source, body in requests
    )
    taken, statuses, ended = asyncio.run(converse(cut(said, places)))
    assert taken == [one for one in requests if one[0] != "health"]
    assert statuses == [401 if source == "forged" else 200 for source, _ in requests]
    assert not ended


@pytest.mark.parametrize("pieces", [[b"x"] * 1100, [b"x" * 300] * 20, [b"x" * 50_000]])
def test_what_is_kept_of_a_body_is_bounded_by_its_cap(pieces):
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(CHUNKED)
        for piece in pieces:
            await connection.hear(b"%x\r\n%b\r\n" % (len(piece), piece))
            kept = connection.protocol.cycle
            assert len(kept.first) + len(kept.rest or b"") <= CAP
        assert connection.transport.statuses() == [413]
        assert connection.receiver.refusals == [("shop", "too_large")]

    asyncio.run(scenario())


def test_many_bodies_under_way_share_one_budget_and_the_oldest_gives_way():
    """However many clients send large bodies at a time, they take no more than the budget."""

    async def scenario() -> None:
        connection = Connection(IngressLimits(bodies_bytes=2500))
        bodies = connection.guard.bodies
        half = post(b"x" * CAP)[:-100]
        transports = [Transport() for _ in range(20)]
        clients = [connection.connect(transport) for transport in transports]
        for client in clients:
            client.data_received(half)
            assert bodies.used <= 2500
        assert [transport.statuses() for transport in transports] == [[503]] * 18 + [[]] * 2
        assert all(transport.ended for transport in transports[:18])
        for client in clients:
            client.data_received(b"x" * 100)  # what was refused goes on talking, unheard
        assert [transport.statuses() for transport in transports[18:]] == [[200]] * 2
        assert bodies.used == 0
        assert connection.receiver.refusals == [("shop", "bodies")] * 18
        assert [len(body) for _, body in connection.receiver.taken] == [CAP] * 2

    asyncio.run(scenario())


def test_a_body_that_was_taken_counts_until_its_answer_and_gives_way_no_more():
    async def scenario() -> None:
        connection = Connection(IngressLimits(bodies_bytes=1500))
        bodies = connection.guard.bodies
        await connection.hear(post(b"x" * CAP, source=b"slow"))
        late = Transport()
        connection.connect(late).data_received(post(b"x" * CAP))
        assert late.statuses() == [503]
        connection.receiver.waiting[0](STORED)
        assert connection.transport.statuses() == [200]
        assert bodies.used == 0
        assert not connection.protocol.cycle.first

    asyncio.run(scenario())


def test_one_body_alone_may_be_larger_than_the_budget():
    async def scenario() -> None:
        connection = Connection(IngressLimits(bodies_bytes=10))
        await connection.hear(post(b"x" * CAP))
        assert connection.transport.statuses() == [200]

    asyncio.run(scenario())


@pytest.mark.parametrize("source", [b"shop", b"slow"])
def test_a_client_that_goes_leaves_nothing_in_the_budget(source):
    async def scenario() -> None:
        connection = Connection()
        said = post(b"x" * CAP, source=source)
        await connection.hear(said if source == b"slow" else said[:-1])
        assert connection.guard.bodies.used
        connection.protocol.connection_lost(None)
        for done in connection.receiver.waiting:
            done(STORED)
        assert connection.guard.bodies.used == 0

    asyncio.run(scenario())


def test_a_defect_behind_the_parser_hangs_up_rather_than_answers():
    async def scenario() -> None:
        connection = Connection()
        connection.receiver.broken = True
        await connection.hear(post())
        assert connection.transport.aborted
        assert connection.transport.said == b""

    asyncio.run(scenario())


def test_an_answer_after_the_connection_is_gone_is_not_written():
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(post(source=b"slow"))
        connection.transport.close()
        connection.protocol.connection_lost(None)
        connection.receiver.waiting[0](STORED)
        assert connection.transport.said == b""

    asyncio.run(scenario())


def test_a_second_answer_to_one_request_is_not_written():
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(post(source=b"slow"))
        connection.receiver.waiting[0](STORED)
        connection.receiver.waiting[0](UNAUTHORIZED)
        assert connection.transport.statuses() == [200]

    asyncio.run(scenario())


def test_the_times_are_kept_by_the_sweep():
    async def scenario() -> None:
        silent, head, body, idle = [Connection() for _ in range(4)]
        await head.hear(post()[:20])
        await body.hear(post()[:-1])
        await idle.hear(post())
        for connection in (silent, head, body, idle):
            connection.wait(9)
            assert not connection.transport.ended
            assert not connection.transport.closed
            connection.wait(2)
        assert silent.transport.closed
        assert silent.transport.said == b""
        assert head.transport.statuses() == [408]
        assert body.transport.statuses() == []
        body.wait(20)
        assert body.transport.statuses() == [408]
        assert body.receiver.taken == []
        idle.wait(70)
        assert idle.transport.closed
        assert idle.transport.statuses() == [200]

    asyncio.run(scenario())


def test_a_head_that_is_late_behind_a_slow_request_is_refused_in_its_turn():
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(post(source=b"slow") + post()[:20])
        connection.wait(11)
        connection.wait(100)
        assert connection.transport.said == b""
        connection.receiver.waiting[0](STORED)
        assert connection.transport.statuses() == [200, 408]
        assert connection.transport.ended

    asyncio.run(scenario())


def test_a_queued_request_whose_body_goes_wrong_is_refused_in_its_turn():
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(post(source=b"slow") + CHUNKED + b"zz\r\n")
        assert connection.transport.said == b""
        connection.receiver.waiting[0](STORED)
        await connection.settle()
        assert connection.transport.statuses() == [200, 400]
        assert [source for source, _ in connection.receiver.taken] == ["slow"]

    asyncio.run(scenario())


def test_a_client_kept_waiting_by_us_is_not_late():
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(post(source=b"slow") + post(b"next")[:-2])
        assert not connection.transport.reading
        connection.wait(100)
        connection.receiver.waiting[0](STORED)
        await asyncio.sleep(0)
        assert connection.transport.reading
        await connection.hear(b"xt")
        assert connection.transport.statuses() == [200, 200]
        assert connection.receiver.taken == [("slow", b"{}"), ("shop", b"next")]

    asyncio.run(scenario())


def test_a_body_that_goes_wrong_after_its_answer_ends_the_connection_without_another():
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(CHUNKED.replace(b"/webhooks", b"/nowhere"))
        assert connection.transport.statuses() == [404]
        await connection.hear(b"zz\r\n")
        assert connection.transport.statuses() == [404]
        assert connection.transport.closed

    asyncio.run(scenario())


def test_after_the_last_word_all_is_discarded_until_the_linger_ends():
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(b"nonsense\r\n\r\n", post())
        assert connection.transport.statuses() == [400]
        assert connection.transport.ended
        connection.wait(1)
        assert not connection.transport.aborted
        connection.wait(2)
        assert connection.transport.aborted
        assert connection.receiver.taken == []

    asyncio.run(scenario())


def test_a_transport_that_cannot_be_half_closed_is_closed():
    async def scenario() -> None:
        connection = Connection(half_close=False)
        await connection.hear(b"nonsense\r\n\r\n")
        assert connection.transport.statuses() == [400]
        assert connection.transport.closed

    asyncio.run(scenario())


def test_a_connection_that_was_told_to_close_but_does_not_is_aborted():
    async def scenario() -> None:
        connection = Connection()
        await connection.hear(HEALTH.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        assert connection.transport.closed
        assert not connection.transport.aborted
        connection.wait(3)
        assert connection.transport.aborted

    asyncio.run(scenario())


def test_an_end_of_input_is_heeded_when_nothing_is_owed():
    async def scenario() -> None:
        for said in (b"", post()[:20], post()[:-1], post()):
            connection = Connection()
            await connection.hear(said)
            assert connection.protocol.eof_received() is False

    asyncio.run(scenario())


def test_an_end_of_input_waits_for_the_answers_owed_and_keeps_a_refusal():
    async def scenario() -> None:
        for more, statuses in ((b"", [200]), (b"zz\r\n\r\n", [200, 400])):
            connection = Connection()
            await connection.hear(post(source=b"slow") + more)
            assert connection.protocol.eof_received() is True
            connection.receiver.waiting[0](STORED)
            assert connection.transport.statuses() == statuses
            assert connection.transport.closed

    asyncio.run(scenario())
