"""What is the transport's own: what it reads, what it leaves unread, what it closes."""

import asyncio

import httpx
import httpx2
import pytest

from hardpoint import Policy, Retry
from hardpoint.integrations.httpx import guarded

from .conftest import ENDS, OK, answer

EVENTS = b"data: one\n\ndata: two\n\n"
BOTH = pytest.mark.parametrize("library", [httpx, httpx2])


def fetched(library, transport, url, *, asynchronous, **request):
    """(status, the whole body), taken piece by piece."""
    if not asynchronous:
        with (
            library.Client(transport=transport) as client,
            client.stream("GET", url, **request) as one,
        ):
            return one.status_code, b"".join(one.iter_bytes(1000))

    async def scenario():
        async with (
            library.AsyncClient(transport=transport) as client,
            client.stream("GET", url, **request) as one,
        ):
            return one.status_code, b"".join([piece async for piece in one.aiter_bytes(1000)])

    return asyncio.run(scenario())


@BOTH
def test_a_forked_child_leaves_the_connections_of_its_parent_alone(peer, policy, library, forked):
    with library.Client(transport=guarded(policy)) as client:
        assert client.get(peer.url).status_code == 200
        assert forked(lambda: client.get(peer.url).status_code) == 200
        assert client.get(peer.url).status_code == 200
    assert (peer.sent, peer.connections) == (3, 2)


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_longer_body_is_handed_on_unread(peer, policy, library, asynchronous):
    body = bytes(range(256)) * 1000
    transport = guarded(policy, buffer_bytes=70_000)
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    chunked += b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for told in (answer(200, body), chunked):
        peer.tells(told)
        assert fetched(library, transport, peer.url, asynchronous=asynchronous) == (200, body)
        transport = guarded(policy, buffer_bytes=70_000)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_long_body_may_be_left_half_read(peer, policy, asynchronous):
    body = b"x" * 200_000
    told = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body
    peer.tells(told)
    transport = guarded(policy, buffer_bytes=10)
    if not asynchronous:
        with (
            httpx2.Client(transport=transport) as client,
            client.stream("GET", peer.url) as one,
        ):
            assert next(one.iter_raw())
        return

    async def scenario():
        async with (
            httpx2.AsyncClient(transport=transport) as client,
            client.stream("GET", peer.url) as one,
        ):
            assert await anext(one.aiter_raw())

    asyncio.run(scenario())


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("told", "request_"),
    [
        (answer(200, EVENTS, content_type="text/event-stream; charset=utf-8"), {}),
        (answer(200, EVENTS), {"headers": {"accept": "text/event-stream"}}),
        (answer(200, EVENTS), {"extensions": {"hardpoint": {"stream": True}}}),
    ],
)
def test_a_stream_is_not_read_within_the_attempt(peer, policy, told, request_, asynchronous):
    cut = told.replace(b"content-length: 22\r\n", b"content-length: 99\r\n" + ENDS)
    peer.tells(cut)
    with pytest.raises(httpx2.RemoteProtocolError):
        fetched(httpx2, guarded(policy), peer.url, asynchronous=asynchronous, **request_)
    assert peer.sent == 1
    peer.tells(503, told)
    found = fetched(httpx2, guarded(policy), peer.url, asynchronous=asynchronous, **request_)
    assert found == (200, EVENTS)
    assert peer.sent == 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_answer_that_is_asked_for_again_is_let_go_of(peer, asynchronous):
    again = lambda one: one.status_code == 202  # noqa: E731
    policy = Policy("vendor", retry=Retry(3, on_result=again, backoff=0), deadline=60)
    peer.tells(202, 202, answer(200, EVENTS))
    streamed = {"extensions": {"hardpoint": {"stream": True}}}
    found = fetched(httpx2, guarded(policy), peer.url, asynchronous=asynchronous, **streamed)
    assert found == (200, EVENTS)


def test_a_slow_drip_ends_with_the_attempt(peer):
    class Drip(httpx2.SyncByteStream):
        def __iter__(self):
            while True:
                yield b"x"

    sent = []

    def answers(request):
        sent.append(request)
        return httpx2.Response(200, stream=Drip())

    policy = Policy("vendor", timeout=0.05, retry=Retry(2, backoff=0), deadline=60)
    with (
        httpx2.Client(transport=guarded(policy, httpx2.MockTransport(answers))) as client,
        pytest.raises(httpx2.ReadTimeout),
    ):
        client.get("http://vendor.example/")
    assert len(sent) == 2


def test_what_sends_is_closed_with_the_client(policy):
    closed = []

    class Given(httpx2.BaseTransport):
        def close(self):
            closed.append("close")

    with guarded(policy, Given()):
        pass
    assert closed == ["close"]

    async def scenario():
        async with guarded(policy, Given()):
            pass

    asyncio.run(scenario())
    assert closed == ["close"]  # it has no asynchronous way


def test_one_transport_serves_both_libraries_and_both_ways(peer, policy):
    transport = guarded(policy)
    for library in (httpx, httpx2):
        client = library.Client(transport=transport)
        assert client.get(peer.url).status_code == 200
    transport.close()

    async def scenario():
        for library in (httpx, httpx2):
            client = library.AsyncClient(transport=transport)
            assert (await client.get(peer.url)).status_code == 200
        await transport.aclose()

    asyncio.run(scenario())
    assert peer.tells(OK).sent == 0


def test_a_request_without_time_limits_gets_those_of_the_attempt(peer):
    limits = []

    def answers(request):
        limits.append(request.extensions["timeout"])
        return httpx2.Response(200)

    policy = Policy("vendor", timeout=5, deadline=60)
    with httpx2.Client(
        transport=guarded(policy, httpx2.MockTransport(answers)), timeout=None
    ) as client:
        client.get("http://vendor.example/")
        client.send(httpx2.Request("GET", "http://vendor.example/", extensions={"timeout": {}}))
    assert all(0 < one <= 5 for one in limits[0].values())


def test_a_request_of_no_client_has_no_limits_to_cut(peer, policy):
    with guarded(policy) as transport:
        answer_ = transport.handle_request(httpx2.Request("GET", peer.url))
        assert answer_.status_code == 200
