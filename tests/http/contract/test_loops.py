"""Event loops come and go, tasks are cancelled, threads share: nobody's connection is another's."""

import asyncio
import gc
import threading
from pathlib import Path

import pytest

from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run


def get(url, path="/"):
    return Request(method="GET", url=url + path)


UNCLOSED = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""asyncio warns of connections that outlive their loop, which is what these tests are about."""


def unclosed(test):
    for mark in UNCLOSED:
        test = mark(test)
    return test


def with_loops(test):
    """For the shells that know event loops."""
    return pytest.mark.parametrize("shell", ["asyncio", "uvloop"], indirect=True)(test)


@unclosed
@with_loops
def test_three_loops_after_each_other_without_closing(shell, serve):
    peer = serve()
    transport = shell.open()
    for number in range(3):
        with asyncio.Runner(loop_factory=shell.loop_factory) as runner:
            for again in range(2):
                path = f"/{number}{again}"
                answer = runner.run(transport.send(get(peer.url, path)))
                assert answer.body == path.encode()
    assert peer.connections == 3
    gc.collect()


@unclosed
@with_loops
def test_a_loop_in_each_thread_shares_one_transport(shell, serve):
    peer = serve()
    transport = shell.open()
    bodies, errors = [], []

    def work(number):
        async def several():
            for again in range(5):
                answer = await transport.send(get(peer.url, f"/{number}-{again}"))
                bodies.append(answer.body == b"/%d-%d" % (number, again))

        try:
            with asyncio.Runner(loop_factory=shell.loop_factory) as runner:
                runner.run(several())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert bodies == [True] * 30
    assert peer.connections == 6
    gc.collect()


@with_loops
def test_cancelling_closes_the_connection(shell, serve):
    def script(line):
        line.request()
        line.peer.go.set()
        line.wait_until_gone()

    peer = serve(script)
    transport = shell.open()

    async def cancelled():
        task = asyncio.create_task(transport.send(get(peer.url)))
        await asyncio.to_thread(peer.go.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(peer.hung_up.wait, 10)

    shell.do(cancelled())
    assert peer.hung_up.is_set()


@with_loops
def test_the_connection_of_a_cancelled_request_serves_nobody(shell, serve):
    def script(line):
        if line.number == 0:
            line.request()
            line.peer.go.set()
            line.peer.done.wait(10)
            line.answer(b"late")
        while True:
            line.answer(line.request().target)

    peer = serve(script)
    transport = shell.open()

    async def cancelled():
        task = asyncio.create_task(transport.send(get(peer.url, "/1")))
        await asyncio.to_thread(peer.go.wait, 10)
        task.cancel()
        peer.done.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await transport.send(get(peer.url, "/2"))

    assert shell.do(cancelled()).body == b"/2"


@with_loops
def test_cancelling_while_connecting_frees_its_place(shell, listen, full_port):
    peer = listen()
    transport = shell.open(connections=1, connect_timeout=8.0, timeout=8.0)

    async def cancelled():
        task = asyncio.create_task(transport.send(get(f"http://127.0.0.1:{full_port}")))
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.wait_for(transport.send(get(peer.url, "/a")), 5)

    assert shell.do(cancelled()).body == b"/a"


@with_loops
def test_cancelling_while_waiting_for_a_place_leaves_the_line_in_order(shell, listen):
    def script(line):
        while True:
            target = line.request().target
            line.peer.go.wait(10)
            line.answer(target)

    peer = listen(script)
    transport = shell.open(connections=1)

    async def cancelled():
        first = asyncio.create_task(transport.send(get(peer.url, "/1")))
        waiting = [asyncio.create_task(transport.send(get(peer.url, f"/{n}"))) for n in (2, 3, 4)]
        await asyncio.to_thread(peer.wait_for, lambda: peer.heard)
        waiting[0].cancel()
        waiting[2].cancel()
        peer.go.set()
        outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
        return [getattr(one, "body", type(one)) for one in outcomes]

    gone = asyncio.CancelledError
    assert shell.do(cancelled()) == [b"/1", gone, b"/3", gone]
    assert peer.targets == [b"/1", b"/3"]


@unclosed
@with_loops
def test_a_loop_that_closes_with_requests_pending_leaves_the_transport_usable(shell, listen):
    peer = listen(lambda line: (line.request(), line.hold()))
    other = listen()
    transport = shell.open()
    loop = shell.loop_factory()
    task = loop.create_task(transport.send(get(peer.url)))

    async def until_heard():
        while not peer.heard:
            await asyncio.sleep(0.001)

    loop.run_until_complete(until_heard())
    task._log_destroy_pending = False  # as when a process ends in the middle
    loop.close()
    assert shell.send(get(other.url, "/a"), transport).body == b"/a"
    del task
    gc.collect()
    assert shell.send(get(other.url, "/b"), transport).body == b"/b"


@with_loops
def test_closing_while_requests_are_under_way_ends_them(shell, listen):
    peer = listen(lambda line: (line.request(), line.hold()))
    transport = shell.open(timeout=8.0)

    async def closed():
        task = asyncio.create_task(transport.send(get(peer.url)))
        await asyncio.to_thread(peer.wait_for, lambda: peer.heard)
        await transport.close()
        done, _ = await asyncio.wait({task}, timeout=3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return done

    assert shell.do(closed())


@pytest.mark.parametrize("shell", ["blocking"], indirect=True)  # the other is shared by loops
def test_threads_share_one_blocking_transport(shell, serve):
    peer = serve()
    transport = shell.open(connections=4, connect_timeout=10.0)
    wrong = []

    def work(number):
        for again in range(10):
            path = f"/{number}-{again}"
            if run(transport.send(get(peer.url, path))).body != path.encode():
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert len(peer.heard) == 120
    assert peer.connections <= 4


def descriptors():
    return [*Path("/dev/fd").iterdir()]


def test_no_descriptor_and_no_thread_is_left_over(shell, serve, closed_port):
    def script(line):
        while True:
            target = line.request().target
            if target == b"/cut":
                line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
                return
            line.answer(target)

    peer = serve(script)

    def play():
        transport = shell.open(timeout=2.0)
        shell.together(transport, [get(peer.url, f"/{n}") for n in range(5)])
        shell.outcome(get(peer.url, "/cut"), transport)
        shell.outcome(get(f"http://127.0.0.1:{closed_port}"), transport)
        shell.do(transport.close())
        shell.settle()
        peer.wait_for(lambda: not peer._open)

    play()  # what is made once for the process is made here
    gc.collect()
    before, threads = len(descriptors()), threading.active_count()
    play()
    peer.wait_for(lambda: threading.active_count() <= threads)
    assert len(descriptors()) <= before
