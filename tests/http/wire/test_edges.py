"""Lines, pools and look-ups where time, a second caller or a hang-up meets them."""

import asyncio
import gc
import socket
import ssl
import struct
import threading
from time import monotonic

import pytest
from httptools import HttpParserCallbackError

from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request
from hardpoint.http.wire.blocking_line import BlockingLine
from hardpoint.http.wire.channel import Channel, prepared
from hardpoint.http.wire.incoming import Incoming
from hardpoint.http.wire.line import Line
from hardpoint.http.wire.outgoing import outgoing
from hardpoint.http.wire.pool import Pool
from hardpoint.http.wire.trust import Trust, context_of

KEY = ("https://vendor.example:443", ())
OUT = outgoing(Request(method="GET", url="https://vendor.example/"))
FOREVER = float("inf")


@pytest.fixture
def ends():
    listener = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listener.getsockname())
    theirs, _ = listener.accept()
    listener.close()
    yield Channel(prepared(ours)), theirs
    ours.close()
    theirs.close()


def on_a_line(ends, scenario):
    channel, theirs = ends

    async def play():
        line = Line(asyncio.get_running_loop(), channel, KEY, 0.05, lambda _: None)
        try:
            async with asyncio.timeout(30):
                await scenario(line, theirs)
        finally:
            line.close()

    asyncio.run(play())


def answer():
    return Incoming(Limits(), bodiless=False)


def test_a_connection_that_nobody_uses_is_closed_in_time(ends):
    async def scenario(line, theirs):
        done = line.start(OUT, answer(), 0.01, FOREVER)
        theirs.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert await done
        assert line.end()
        line.since = monotonic()
        line._readable()  # nothing came
        assert line.fresh()
        while not line.closed:
            await asyncio.sleep(0.01)

    on_a_line(ends, scenario)


def test_whoever_takes_what_was_sent_is_waited_for(ends):
    async def scenario(line, theirs):
        done = line.start(OUT, answer(), 5.0, FOREVER)
        line._moved, line._queued = 0.0, 10
        line._tick()  # less is on the way than there was
        assert not done.done()
        line._moved = 0.0
        line._tick()  # no less than before
        assert await done is False

    on_a_line(ends, scenario)


def test_a_shorter_time_than_the_last_one_is_kept(ends):
    async def scenario(line, theirs):
        done = line.start(OUT, answer(), 20.0, FOREVER)
        theirs.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        await done
        line.end()
        assert await line.start(OUT, answer(), 0.01, FOREVER) is False

    on_a_line(ends, scenario)


def hang_up(theirs):
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()


def test_a_connection_that_was_reset_is_not_silent(ends):
    channel, theirs = ends
    hang_up(theirs)
    assert channel.wait(5.0, writing=False)
    assert not channel.silent()


LARGE = outgoing(Request(method="POST", url="https://vendor.example/", body=b"x" * 30_000_000))


def test_a_hang_up_in_an_upload_is_told(ends):
    channel, theirs = ends
    line = BlockingLine(channel, KEY, lambda _: None)
    threading.Timer(0.05, hang_up, (theirs,)).start()
    assert line.start(LARGE, answer(), 5.0, FOREVER)
    assert line.error is not None
    assert line.sent


def test_a_hang_up_in_an_upload_is_told_on_an_event_loop(ends):
    async def scenario(line, theirs):
        asyncio.get_running_loop().call_later(0.05, hang_up, theirs)
        assert await line.start(LARGE, answer(), 5.0, FOREVER)
        assert line.error is not None
        assert not line.end()

    on_a_line(ends, scenario)


class Refusing:
    """A channel that takes a beginning, and breaks then; its last words can still be read."""

    plain = True

    def start(self, head, body):
        return [memoryview(body)]

    def push(self, left):
        raise BrokenPipeError

    def wait(self, seconds, *, writing):
        return True

    def pull(self, answer):
        return answer.feed(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")


def test_an_early_answer_is_read_though_nothing_more_can_be_sent():
    line, early = BlockingLine(Refusing(), KEY, lambda _: None), answer()
    assert line.start(LARGE, early, 5.0, FOREVER)
    assert early.whole
    assert not line.end()


def test_whoever_waits_in_a_thread_is_told_that_the_transport_was_closed(ends):
    channel, theirs = ends
    pool = Pool(Limits(), object, print)
    pool.lines.add(BlockingLine(channel, KEY, pool.gone))
    pool.close()
    assert theirs.recv(1) == b""
    assert channel.receive() == b""


def test_a_host_ends_where_its_url_says_so():
    with pytest.raises(InvalidRequestError):
        outgoing(Request(method="GET", url="https://vendor.example\\x/"))


def test_a_context_is_made_once_for_all_who_wait_for_it():
    async def scenario():
        transport = AsyncTransport(tls=Trust())
        one, other = await asyncio.gather(transport._believed(), transport._believed())
        assert one is other is await transport._believed()

    asyncio.run(scenario())


def test_a_transport_that_is_dropped_leaves_a_running_loop_its_connections(vendor):
    async def scenario():
        transport = AsyncTransport(Limits(idle_seconds=0.01))
        await transport.send(Request(method="GET", url=vendor.url, timeout=0.05))
        (pool,) = transport._pools.values()
        del transport
        gc.collect()
        async with asyncio.timeout(30):
            while pool.lines:  # until its timer ends it
                await asyncio.sleep(0.01)

    asyncio.run(scenario())


class Slow:
    """A channel on which nothing comes for a while, though what was sent is being taken."""

    plain = True

    def __init__(self):
        self.queue = [30, 20, 20]

    def start(self, head, body):
        return [memoryview(body)]

    def push(self, left):
        left.clear()
        return True

    def unsent(self):
        return self.queue.pop(0)

    def wait(self, seconds, *, writing):
        return False

    def pull(self, answer):
        return False


def test_a_thread_waits_for_whoever_takes_what_was_sent():
    channel = Slow()
    line = BlockingLine(channel, KEY, lambda _: None)
    assert line.start(LARGE, answer(), 5.0, FOREVER) is False
    assert not channel.queue


def test_where_there_is_no_room_nothing_moves(ends):
    async def scenario(line, theirs):
        done = line.start(LARGE, answer(), 30.0, FOREVER)
        while line._moved:  # in turns, until it is full
            line._moved = 0.0
            line._write()
        assert line._left
        assert not done.done()

    on_a_line(ends, scenario)


def test_a_line_that_ended_reads_and_writes_no_more(ends):
    async def scenario(line, _theirs):
        line.close()
        assert await asyncio.wait_for(line.more(), 5)
        assert not line.write(b"more").done()

    on_a_line(ends, scenario)


def test_a_blocking_line_without_an_answer_to_read_has_nothing_to_wait_for(ends):
    assert BlockingLine(ends[0], KEY, lambda _: None).more()


class Taken:
    """A TLS connection that has taken bytes off the socket already."""

    def pending(self):
        return 5


def test_bytes_that_were_taken_off_the_socket_are_not_waited_for(ends):
    channel, _ = ends
    channel._secure = Taken()
    assert channel.wait(0, writing=False)


def test_a_stream_waits_for_its_place(vendor):
    url = vendor.url

    async def scenario():
        async with AsyncTransport(Limits(connections=1)) as transport:
            get = Request(method="GET", url=url)
            async with transport.stream(get):
                second = asyncio.create_task(stream(transport, get))
                await asyncio.sleep(0)
            assert await asyncio.wait_for(second, 5) > 0

    async def stream(transport, request):
        async with transport.stream(request) as answer:
            return answer.status

    asyncio.run(scenario())


class Ready:
    """A channel on which there is always something to read, for two seconds."""

    plain = True
    ends = 0.0

    def start(self, head, body):
        self.ends = monotonic() + 2.0
        return []

    def wait(self, seconds, *, writing):
        return True

    def pull(self, answer):
        if monotonic() > self.ends:
            raise ConnectionResetError
        answer.feed(b".")


def test_bytes_that_are_always_there_hold_no_thread_beyond_its_time():
    growing = answer()
    growing.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    line = BlockingLine(Ready(), KEY, lambda _: None)
    assert line.start(OUT, growing, 5.0, monotonic() + 0.02) is False


def test_bytes_that_come_too_late_end_the_exchange_on_an_event_loop(ends):
    channel, _ = ends

    async def scenario(line, theirs):
        done = line.start(OUT, answer(), 5.0, FOREVER)
        line._until = 0.0
        theirs.sendall(b"HTTP/1.1 200 OK\r\n")
        assert channel.wait(5.0, writing=False)
        line._readable()
        assert done.result() is False

    on_a_line(ends, scenario)


def test_what_is_sent_leaves_others_their_turn():
    class Roomy:
        def send(self, data):
            return len(data)

    left = [memoryview(bytes(30_000_000))]
    assert Channel.push(Roomy(), left)
    assert len(left) == 1
    while left:
        assert Channel.push(Roomy(), left)
    assert not Channel.push(Roomy(), left)


class TimeIsUpError(Exception):
    """What a time limit raises wherever a thread is."""


class Interrupting:
    """Limits under whose eyes something rises."""

    body_bytes_max = 1

    def __init__(self, error):
        self.error = error

    @property
    def cut(self):
        raise self.error


ENCODED = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeIsUpError])
def test_what_rises_while_an_answer_is_read_is_no_fault_of_the_answer(error):
    with pytest.raises(error) as caught:
        Incoming(Interrupting(error()), bodiless=False).feed(ENCODED)
    assert caught.value.__context__ is None


def test_it_is_heard_where_the_caller_is_handling_another_error_and_says_which():
    reading = Incoming(Interrupting(TimeIsUpError()), bodiless=False)

    def try_again():
        try:
            raise ConnectionResetError
        except OSError:
            reading.feed(ENCODED)

    with pytest.raises(TimeIsUpError) as caught:
        try_again()
    assert isinstance(caught.value.__context__, ConnectionResetError)
    assert reading.broken is None


def test_what_rises_at_a_piece_of_the_body_is_heard():
    reading = Incoming(Interrupting(TimeIsUpError()), bodiless=False)
    reading.feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    with pytest.raises(TimeIsUpError):
        reading.feed(b"2\r\nab\r\n")


def test_what_rises_before_a_step_of_ours_is_no_fault_of_the_answer_either():
    class Deaf:
        def feed_data(self, data):
            raise HttpParserCallbackError

    reading = answer()
    reading._parser = Deaf()
    with pytest.raises(HttpParserCallbackError):
        reading.feed(b"HTTP/1.1 200 OK\r\n")
    assert reading.broken is None


def test_what_rises_while_an_answer_is_read_ends_the_wait_and_reaches_the_loop(ends):
    told = []

    async def scenario(line, theirs):
        asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what))
        done = line.start(
            OUT, Incoming(Interrupting(TimeIsUpError()), bodiless=False), 20.0, FOREVER
        )
        theirs.sendall(ENCODED)
        assert await done
        assert line.closed
        assert isinstance(line.error, ConnectionAbortedError)

    on_a_line(ends, scenario)
    assert [type(one["exception"]) for one in told] == [TimeIsUpError]


def test_a_piece_that_is_sent_too_late_ends_the_exchange(ends):
    async def scenario(line, theirs):
        done = line.start(OUT, answer(), 5.0, FOREVER)
        line._until = 0.0
        room = line.write(b"x")
        assert done.result() is False
        assert not room.done()
        line.close()
        assert await line.more()

    on_a_line(ends, scenario)


class Talking:
    """A channel on which TLS talks on and on, and no byte of an answer comes."""

    plain = False
    pending = False

    def __init__(self, room):
        self.room = room

    def start(self, head, body):
        return [memoryview(body)] if body else []

    def push(self, left):
        return False

    def unsent(self):
        return 0

    def wait(self, seconds, *, writing):
        return True

    def pull(self, answer):
        return False


@pytest.mark.parametrize("out", [OUT, LARGE], ids=["receiving", "sending"])
def test_what_tls_says_is_no_byte_of_an_answer(out):
    line = BlockingLine(Talking(out), KEY, lambda _: None)
    assert line.start(out, answer(), 0.02, FOREVER) is False


def test_renegotiation_is_refused():
    assert context_of(Trust()).options & ssl.OP_NO_RENEGOTIATION


class StopError(BaseException):
    """A signal's handler raised it."""


class InterruptedLoop:
    """An event loop that a signal's handler interrupts at its n-th step, before or after it."""

    def __init__(self, loop, number, *, late):
        self._loop = loop
        self.left = number
        self._late = late

    def __getattr__(self, name):
        step = getattr(self._loop, name)

        def taken(*given):
            self.left -= 1
            if self.left == 0 and not self._late:
                raise StopError
            outcome = step(*given)
            if self.left == 0:
                raise StopError
            return outcome

        return taken


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_closing_that_was_interrupted_is_made_up_for(ends, number, late):
    channel, _ = ends
    gone = []

    async def play():
        loop = asyncio.get_running_loop()
        cut = InterruptedLoop(loop, 0, late=late)
        line = Line(cut, channel, KEY, 60.0, gone.append)
        line.start(LARGE, answer(), 60.0, FOREVER)
        while not line._left:  # until there is no room, so that it is listened to for room too
            line.write(bytes(1024 * 1024))
        cut.left = number
        with pytest.raises(StopError):
            line.close()
        line.close()
        assert gone == [line]
        assert channel._sock.fileno() == -1
        assert not loop.remove_reader(channel.fd)
        assert not loop.remove_writer(channel.fd)

    asyncio.run(play())


def test_loops_may_come_while_a_transport_is_closed(vendor):
    transport = AsyncTransport()
    get = Request(method="GET", url=vendor.url)

    async def closed():
        await transport.send(get)

        class Coming(dict):
            """Another thread's loop comes as this one closes."""

            def pop(self, key, *default):
                found = super().pop(key, *default)
                self.setdefault(other, pool)
                super().pop(gone, None)  # and one closes as well
                return found

        pool = Pool(Limits(), object, print)
        transport._pools = Coming({**transport._pools, gone: pool})
        await transport.close()
        assert list(transport._pools) == [other]

    other, gone = asyncio.new_event_loop(), asyncio.new_event_loop()
    asyncio.run(closed())
    other.close()
    gone.close()
    transport._pools.clear()
