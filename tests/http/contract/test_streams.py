"""Bodies that nobody holds: taken as they come, given as they are taken, both with an end."""

import asyncio
import queue
import threading
import time

import pytest

from hardpoint.core.errors import (
    MisuseError,
    OutcomeUnknownError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
MEGABYTE = 1024 * 1024
BLOCK = bytes(range(256)) * 256
PIECE_BYTES_MAX = 128 * 1024


def get(url, path="/", **fields):
    return Request(method="GET", url=url + path, **fields)


async def take(transport, request, *, most=None, bytes_max=None):
    """Status and pieces of an answer; no more than `most` of them."""
    pieces = []
    async with transport.stream(request, bytes_max=bytes_max) as answer:
        if most != 0:
            async for piece in answer:
                pieces.append(piece)
                if len(pieces) == most:
                    break
    return answer.status, pieces


def declared(line, size):
    line.request()
    line.send(OK + b"x-a: 1\r\ncontent-length: %d\r\n\r\n" % size)
    for _ in range(size // len(BLOCK)):
        line.send(BLOCK)


def chunked(line, size):
    line.request()
    line.send(CHUNKED)
    for _ in range(size // len(BLOCK)):
        line.send(b"%x\r\n" % len(BLOCK) + BLOCK + b"\r\n")
    line.send(b"0\r\n\r\n")


def until_closed(line, size):
    line.request()
    line.send(OK + b"\r\n")
    for _ in range(size // len(BLOCK)):
        line.send(BLOCK)


def then_echo(play):
    def script(line):
        play(line)
        while True:
            line.answer(line.request().target)

    return script


@pytest.mark.parametrize("framed", [declared, chunked, until_closed])
def test_a_body_larger_than_the_cap_comes_in_bounded_pieces(shell, serve, framed):
    peer = serve(lambda line: framed(line, 4 * MEGABYTE))
    transport = shell.open(body_bytes_max=1000)
    status, pieces = shell.do(take(transport, get(peer.url)))
    assert status == 200
    assert b"".join(pieces) == BLOCK * (4 * MEGABYTE // len(BLOCK))
    assert max(map(len, pieces)) < PIECE_BYTES_MAX


@pytest.mark.parametrize("framed", [declared, chunked])
def test_a_connection_serves_on_behind_a_stream_that_was_taken_wholly(shell, serve, framed):
    peer = serve(then_echo(lambda line: framed(line, MEGABYTE)))
    transport = shell.open()
    shell.do(take(transport, get(peer.url)))
    for _ in range(2):
        assert shell.send(get(peer.url, "/2"), transport).body == b"/2"
    assert peer.connections == 1


def test_an_answer_without_a_body_has_no_pieces(shell, serve):
    peer = serve()
    transport = shell.open()
    head = Request(method="HEAD", url=peer.url)

    def script(line):
        while True:
            line.request()
            line.send(OK + b"content-length: 5\r\n\r\n")

    peer.script = script
    for _ in range(2):
        assert shell.do(take(transport, head)) == (200, [])
    assert peer.connections == 1


def test_headers_are_there_before_the_body_is(shell, serve):
    def script(line):
        line.request()
        line.send(OK + b"x-a: 1\r\nx-a: 2\r\ncontent-length: 4\r\n\r\n")
        line.peer.go.wait(10)
        line.send(b"body")

    peer = serve(script)

    async def scenario(transport):
        async with transport.stream(get(peer.url)) as answer:
            assert answer.headers.all("x-a") == ["1", "2"]
            assert repr(answer) == "StreamedResponse(200)"
            peer.go.set()
            return [piece async for piece in answer]

    assert b"".join(shell.do(scenario(shell.open()))) == b"body"


def test_a_refusal_is_an_answer(shell, serve):
    peer = serve(lambda line: (line.request(), line.answer(b"no", status=b"404 Not Found")))
    assert shell.do(take(shell.open(), get(peer.url))) == (404, [b"no"])


def test_while_nobody_takes_it_the_other_side_has_to_wait(shell, serve):
    """Sockets hold some megabytes; what is beyond them is not even sent."""

    def script(line):
        line.request()
        line.send(OK + b"content-length: %d\r\n\r\n" % (64 * MEGABYTE))
        line.flood(BLOCK, most=64 * MEGABYTE)

    peer = serve(script)

    async def scenario(transport):
        async with transport.stream(get(peer.url)) as answer:
            await anext(aiter(answer))
            before = -1
            while peer.taken != before:  # until the server is stuck
                before = peer.taken
                await idle(shell, 0.1)
            stuck = peer.taken
            size = 0
            async for piece in answer:
                size += len(piece)
            return stuck, size

    stuck, size = shell.do(scenario(shell.open()))
    assert stuck < 24 * MEGABYTE
    assert size > 63 * MEGABYTE


async def idle(shell, seconds):
    """Time that a caller takes: on a loop others go on."""
    if shell.blocking:
        time.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


def test_the_time_a_caller_takes_is_not_the_other_sides(shell, serve):
    peer = serve(lambda line: declared(line, 4 * MEGABYTE))

    async def scenario(transport):
        size = 0
        async with transport.stream(get(peer.url)) as answer:
            async for piece in answer:
                if not size:
                    await idle(shell, 0.8)
                size += len(piece)
        return size

    assert shell.do(scenario(shell.open(timeout=0.5))) == 4 * MEGABYTE


def test_a_stream_may_last_as_long_as_bytes_come(shell, serve):
    def script(line):
        line.request()
        line.send(OK + b"content-length: 100\r\n\r\n")
        line.drip(b".", every=0.005, times=100)

    status, pieces = shell.do(take(shell.open(timeout=1.0), get(serve(script).url)))
    assert (status, b"".join(pieces)) == (200, b"." * 100)


@pytest.mark.parametrize("bound", ["timeout", "exchange", "deadline"])
def test_each_bound_ends_a_stream(shell, serve, until, bound):
    def script(line):
        line.request()
        line.send(OK + b"content-length: 9999\r\n\r\n.")
        if bound == "timeout":
            line.hold()
        line.drip(b".", every=0.005)

    limits = {
        "timeout": {"timeout": 0.5},
        "exchange": {"exchange": 0.6},
        "deadline": {"remaining": until(0.6)},
    }[bound]
    transport = shell.open(**limits)
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknownError, match="in time"):
        shell.do(take(transport, get(serve(script).url)))
    assert time.monotonic() - begun < 5


def test_a_deadline_that_passed_while_the_caller_had_the_piece_is_told(shell, serve):
    peer = serve(
        lambda line: (line.request(), line.send(OK + b"content-length: 9\r\n\r\n."), line.hold())
    )

    async def scenario(transport):
        async with transport.stream(get(peer.url)) as answer:
            async for _ in answer:
                await idle(shell, 0.8)

    with pytest.raises(OutcomeUnknownError):
        shell.do(scenario(shell.open(timeout=0.5, exchange=0.6)))


@pytest.mark.parametrize(
    "cut",
    [OK + b"content-length: 9\r\n\r\nabc", CHUNKED + b"9\r\nabc", CHUNKED + b"3\r\nabc\r\nZ"],
    ids=["length", "chunk", "not http"],
)
def test_a_body_that_is_cut_off_is_no_body(shell, listen, cut):
    peer = listen(lambda line: (line.request(), line.send(cut)))
    with pytest.raises(OutcomeUnknownError):
        shell.do(take(shell.open(), get(peer.url)))


def test_a_connection_that_breaks_within_a_body_says_so(shell, serve):
    def script(line):
        line.request()
        line.send(OK + b"content-length: 99999999\r\n\r\n" + BLOCK)
        line.peer.go.wait(10)
        line.reset()

    peer = serve(script)

    async def scenario(transport):
        async with transport.stream(get(peer.url)) as answer:
            async for _ in answer:
                peer.go.set()

    with pytest.raises(OutcomeUnknownError):
        shell.do(scenario(shell.open()))


def test_a_reset_while_nobody_reads_is_not_the_end_of_a_body(shell, serve):
    def script(line):
        line.request()
        line.send(OK + b"\r\nabc")
        line.peer.go.wait(10)
        line.reset()

    peer = serve(script)

    async def scenario(transport):
        async with transport.stream(get(peer.url)) as answer:
            assert await anext(aiter(answer)) == b"abc"
            peer.go.set()
            await idle(shell, 0.1)
            await anext(aiter(answer), None)

    with pytest.raises(OutcomeUnknownError):
        shell.do(scenario(shell.open()))


@pytest.mark.parametrize(("bound", "silence"), [(0.3, 5), (5, 0.6)])
def test_a_stream_has_a_bound_of_its_own_between_bytes(shell, serve, bound, silence):
    def script(line):
        line.request()
        line.send(OK + b"content-length: 2\r\n\r\n.")
        line.peer.go.wait(silence)
        line.send(b".")

    peer = serve(script)

    async def scenario(transport):
        async with transport.stream(get(peer.url), idle=bound) as answer:
            return b"".join([piece async for piece in answer])

    if silence < bound:
        assert shell.do(scenario(shell.open(timeout=0.5))) == b".."
    else:
        with pytest.raises(OutcomeUnknownError, match="in time"):
            shell.do(scenario(shell.open(timeout=1.0)))
        peer.go.set()


@pytest.mark.parametrize("most", [0, 1])
def test_a_stream_that_is_left_costs_its_connection(shell, serve, most):
    peer = serve(
        lambda line: (
            declared(line, MEGABYTE) if line.number == 0 else line.answer(line.request().target)
        )
    )
    transport = shell.open()
    shell.do(take(transport, get(peer.url), most=most))
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"
    assert peer.connections == 2


def test_a_stream_that_fails_in_its_block_costs_its_connection(shell, serve):
    peer = serve(
        lambda line: (
            declared(line, MEGABYTE) if line.number == 0 else line.answer(line.request().target)
        )
    )
    transport = shell.open(connections=1)

    async def failing():
        async with transport.stream(get(peer.url)) as answer:
            async for _ in answer:
                raise LookupError

    with pytest.raises(LookupError):
        shell.do(failing())
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"


@pytest.mark.parametrize("surplus", [b"x", OK + b"content-length: 7\r\n\r\nsurplus"])
@pytest.mark.parametrize(
    "answer",
    [OK + b"content-length: 4\r\n\r\nbody", CHUNKED + b"4\r\nbody\r\n0\r\n\r\n"],
    ids=["length", "chunks"],
)
def test_what_follows_a_stream_reaches_nobody(shell, serve, answer, surplus):
    def script(line):
        if line.number == 0:
            line.request()
            line.send(answer + surplus)
        while True:
            line.answer(line.request().target)

    peer = serve(script)
    transport = shell.open()
    assert shell.do(take(transport, get(peer.url))) == (200, [b"body"])
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"
    assert peer.connections == 2


def test_what_follows_while_the_last_piece_is_held_reaches_nobody(shell, serve):
    def script(line):
        if line.number == 0:
            line.request()
            line.send(OK + b"content-length: 4\r\n\r\nbody")
            line.peer.go.wait(10)
            line.send(b"surplus")
            line.delivered()
            line.peer.done.set()
        while True:
            line.answer(line.request().target)

    peer = serve(script)
    transport = shell.open()

    async def scenario():
        async with transport.stream(get(peer.url)) as answer:
            async for _ in answer:
                peer.go.set()
                while not peer.done.is_set():
                    await idle(shell, 0.001)
                await idle(shell, 0.01)

    shell.do(scenario())
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"


@pytest.mark.parametrize(
    "play",
    [
        lambda line: line.send(OK + b"content-length: 1001\r\n\r\n" + bytes(1001)),
        lambda line: line.send(CHUNKED + b"3e9\r\n" + bytes(1001) + b"\r\n0\r\n\r\n"),
        lambda line: line.send(OK + b"\r\n" + bytes(1001)),
    ],
    ids=["length", "chunks", "until closed"],
)
def test_a_stream_may_be_bounded(shell, listen, play):
    peer = listen(lambda line: (line.request(), play(line)))
    with pytest.raises(UnexpectedResponseError, match="larger than 1000 bytes"):
        shell.do(take(shell.open(), get(peer.url), bytes_max=1000))
    status, pieces = shell.do(take(shell.open(), get(peer.url), bytes_max=1001))
    assert (status, len(b"".join(pieces))) == (200, 1001)


def test_an_encoded_stream_is_refused(shell, listen):
    peer = listen(
        lambda line: (line.request(), line.answer(b"??", headers=b"content-encoding: gzip\r\n"))
    )
    with pytest.raises(UnexpectedResponseError, match="encoded"):
        shell.do(take(shell.open(), get(peer.url)))


def test_what_was_not_sent_is_told_as_for_any_request(shell, closed_port):
    with pytest.raises(UnavailableError):
        shell.do(take(shell.open(), get(f"http://127.0.0.1:{closed_port}")))


def test_a_stream_without_a_head_is_no_answer(shell, serve):
    peer = serve(lambda line: (line.request(), line.send(b"HTTP/1.1 200 OK\r\nx: ")))
    with pytest.raises(OutcomeUnknownError):
        shell.do(take(shell.open(), get(peer.url)))


def test_nothing_is_read_outside_the_block(shell, serve):
    peer = serve()

    async def scenario(transport):
        async with transport.stream(get(peer.url)) as answer:
            pass
        await anext(aiter(answer))

    with pytest.raises(MisuseError):
        shell.do(scenario(shell.open()))


@pytest.mark.parametrize("shell", ["asyncio", "uvloop"], indirect=True)
def test_two_tasks_do_not_take_the_same_piece(shell, serve):
    def script(line):
        line.request()
        line.send(OK + b"content-length: 4\r\n\r\n")
        line.peer.go.wait(10)
        line.send(b"body")

    peer = serve(script)

    async def scenario(transport):
        async with transport.stream(get(peer.url)) as answer:
            first = asyncio.create_task(anext(aiter(answer)))
            await asyncio.sleep(0)
            with pytest.raises(MisuseError, match="one at a time"):
                await anext(aiter(answer))
            peer.go.set()
            return await first

    assert shell.do(scenario(shell.open())) == b"body"


@pytest.mark.parametrize("shell", ["blocking"], indirect=True)
def test_two_threads_do_not_take_the_same_piece(shell, serve):
    def script(line):
        line.request()
        line.send(OK + b"content-length: 4\r\n\r\n")
        line.peer.go.wait(10)
        line.send(b"body")

    peer = serve(script)
    outcomes = queue.SimpleQueue()

    def take_one(answer):
        try:
            outcomes.put(run(anext(aiter(answer))))
        except MisuseError as error:
            outcomes.put(error)

    async def scenario(transport):
        async with transport.stream(get(peer.url)) as answer:
            threads = [threading.Thread(target=take_one, args=(answer,)) for _ in range(2)]
            for thread in threads:
                thread.start()
            refused = outcomes.get(timeout=10)
            peer.go.set()
            taken = outcomes.get(timeout=10)
            for thread in threads:
                thread.join(10)
            return refused, taken

    refused, taken = shell.do(scenario(shell.open()))
    assert isinstance(refused, MisuseError)
    assert taken == b"body"


def test_streams_hold_places(shell, serve):
    peer = serve(lambda line: declared(line, MEGABYTE))
    transport = shell.open(connections=1, connect_timeout=0.1)

    async def scenario():
        async with transport.stream(get(peer.url)):
            await transport.send(get(peer.url))

    with pytest.raises(UnavailableError, match="in use"):
        shell.do(scenario())


def test_closing_a_transport_ends_its_streams(shell, serve):
    peer = serve(lambda line: (declared(line, MEGABYTE), line.hold()))
    transport = shell.open()

    async def scenario():
        async with transport.stream(get(peer.url)) as answer:
            closing = transport.close()
            if closing is not None:
                await closing
            return [piece async for piece in answer]

    with pytest.raises(OutcomeUnknownError):
        shell.do(scenario())


# Up
