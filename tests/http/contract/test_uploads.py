"""Bodies that go up in pieces."""

import asyncio
import itertools
import time

import pytest
from tests.http.contract.test_streams import BLOCK, MEGABYTE, OK, get, idle, take

from hardpoint.core.errors import (
    HardpointError,
    InvalidRequestError,
    OutcomeUnknownError,
)
from hardpoint.http.messages import BodyStream, Request


async def pieces_of(count, block=BLOCK):
    for _ in range(count):
        yield block


def put(url, body, **fields):
    return Request(method="PUT", url=f"{url}/up", body=body, **fields)


def test_a_body_goes_up_as_it_is_taken(shell, serve):
    peer = serve()
    transport = shell.open()
    for count in (1, 64):
        body = BodyStream(count * len(BLOCK), pieces_of(count))
        assert len(put(peer.url, body).body) == count * len(BLOCK)
        assert shell.send(put(peer.url, body), transport).body == b"/up"
        assert peer.heard[-1].body == BLOCK * count
        assert (b"content-length", b"%d" % (count * len(BLOCK))) in peer.heard[-1].headers
    assert peer.connections == 1


def test_empty_pieces_are_nothing(shell, serve):
    async def odd():
        for piece in (b"", b"ab", b"", b"c"):
            yield piece

    peer = serve()
    assert shell.send(put(peer.url, BodyStream(3, odd()))).status == 200
    assert peer.heard[0].body == b"abc"
    assert shell.send(put(peer.url, BodyStream(0, odd()))).status == 200
    assert peer.heard[1].body == b""


def test_a_body_follows_a_head_that_does_not_fit_at_once(shell, listen):
    size, taken = 12 * 1024 * 1024, []

    def script(line):
        while not b"".join(taken[-6:]).endswith(b"onetwo"):  # however it was cut
            taken.append(line.more())
        line.answer(b"taken")

    peer = listen(script)

    async def pieces():
        for piece in (b"one", b"two"):
            yield piece

    request = Request(
        method="PUT",
        url=peer.url,
        headers=[("x-long", "a" * size)],
        body=BodyStream(6, pieces()),
    )
    assert shell.send(request, timeout=10.0).body == b"taken"
    whole = b"".join(taken)
    assert whole.endswith(b"\r\n\r\nonetwo")
    assert len(whole) > size


@pytest.mark.parametrize("shell", ["asyncio"], indirect=True)
def test_a_body_that_fails_where_tasks_begin_at_once_is_told(shell, listen):
    async def failing():
        raise KeyError("no piece")
        yield

    async def sent():
        eager = getattr(asyncio, "eager_task_factory", None)  # from Python 3.12 on
        asyncio.get_running_loop().set_task_factory(eager)
        with pytest.raises(KeyError, match="no piece"):
            await shell.open().send(put(peer.url, BodyStream(6, failing())))

    peer = listen(lambda line: line.wait_until_gone())
    shell.do(sent())


def test_no_more_pieces_are_asked_for_than_the_other_side_takes(shell, serve):
    asked = itertools.count()

    async def counted():
        for _ in range(1024):
            next(asked)
            yield BLOCK

    peer = serve(lambda line: (line.head(), line.hold()))
    with pytest.raises(OutcomeUnknownError, match="in time"):
        shell.send(put(peer.url, BodyStream(1024 * len(BLOCK), counted())), timeout=0.6)
    assert next(asked) < 24 * MEGABYTE / len(BLOCK)


@pytest.mark.parametrize("size", [len(BLOCK) - 1, 2 * len(BLOCK) - 1, 5 * len(BLOCK)])
def test_a_body_of_another_size_is_never_sent_whole(shell, serve, size):
    peer = serve(
        lambda line: (
            (line.request(), line.answer(b"taken"))
            if line.number == 0
            else line.answer(line.request().target)
        )
    )
    transport = shell.open(connections=1)
    with pytest.raises(InvalidRequestError, match="size"):
        shell.send(put(peer.url, BodyStream(size, pieces_of(3))), transport)
    assert peer.heard == []
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"


def test_pieces_that_fail_end_the_request(shell, serve):
    async def failing():
        yield BLOCK
        raise LookupError

    peer = serve()
    transport = shell.open(connections=1)
    with pytest.raises(LookupError):
        shell.send(put(peer.url, BodyStream(99999999, failing())), transport)
    assert peer.heard == []
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"


class OddError(BaseException):
    """Not an `Exception`."""


@pytest.mark.parametrize("streamed", [False, True], ids=["send", "stream"])
@pytest.mark.parametrize("error", [asyncio.CancelledError, OddError, GeneratorExit, OSError])
def test_whatever_pieces_raise_ends_the_request_at_once(shell, serve, error, streamed):
    class Failing:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise error

    peer = serve()
    transport = shell.open(connections=1)
    request = put(peer.url, BodyStream(99999999, Failing()))
    begun = time.monotonic()
    with pytest.raises(error):
        shell.do(take(transport, request) if streamed else transport.send(request))
    assert time.monotonic() - begun < 4.0
    assert peer.heard == []
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"


@pytest.mark.parametrize("shell", ["asyncio", "uvloop"], indirect=True)
def test_pieces_that_will_not_end_hold_nobody_up(shell, serve):
    stop = asyncio.Event()

    async def stubborn():
        yield BLOCK
        while not stop.is_set():
            try:
                await stop.wait()
            except asyncio.CancelledError:
                continue

    def script(line):
        line.head()
        line.answer(b"no", status=b"413 Too Large")
        line.hold()

    peer = serve(script)

    async def scenario(transport):
        request = put(peer.url, BodyStream(99999999, stubborn()), timeout=0.2)
        try:
            return await transport.send(request)
        finally:
            stop.set()

    assert shell.do(scenario(shell.open())).status == 413


@pytest.mark.parametrize("size", [-1, -(10**30)])
def test_a_body_has_a_size(size):
    with pytest.raises(InvalidRequestError, match="size below 0"):
        BodyStream(size, pieces_of(1))


def test_an_early_answer_ends_the_body_and_the_connection(shell, serve):
    def script(line):
        if line.number == 0:
            line.head()
            line.answer(b"no", status=b"413 Too Large")
            line.hold()
        while True:
            line.answer(line.request().target)

    peer = serve(script)
    transport = shell.open()
    body = BodyStream(1024 * len(BLOCK), pieces_of(1024))
    assert shell.send(put(peer.url, body), transport).status == 413
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"
    assert peer.connections == 2


def test_a_connection_that_is_reset_under_a_body_leaves_its_outcome_unknown(shell, serve):
    peer = serve(lambda line: (line.head(), line.reset()))
    body = BodyStream(1024 * len(BLOCK), pieces_of(1024))
    with pytest.raises(OutcomeUnknownError):
        shell.send(put(peer.url, body))


def test_up_and_down_at_once(shell, serve):
    def script(line):
        while True:
            heard = line.request()
            line.answer(heard.body)

    peer = serve(script)
    transport = shell.open()
    for _ in range(2):
        request = put(peer.url, BodyStream(32 * len(BLOCK), pieces_of(32)))
        status, pieces = shell.do(take(transport, request))
        assert (status, b"".join(pieces)) == (200, BLOCK * 32)
    assert peer.connections == 1


def test_a_body_that_fails_fails_the_stream_of_its_answer(shell, serve):
    async def failing():
        yield BLOCK
        raise LookupError

    peer = serve()
    with pytest.raises((LookupError, HardpointError)):
        shell.do(take(shell.open(), put(peer.url, BodyStream(99999999, failing()))))
    assert peer.heard == []


def test_bytes_that_are_always_there_do_not_outlast_the_exchange(shell, listen):
    def script(line):
        line.request()
        line.send(OK + b"\r\n")
        while not line.peer.ended.is_set():
            line.send(BLOCK)

    begun = time.monotonic()

    async def scenario(transport):
        async with transport.stream(get(listen(script).url)) as answer:
            async for _ in answer:
                await idle(shell, 0.005)
                assert time.monotonic() - begun < 3

    with pytest.raises(OutcomeUnknownError, match="in time"):
        shell.do(scenario(shell.open(exchange=0.3)))


@pytest.mark.parametrize("streamed", [False, True], ids=["send", "stream"])
def test_a_body_that_never_ends_does_not_outlast_the_exchange(shell, listen, streamed):
    begun = time.monotonic()

    async def endless():
        while time.monotonic() - begun < 3:
            yield BLOCK

    url = listen(lambda line: line.wait_until_gone()).url
    request = Request(method="PUT", url=url, body=BodyStream(10**13, endless()))
    transport = shell.open(exchange=0.3)
    with pytest.raises(OutcomeUnknownError, match="in time"):
        shell.do(take(transport, request) if streamed else transport.send(request))
    assert time.monotonic() - begun < 3
