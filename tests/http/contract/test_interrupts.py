"""What a signal's handler raises may rise between any two steps of the blocking transport.

Nothing is lost by it: no place, no socket, and the next request gets its own answer. Every point at
which the interpreter may run a handler (a function begins, a call returns, a loop goes round) is
tried, one after the other, until the exchange comes to its end undisturbed.
"""

import dis
import gc
import sys
import threading
from pathlib import Path

import pytest

from hardpoint.core import forks
from hardpoint.core.errors import HardpointError, UnavailableError
from hardpoint.http.messages import BodyStream, Request
from hardpoint.http.wire import names
from hardpoint.runtime.blocking import run

pytestmark = [
    pytest.mark.parametrize("shell", ["blocking"], indirect=True),
    # A socket that the interpreter hands over while the handler raises is closed by nobody else.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HERE = (str(Path("hardpoint", "http")), str(Path("core", "forks.py")))


class RisenError(BaseException):
    """What a handler raises."""


def rise():
    raise RisenError


class Handler:
    """Acts once, at the n-th point; a tracer."""

    def __init__(self, number, act):
        self.left = number
        self.called = set()
        self.act = act
        self.acting = False

    def point(self):
        self.left -= 1
        if not self.left:
            self.acting = True
            self.act()
            self.acting = False

    def __call__(self, frame, event, _):
        if self.acting or not any(one in frame.f_code.co_filename for one in HERE):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        if event == "call":
            self.point()
        elif event == "opcode":
            if id(frame) in self.called:
                self.called.remove(id(frame))
                self.point()
            name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if name.startswith("CALL") or name == "JUMP_BACKWARD":
                self.called.add(id(frame))
        return self


def disturbed(number, work, act=rise):
    """What came of the work in a thread of its own, and whether it was disturbed."""
    found = []
    handler = Handler(number, act)

    def play():
        sys.settrace(handler)
        try:
            found.append(work())
        except (RisenError, HardpointError) as error:
            found.append(type(error))
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=play)
    thread.start()
    thread.join(30)
    return found[0], handler.left <= 0


def descriptors():
    return len([*Path("/dev/fd").iterdir()])


def post(transport, url):
    return run(transport.send(Request(method="POST", url=f"{url}/first", body=b"1"))).body


def stream(transport, url):
    async def taken():
        async with transport.stream(Request(method="GET", url=f"{url}/first")) as answer:
            return b"".join([piece async for piece in answer])

    return run(taken())


def upload(transport, url):
    async def pieces():
        yield b"1"
        yield b"2"

    body = BodyStream(2, pieces())
    return run(transport.send(Request(method="PUT", url=f"{url}/first", body=body))).body


def all_are_there(shell, peer, work, *, kept, most=10_000):
    transport = shell.open(connections=1, connect_timeout=5.0)
    following = Request(method="GET", url=f"{peer.url}/next")
    shell.send(following, transport)
    gc.collect()
    before, number, hit = descriptors(), 0, True
    while hit and number < most:
        number += 1
        if not kept:
            transport.close()
        outcome, hit = disturbed(number, lambda: work(transport, peer.url))
        assert outcome in {RisenError, b"/first"}, number
        assert shell.send(following, transport).body == b"/next", number
    assert number > 30  # a handler may run at so many points at least
    assert not forks._gate._inside  # no fork waits for what was interrupted
    transport.close()
    gc.collect()  # what rose holds its frames, and they what they were about to give back
    peer.wait_for(lambda: not peer._open)
    assert descriptors() <= before


@pytest.mark.parametrize("kept", [False, True], ids=["anew", "kept"])
@pytest.mark.parametrize("work", [post, stream, upload])
def test_whatever_rises_wherever_nothing_is_lost(shell, listen, work, kept):
    all_are_there(shell, listen(), work, kept=kept)


def test_whatever_rises_in_a_handshake_nothing_is_lost(shell, listen, authority):
    all_are_there(shell, listen(tls=authority.serving()), post, kept=False, most=240)


def test_a_handler_may_send_as_well_wherever_it_comes(shell, listen):
    peer, nested, tls = listen(), [], shell.authority.trusting()
    number, hit = 0, True
    while hit:
        number += 1
        transport = shell.open(connections=2, idle_connections=1, tls=tls)
        shell.send(Request(method="GET", url=f"{peer.url}/before"), transport)
        second = Request(method="GET", url=f"{peer.url}/second")
        outcome, hit = disturbed(
            number,
            lambda: post(transport, peer.url),  # noqa: B023 - called at once
            lambda: nested.append(run(transport.send(second)).body),  # noqa: B023
        )
        assert outcome == b"/first", number
        assert len(transport._pool.lines) == len(transport._pool._idle) == 1, number
        transport.close()
    assert nested == [b"/second"] * (number - 1)
    assert number > 30  # a handler may run at so many points at least


def test_whatever_rises_while_a_name_is_looked_up_the_next_one_has_its_address(shell, monkeypatch):
    monkeypatch.setattr(names, "_look_ups", names._LookUps())
    number, hit = 0, True
    while hit:
        number += 1
        outcome, hit = disturbed(number, lambda: names.look_up_blocking("127.0.0.1", 443, 10))
        assert outcome is RisenError or not hit, number
        assert names.look_up_blocking("127.0.0.1", 443, 10), number
    assert number > 5
    for one in threading.enumerate():
        if one.name == "hardpoint-dns":
            one.join(10)
    assert not names._look_ups._busy


def test_whatever_rises_in_the_queue_for_a_place_nothing_is_lost(shell, listen):
    def script(line):
        while True:
            target = line.request().target
            if target == b"/hold":
                line.peer.held.release()
                line.peer.let.acquire(timeout=10)
            line.answer(target)

    peer = listen(script)
    peer.held, peer.let = threading.Semaphore(0), threading.Semaphore(0)
    transport = shell.open(connections=1, connect_timeout=5.0)
    hasty = Request(method="GET", url=f"{peer.url}/hasty", timeout=0.01)
    hold = Request(method="GET", url=f"{peer.url}/hold")
    number, hit = 0, True
    while hit:
        number += 1
        holding = threading.Thread(target=shell.send, args=(hold, transport))
        holding.start()
        assert peer.held.acquire(timeout=10)
        outcome, hit = disturbed(number, lambda: run(transport.send(hasty)))
        assert outcome in {RisenError, UnavailableError}, number
        peer.let.release()
        holding.join(10)
        assert shell.send(Request(method="GET", url=f"{peer.url}/next"), transport).status == 200
    assert b"/hasty" not in peer.targets
