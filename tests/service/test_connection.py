import asyncio

import pytest

from hardpoint.service.guard import IngressLimits
from hardpoint.webhooks.answers import STORED

SWIFT = IngressLimits(
    header_seconds=0.15,
    body_seconds=0.15,
    idle_seconds=0.15,
    linger_seconds=0.1,
    sweep_seconds=0.02,
)


def test_a_trailer_never_passes_for_a_header(served, post, chunked):
    async def scenario(door):
        client = await door.connect()
        client.say(chunked(b"x", trailer=b"X-Signature: forged\r\n"), post())
        assert [await client.status(), await client.status()] == [200, 200]
        assert b"x-signature" not in [name for name, _ in door.receiver.headers[0]]

    served(scenario)


def test_a_good_request_before_a_bad_one_is_answered_first(served, post):
    async def scenario(door):
        client = await door.connect()
        client.say(post(b"good", source="slow"), post(extra=b"Content-Length: 9\r\n"))
        await door.receiver.has(1)
        door.receiver.waiting.pop()(STORED)
        assert [await client.status(), await client.status()] == [200, 400]
        assert await client.closed() == b""
        assert door.receiver.taken == [("slow", b"good")]

    served(scenario)


def test_endless_headers_are_refused_while_they_come(served):
    async def scenario(door):
        for endless in (b"a: b\r\n", b"a" * 1000):
            client = await door.connect()
            client.say(b"POST /webhooks/shop HTTP/1.1\r\nX: y\r\n")
            for _ in range(40_000 // len(endless)):
                client.say(endless)
                await asyncio.sleep(0)
            assert await client.status() == 431
        assert door.receiver.refusals == [("shop", "headers_too_large")] * 2

    served(scenario)


def test_endless_trailers_are_refused_while_they_come(served, chunked):
    async def scenario(door):
        client = await door.connect()
        client.say(chunked(b"x")[:-2])
        await asyncio.sleep(0.01)
        for _ in range(40):
            client.say(b"a" * 1000)
            await asyncio.sleep(0)
        assert await client.status() == 431
        assert door.receiver.taken == []

    served(scenario)


def test_half_a_head_is_told_that_its_time_is_up(served, post):
    async def scenario(door):
        client = await door.connect()
        client.say(post()[:30])
        heard = await client.answer()
        assert (heard.status, heard.headers[b"connection"]) == (408, b"close")
        assert await client.closed() == b""
        assert door.receiver.refusals == [("shop", "timeout")]

    served(scenario, limits=SWIFT)


def test_half_a_body_is_told_that_its_time_is_up_however_it_dribbles(served, post):
    async def scenario(door):
        client = await door.connect()
        client.say(post(b"x" * 100_000)[:200])

        async def dribble() -> None:
            while True:
                client.say(b"x")
                await asyncio.sleep(0.01)

        dribbling = asyncio.create_task(dribble())
        assert await client.status() == 408
        dribbling.cancel()
        assert await client.closed() == b""
        assert door.receiver.taken == []

    served(scenario, limits=SWIFT)


def test_silence_is_hung_up_on_before_and_after_a_request(served, post):
    async def scenario(door):
        silent, blank, used = [await door.connect() for _ in range(3)]
        blank.say(b"\r\n\r\n")
        used.say(post())
        assert await used.status() == 200
        assert [await one.closed() for one in (silent, blank, used)] == [b""] * 3
        assert door.receiver.refusals == []

    served(scenario, limits=SWIFT)


def test_a_slow_commit_is_not_held_against_the_client(served, post):
    async def scenario(door):
        client = await door.connect()
        client.say(post(source="slow"))
        await asyncio.sleep(0.3)
        door.receiver.waiting.pop()(STORED)
        assert await client.status() == 200

    served(scenario, limits=SWIFT)


def test_who_never_hangs_up_after_a_refusal_is_hung_up_on(served):
    async def scenario(door):
        client = await door.connect()
        client.say(b"garbage\r\n\r\n")
        assert await client.status() == 400
        with pytest.raises(ConnectionError):
            await client.repeat(b"more garbage")

    served(scenario, limits=SWIFT)


def test_a_client_that_has_said_all_it_wants_still_gets_its_answer(served, post):
    async def scenario(door):
        client = await door.connect()
        client.say(post(source="slow"), post(b"2"))
        client.writer.write_eof()
        await door.receiver.has(1)
        await asyncio.sleep(0.01)
        door.receiver.waiting.pop()(STORED)
        assert [await client.status(), await client.status()] == [200, 200]
        assert await client.closed() == b""

    served(scenario)


def test_a_client_that_never_reads_its_answers_is_hung_up_on(served, post):
    async def scenario(door):
        client = await door.connect()
        client.writer.transport.pause_reading()
        with pytest.raises(ConnectionError):
            await client.repeat(post() * 100)

    served(scenario)


def test_too_many_requests_in_one_pipeline_are_cut_short(served, post):
    async def scenario(door):
        client = await door.connect()
        client.say(post(source="slow"), post() * 10)
        await door.receiver.has(1)
        door.receiver.waiting.pop()(STORED)
        assert [await client.status() for _ in range(5)] == [200, 200, 200, 200, 503]
        assert await client.closed() == b""
        assert len(door.receiver.taken) == 4

    served(scenario, limits=IngressLimits(pipelined=3))


def test_too_many_connections_are_told_to_come_again(served, post):
    async def scenario(door):
        clients = [await door.connect() for _ in range(5)]
        for client in clients:
            client.say(post())
            assert await client.status() == 200
        sixth = await door.connect()
        heard = await sixth.answer()
        assert (heard.status, heard.headers[b"retry-after"]) == (503, b"5")
        assert await sixth.closed() == b""

    served(scenario, limits=IngressLimits(connections=5))


HTTP = b"POST /webhooks/shop HTTP/1.%d\r\n%bContent-Length: 2\r\n\r\n{}"
CHUNKS = b"POST /webhooks/shop HTTP/1.%d\r\nHost: h\r\n%b\r\n2\r\n{}\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (HTTP % (1, b""), 400),
        (HTTP % (1, b"Host: h\r\nHost: h\r\n"), 400),
        (HTTP % (1, b"Host: h\r\nhost: other\r\n"), 400),
        (HTTP % (0, b"Host: h\r\nHost: h\r\n"), 400),
        (HTTP % (0, b""), 200),
        (HTTP % (0, b"Host: h\r\n"), 200),
        (CHUNKS % (1, b"Transfer-Encoding: chunked\r\n"), 200),
        (CHUNKS % (1, b"Transfer-Encoding: Chunked\r\n"), 200),
        (CHUNKS % (1, b"Transfer-Encoding: gzip, chunked\r\n"), 400),
        (CHUNKS % (1, b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 400),
        (CHUNKS % (1, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400),
        (CHUNKS % (0, b"Transfer-Encoding: chunked\r\n"), 400),
        (HTTP % (1, b"Host: h\r\nExpect: 100-Continue\r\n"), 100),
        (HTTP % (1, b"Host: h\r\nExpect: a-miracle\r\n"), 417),
        (HTTP % (1, b"Host: h\r\nExpect: 100-continue, a-miracle\r\n"), 417),
        (HTTP % (0, b"Expect: a-miracle\r\n"), 417),
    ],
)
@pytest.mark.parametrize("path", [b"/webhooks/shop", b"/elsewhere"])
def test_a_head_that_two_servers_may_read_in_two_ways_is_refused(served, said, status, path):
    """Smuggling begins where a proxy and we disagree on where a request ends, or whose it is."""

    async def scenario(door):
        client = await door.connect()
        client.say(said.replace(b"/webhooks/shop", path))
        known = path == b"/webhooks/shop"
        assert await client.status() == (404 if status in {100, 200} and not known else status)
        if status >= 400:
            assert await client.closed() == b""
            assert door.receiver.taken == []

    served(scenario)


def test_an_upgrade_is_refused_since_its_body_would_be_lost(served, post):
    async def scenario(door):
        client = await door.connect()
        upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        client.say(post(b"plain", extra=upgrade))
        heard = await client.answer()
        assert (heard.status, heard.body) == (400, b'{"error":"upgrade_not_supported"}')
        assert await client.closed() == b""
        assert door.receiver.taken == []
        assert door.receiver.refusals == [("shop", "upgrade")]

    served(scenario)


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/2.0", b""])
def test_another_version_of_http_is_refused(served, post, version):
    async def scenario(door):
        client = await door.connect()
        client.say(post().replace(b" HTTP/1.1", b" " + version if version else b""))
        assert await client.status() == 400
        assert await client.closed() == b""
        assert door.receiver.taken == []

    served(scenario)
