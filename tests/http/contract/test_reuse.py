"""A connection is used again when all about it is known, and an answer reaches its asker alone."""

import asyncio
import sys
import threading
from functools import partial

import pytest

from hardpoint.core.errors import OutcomeUnknownError, UnavailableError
from hardpoint.http.messages import Request

OK = b"HTTP/1.1 200 OK\r\n"
SURPLUS = OK + b"content-length: 7\r\n\r\nsurplus"

ANSWERS = {
    "with a length": OK + b"content-length: 4\r\n\r\nbody",
    "without a body": OK + b"content-length: 0\r\n\r\n",
    "in chunks": OK + b"transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "with trailers": OK + b"transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx: y\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
}


def get(url, path, method="GET"):
    return Request(method=method, url=url + path)


def first(play):
    def script(line):
        if not line.peer.heard:
            line.request()
            play(line)
        while True:
            line.answer(line.request().target)

    return script


@pytest.mark.parametrize(
    "surplus", [SURPLUS, b"x", b"\r\n", b"\x00" * 5000], ids=["answer", "byte", "line", "zeros"]
)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_bytes_in_the_segment_of_an_answer_reach_nobody(shell, listen, answer, surplus):
    peer = listen(first(lambda line: line.send(answer + surplus)))
    transport = shell.open()
    shell.outcome(get(peer.url, "/1"), transport)
    for number in (2, 3):
        path = f"/{number}"
        assert shell.send(get(peer.url, path), transport).body == path.encode()
    assert peer.connections == 2


def test_surplus_over_tls_reaches_nobody(shell, listen, authority):
    peer = listen(
        first(lambda line: line.send(ANSWERS["with a length"] + SURPLUS)), tls=authority.serving()
    )
    transport = shell.open()
    shell.outcome(get(peer.url, "/1"), transport)
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"
    assert peer.connections == 2


def test_a_body_that_follows_the_answer_to_head_reaches_nobody(shell, listen):
    peer = listen(first(lambda line: line.send(ANSWERS["with a length"])))
    transport = shell.open()
    shell.outcome(get(peer.url, "/1", "HEAD"), transport)
    assert shell.send(get(peer.url, "/2"), transport).body == b"/2"


@pytest.mark.parametrize("surplus", [SURPLUS, b"x", b"\r\n"], ids=["answer", "byte", "line"])
def test_bytes_on_an_idle_connection_reach_nobody(shell, serve, surplus):
    def late(line):
        line.send(ANSWERS["with a length"])
        line.peer.go.wait(10)
        line.send(surplus)
        line.delivered()
        line.peer.done.set()

    peer = serve(first(late))
    transport = shell.open()
    assert shell.send(get(peer.url, "/1"), transport).body == b"body"
    peer.go.set()
    assert peer.done.wait(10)
    shell.settle()
    for number in (2, 3):
        path = f"/{number}"
        assert shell.send(get(peer.url, path), transport).body == path.encode()
    assert peer.connections == 2


def test_connections_are_used_again(shell, serve):
    peer = serve()
    transport = shell.open()
    for number in range(10):
        path = f"/{number}"
        assert shell.send(get(peer.url, path), transport).body == path.encode()
    assert peer.connections == 1


@pytest.mark.parametrize("status", [b"201 Created", b"302 Found", b"404 Not Found", b"503 Away"])
def test_a_refusal_keeps_its_connection(shell, listen, status):
    def script(line):
        while True:
            line.request()
            line.answer(b"no", status=status)

    peer = listen(script)
    transport = shell.open()
    for _ in range(3):
        assert shell.send(get(peer.url, "/"), transport).status == int(status[:3])
    assert peer.connections == 1


def test_after_closing_a_transport_serves_anew(shell, serve):
    peer = serve()
    transport = shell.open()
    for expected in (1, 2):
        assert shell.send(get(peer.url, "/a"), transport).body == b"/a"
        assert peer.connections == expected
        shell.do(transport.close())
    assert peer.heard


def test_closing_hangs_up(shell, serve):
    peer = serve(lambda line: (line.answer(line.request().target), line.wait_until_gone()))
    transport = shell.open()
    shell.send(get(peer.url, "/a"), transport)
    shell.do(transport.close())
    shell.settle()
    assert peer.hung_up.wait(10)


def test_no_connection_is_kept_where_none_may_be_idle(shell, serve):
    peer = serve()
    transport = shell.open(idle_connections=0)
    for _ in range(3):
        shell.send(get(peer.url, "/a"), transport)
    assert peer.connections == 3


def test_a_connection_that_was_idle_for_too_long_is_left(shell, listen):
    peer = listen()
    transport = shell.open(idle_seconds=0.0)
    for _ in range(3):
        shell.send(get(peer.url, "/a"), transport)
    assert peer.connections == 3


@pytest.mark.parametrize("shell", ["asyncio", "uvloop"], indirect=True)  # threads look later
@pytest.mark.parametrize("streamed", [False, True], ids=["send", "stream"])
def test_a_connection_is_idle_no_longer_than_it_may_whatever_the_timeout(shell, serve, streamed):
    def script(line):
        line.answer(line.request().target)
        line.wait_until_gone()

    peer = serve(script)
    transport = shell.open(timeout=60.0, idle_seconds=0.05)

    async def scenario():
        if streamed:
            async with transport.stream(get(peer.url, "/")) as answer:
                assert [piece async for piece in answer] == [b"/"]
        else:
            await transport.send(get(peer.url, "/"))
        await asyncio.to_thread(peer.hung_up.wait, 10)

    shell.do(scenario())
    assert peer.hung_up.is_set()


def calls_of(work):
    """How many functions of ours, and of others, are called by some work."""
    count = 0

    def count_one(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(count_one)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_a_request_does_nothing_more_for_the_connections_that_are_idle_beside_it(shell, listen):
    costs = {}
    for count in (1, 40):
        together = threading.Barrier(count)

        def script(line, together=together):
            line.request()
            together.wait(10)  # so that each needs a connection of its own
            line.answer(b"first")
            while True:
                line.answer(line.request().target)

        peer = listen(script)
        transport = shell.open(idle_connections=count)
        shell.together(transport, [get(peer.url, "/first")] * count)
        again = get(peer.url, "/again")
        work = partial(shell.send, again, transport)
        costs[count] = min(calls_of(work) for _ in range(5))
        assert peer.connections == count
    assert costs[40] <= costs[1] * 1.1


def test_idle_connections_are_limited_over_all_hosts(shell, listen):
    peers = [listen() for _ in range(4)]
    transport = shell.open(idle_connections=2)
    for peer in peers:
        shell.send(get(peer.url, "/a"), transport)
    shell.settle()
    peers[0].wait_for(lambda: sum(len(peer._open) for peer in peers) <= 2)


def test_no_more_connections_are_open_than_may_be(shell, listen):
    most = []

    def script(line):
        while True:
            target = line.request().target
            most.append(len(line.peer._open))
            line.answer(target)

    peer = listen(script)
    transport = shell.open(connections=2, connect_timeout=5.0)
    answers = shell.together(transport, [get(peer.url, f"/{n}") for n in range(20)])
    assert [answer.body for answer in answers] == [b"/%d" % n for n in range(20)]
    assert max(most) <= 2


def test_connections_to_other_hosts_make_room(shell, listen):
    peers = [listen() for _ in range(4)]
    transport = shell.open(connections=2)
    for _ in range(2):
        for peer in peers:
            assert shell.send(get(peer.url, "/a"), transport).body == b"/a"


def test_a_place_that_does_not_come_free_means_that_nothing_was_sent(shell, listen):
    peer = listen(lambda line: (line.request(), line.hold()))
    transport = shell.open(connections=1, connect_timeout=0.1, timeout=1.0)
    outcomes = shell.together(transport, [get(peer.url, "/1"), get(peer.url, "/2")])
    kinds = sorted(type(one).__name__ for one in outcomes)
    assert kinds == ["OutcomeUnknownError", "UnavailableError"]
    assert len(peer.heard) == 1


def test_a_place_comes_free_when_an_exchange_fails(shell, listen):
    peer = listen(lambda line: line.request())
    transport = shell.open(connections=1)
    for _ in range(3):
        with pytest.raises(OutcomeUnknownError):
            shell.send(get(peer.url, "/"), transport)


def test_a_place_comes_free_when_connecting_fails(shell, listen, closed_port):
    transport = shell.open(connections=1)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            shell.send(get(f"http://127.0.0.1:{closed_port}", "/"), transport)
    assert shell.send(get(listen().url, "/a"), transport).body == b"/a"


def test_many_at_once_get_each_their_own_answer(shell, serve):
    peer = serve()
    transport = shell.open()
    for _ in range(3):
        answers = shell.together(transport, [get(peer.url, f"/{n}") for n in range(30)])
        assert [answer.body for answer in answers] == [b"/%d" % n for n in range(30)]
    assert len(peer.heard) == 90


def test_those_who_give_up_together_are_told_so_and_leave_their_places(shell, listen):
    if shell.blocking:
        return  # nobody takes a thread off its wait

    def script(line):
        target = line.request().target
        if line.number == 0:
            line.wait_until_gone()
        line.answer(target)

    peer = listen(script)
    transport = shell.open(connections=1)

    async def scenario():
        tasks = [asyncio.create_task(transport.send(get(peer.url, "/a"))) for _ in range(4)]
        while not peer.heard:
            await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = shell.do(scenario())
    assert [type(one) for one in outcomes] == [asyncio.CancelledError] * 4
    assert shell.send(get(peer.url, "/b"), transport).body == b"/b"
