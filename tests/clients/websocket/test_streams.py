"""Messages over one connection after another."""

import asyncio
import json
import sys

import pytest
from tests.clients.websocket.conftest import SOON

from hardpoint.calls.events import AttemptEnded, CallEnded
from hardpoint.clients import Buffer, Follow, Gap
from hardpoint.clients.reconnecting import StreamLost, StreamResumed
from hardpoint.clients.websocket import following
from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    MisuseError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.events import Listeners
from hardpoint.fakes.faults import reset, status
from hardpoint.fakes.messages import FakeReply
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import constant


class Numbers:
    """A server that sends numbers; told where to begin, it goes on there, if it resumes."""

    def __init__(self, fake, count, *, drops=(), resumes=True):
        self.count, self.drops, self.resumes = count, set(drops), resumes
        self.next = 0
        fake.on(self.heard)

    def heard(self, socket, message):
        since = json.loads(message)["since"]
        if self.resumes and since is not None:
            self.next = int(since) + 1
        while self.next < self.count:
            socket.send(str(self.next))
            self.next += 1
            if self.next in self.drops:
                self.drops.remove(self.next)
                socket.drop()
                return


async def subscribe(socket, since):
    await socket.send(json.dumps({"since": since}))


async def numbers(socket, last):
    """All that comes up to one, each acknowledged."""
    found = []
    async for message in socket:
        found.append(message)
        if not isinstance(message, Gap):
            socket.ack(message)
            if int(message) == last:
                return found
    raise AssertionError("it has ended")


def test_messages_come_one_by_one(feed):
    feed.fake.on(opened=lambda socket: [socket.send(one) for one in ("a", b"b", "c")])

    async def three(socket):
        return [await anext(socket) for _ in range(3)]

    assert feed.run(three) == ["a", b"b", "c"]
    assert [type(one) for one in feed.told] == [AttemptEnded, CallEnded]


def test_ten_thousand_over_a_hundred_drops_come_once_each(feed):
    Numbers(feed.fake, 10_000, drops=range(100, 10_100, 100))
    found = feed.run(lambda socket: numbers(socket, 9_999), on_open=subscribe)
    assert found == [str(number) for number in range(10_000)]
    assert len(feed.fake.opened) >= 100


def test_a_hundred_drops_without_resuming_are_a_hundred_gaps(feed):
    Numbers(feed.fake, 10_000, drops=range(99, 9_901, 99), resumes=False)

    async def everything(socket):
        found, gaps = 0, 0
        async for message in socket:
            gaps += isinstance(message, Gap)
            found += not isinstance(message, Gap)
            if message == "9999":
                break
        return found, gaps

    found, gaps = feed.run(everything, on_open=subscribe)
    assert gaps == 100
    assert found <= 10_000


def test_a_point_is_where_it_begins_and_goes_on(feed):
    Numbers(feed.fake, 10)

    async def some(socket):
        found = await numbers(socket, 9)
        return found, socket.point

    assert feed.run(some, on_open=subscribe, since="6") == (["7", "8", "9"], "9")


def test_what_it_cannot_go_on_from_is_told(feed):
    feed.fake.on(opened=lambda socket: socket.send("x"))

    async def two(socket):
        await anext(socket)
        feed.fake.drop()
        gap = await anext(socket)
        return gap, await anext(socket)

    gap, message = feed.run(two)
    assert (gap.since, message) == (None, "x")
    assert "closed with 1006" in gap.reason
    [lost] = [one for one in feed.told if isinstance(one, StreamLost)]
    [resumed] = [one for one in feed.told if isinstance(one, StreamResumed)]
    assert (lost.wait, resumed.gap) == (1.0, True)


@pytest.mark.parametrize(
    ("code", "waits"),
    [(1000, 1.0), (1001, 1.0), (1011, 1.0), (1012, 1.0), (1013, 30.0), (4000, 1.0)],
)
def test_closes_that_are_followed_by_another_connection(feed, code, waits):
    feed.fake.on(opened=lambda socket: socket.send("x"))

    async def two(socket):
        await anext(socket)
        feed.fake.close(code, "see you")
        gap = await anext(socket)
        return gap.reason, await anext(socket)

    reason, message = feed.run(two)
    assert (message, feed.clock.waits) == ("x", [waits])
    assert f"closed with {code}: see you" in reason


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009, 1010, 3003, 4004])
def test_closes_that_are_final(feed, code):
    async def none(socket):
        feed.fake.close(code, "no")
        with pytest.raises(UnexpectedResponseError, match=f"closed with {code}: no") as caught:
            await anext(socket)
        with pytest.raises(StopAsyncIteration):
            await anext(socket)
        return caught.value.vendor_code

    assert feed.run(none, client=feed.client(closes={"4004": "refused"})) == str(code)
    assert len(feed.fake.opened) == 1


def test_a_close_may_be_the_end(feed):
    feed.fake.on(opened=lambda socket: (socket.send("x"), socket.close(1000)))

    async def all_there_is(socket):
        return [one async for one in socket]

    assert feed.run(all_there_is, client=feed.client(closes={"1000": "end"})) == ["x"]


def test_a_close_may_end_the_session(feed):
    Numbers(feed.fake, 3)

    async def some(socket):
        await numbers(socket, 2)
        feed.fake.close(4009)
        return await anext(socket)

    client = feed.client(closes={"4009": "anew"})
    assert feed.run(some, on_open=subscribe, client=client).since is None


class Account:
    """An account whose token is renewed when it was refused."""

    def __init__(self, renews=True):
        self.token = 1
        self._renews = renews

    async def headers(self):
        return (("authorization", f"Bearer t{self.token}"),)

    async def rejected(self, headers):
        self.token += self._renews

    def permits(self, host):
        return True

    def secrets(self):
        return (f"t{self.token}",)


def tokens(feed):
    return [one.request.headers["authorization"] for one in feed.fake.opened]


def test_each_connection_has_the_token_of_its_moment(feed):
    account = Account()
    feed.fake.on(opened=lambda socket: socket.send("x"))

    async def two(socket):
        await anext(socket)
        account.token = 5
        feed.fake.drop()
        await anext(socket)

    feed.run(two, client=feed.client(auth="oauth", key=account))
    assert tokens(feed) == ["Bearer t1", "Bearer t5"]


def test_a_handshake_that_is_refused_has_it_renewed_once(feed):
    feed.fake.refusal = FakeReply(status=401, body=b"who are you")

    async def nothing(socket):
        pass

    with pytest.raises(AuthenticationError, match="who are you"):
        feed.run(nothing, client=feed.client(auth="oauth", key=Account()))
    assert feed.server.requests == 2
    with pytest.raises(AuthenticationError):
        feed.run(nothing, client=feed.client(auth="oauth", key=Account(renews=False)))
    assert feed.server.requests == 3


@pytest.mark.parametrize("renews", [True, False])
def test_a_close_that_asks_for_other_credentials_gets_them_once(feed, renews):
    async def all_there_is(socket):
        feed.fake.on(opened=lambda one: one.close(4401))
        feed.fake.close(4401)
        with pytest.raises(AuthenticationError):
            [one async for one in socket]

    account = Account(renews)
    client = feed.client(auth="oauth", key=account, closes={"4401": "renew"})
    feed.run(all_there_is, client=client)
    assert tokens(feed) == ["Bearer t1", "Bearer t2"][: 1 + renews]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (FakeReply(status=404), NotFoundError),
        (
            FakeReply(status=302, headers=(("location", "ws://127.0.0.1:9/"),)),
            UnexpectedResponseError,
        ),
        (FakeReply(status=200), UnexpectedResponseError),
        (FakeReply(status=503), UnavailableError),
    ],
)
def test_a_handshake_that_is_refused_is_told(feed, reply, error):
    async def nothing(socket):
        pass

    feed.fake.refusal = reply
    with pytest.raises(error):
        feed.run(nothing)
    assert feed.server.requests == 1


def test_what_passes_is_waited_for(feed):
    feed.fake.on(opened=lambda socket: socket.send("x"))

    async def two(socket):
        await anext(socket)
        feed.server.faults.next(status(503))
        feed.server.faults.next(reset("headers"))
        feed.server.faults.next(status(429, headers=(("retry-after", "7"),)))
        feed.fake.drop()
        await anext(socket)
        return await anext(socket)

    assert feed.run(two) == "x"
    assert feed.clock.waits == [1.0, 1.0, 1.0, 7.0]


def test_an_address_is_asked_for_before_each_connection(feed):
    feed.fake.on(opened=lambda socket: socket.send("x"))
    asked = []

    async def address():
        asked.append(feed.url.replace("http", "ws") + f"/?ticket={len(asked)}")
        return asked[-1]

    async def two(socket):
        await anext(socket)
        feed.fake.drop()
        await anext(socket)

    feed.run(two, address)
    assert [one.request.target for one in feed.fake.opened] == ["/?ticket=0", "/?ticket=1"]


def test_an_address_of_another_host_sees_no_credentials(feed):
    async def address():
        return feed.url.replace("http://127.0.0.1", "ws://localhost") + "/x"

    async def nothing(socket):
        pass

    client = feed.client(auth="oauth", key=Account())
    with pytest.raises(ConfigurationError, match="has no 'localhost'"):
        feed.run(nothing, address, client=client)
    feed.run(
        nothing, address, client=feed.client(auth="oauth", key=Account(), hosts=("localhost",))
    )
    assert "authorization" not in feed.fake.opened[0].request.headers

    async def elsewhere():
        return "ftp://127.0.0.1/"

    with pytest.raises(Exception, match="no address of a WebSocket"):
        feed.run(nothing, elsewhere)


def test_what_is_sent_arrives_and_can_be_confirmed(feed):
    async def sending(socket):
        await socket.send("a")
        await socket.send(b"b", confirm=True)
        return [*feed.fake.received]

    assert feed.run(sending) == ["a", b"b"]


def test_what_cannot_be_sent_or_confirmed_says_so(feed, monkeypatch):
    monkeypatch.setattr(following, "SEND_SECONDS", 0.05)

    async def sending(socket):
        feed.fake.wait_for(1)
        feed.fake.opened[0].deaf = True
        with pytest.raises(OutcomeUnknownError):
            await socket.send("a", confirm=True)
        await socket.close()
        with pytest.raises(UnavailableError, match="no connection"):
            await socket.send("b")
        with pytest.raises(UnavailableError, match="no connection"):
            await socket.receive()

    feed.run(sending)


def test_on_open_hears_before_the_others(feed):
    feed.fake.on(opened=lambda socket: [socket.send(one) for one in ("hello", "x")])

    async def greet(socket, since):
        assert await socket.receive() == "hello"

    async def one(socket):
        return await anext(socket)

    assert feed.run(one, on_open=greet) == "x"


def test_a_greeting_that_fails_is_an_opening_that_fails(feed):
    feed.fake.on(opened=lambda socket: socket.close(1008, "no"))

    async def greet(socket, since):
        await socket.receive()

    async def nothing(socket):
        pass

    with pytest.raises(UnexpectedResponseError, match="closed with 1008"):
        feed.run(nothing, on_open=greet)


def test_a_peer_that_answers_no_ping_is_gone(feed, monkeypatch):
    monkeypatch.setattr(following, "PING_SECONDS", 0.05)
    monkeypatch.setattr(following, "PONG_SECONDS", 0.05)
    feed.fake.on(opened=lambda socket: setattr(socket, "deaf", len(feed.fake.opened) == 1))

    async def one(socket):
        return await anext(socket)

    assert "no answer to a ping" in feed.run(one).reason


def test_one_that_answers_pings_and_says_nothing_is_gone_after_its_idle_time(feed):
    async def one(socket):
        return await anext(socket)

    assert "silent for 0.1 s" in feed.run(one, follow=Follow(constant(1.0), idle=0.1)).reason


def test_one_who_works_on_a_message_is_not_the_other_sides_silence(feed, monkeypatch):
    monkeypatch.setattr(following, "PING_SECONDS", 0.01)
    feed.fake.on(opened=lambda socket: socket.send("x"))

    async def slow(socket):
        await anext(socket)
        await asyncio.sleep(0.1)
        feed.fake.send("y")
        return await anext(socket)

    assert feed.run(slow, follow=Follow(constant(1.0), idle=0.05)) == "y"


def test_a_full_buffer_makes_the_other_side_wait(feed):
    feed.fake.on(opened=lambda socket: [socket.send(str(number)) for number in range(500)])

    async def everything(socket):
        await asyncio.sleep(0.05)
        return [await anext(socket) for _ in range(500)]

    assert feed.run(everything, buffer=Buffer(10)) == [str(number) for number in range(500)]


def test_a_full_buffer_may_drop_the_oldest(feed):
    feed.fake.on(opened=lambda socket: [socket.send(str(number)) for number in range(100)])

    async def everything(socket):
        await asyncio.sleep(0.2)
        found = [await anext(socket) for _ in range(11)]
        feed.fake.send("more")
        return [*found, await anext(socket)]

    gap, *kept, last = feed.run(everything, buffer=Buffer(10, "drop_oldest"))
    assert gap.reason == "90 messages dropped: the buffer was full"
    assert (kept, last) == ([str(number) for number in range(90, 100)], "more")


def test_a_full_buffer_may_close_and_go_on_later(feed):
    def heard(socket, message):
        since = json.loads(message)["since"]
        numbers_ = range(20) if since is None else range(int(since) + 1, 100)
        for number in numbers_:
            socket.send(str(number))

    feed.fake.on(heard)

    async def everything(socket):
        await asyncio.sleep(0.2)
        return await numbers(socket, 99)

    found = feed.run(everything, buffer=Buffer(10, "close"), on_open=subscribe)
    assert found == [str(number) for number in range(100)]
    assert len(feed.fake.opened) > 1


@pytest.mark.parametrize("rule", ["drop_oldest", "close"])
def test_what_reads_ahead_is_taken_up_again_too(feed, rule):
    Numbers(feed.fake, 20, drops=[10])
    found = feed.run(lambda socket: numbers(socket, 19), buffer=Buffer(30, rule), on_open=subscribe)
    assert found == [str(number) for number in range(20)]


def test_what_would_fill_the_memory_is_refused(feed):
    with pytest.raises(ConfigurationError, match="more than 256 MiB"):
        feed.client().connect(buffer=Buffer(1000))
    with pytest.raises(ConfigurationError, match="when_full"):
        Buffer(when_full="grow")


def test_a_message_that_is_too_large_ends_it(feed):
    feed.fake.on(opened=lambda socket: socket.send("x" * 2000))

    async def one(socket):
        await anext(socket)

    with pytest.raises(UnexpectedResponseError, match="closed with 1009"):
        feed.run(one, follow=Follow(bytes_max=1000))


def test_one_that_is_closed_by_another_task_ends(feed):
    async def closing(socket):
        waiting = asyncio.create_task(anext(socket, "the end"))
        await asyncio.sleep(0.01)
        with pytest.raises(MisuseError, match="one at a time"):
            await anext(socket)
        await socket.close()
        return await waiting

    assert feed.run(closing) == "the end"


def test_one_that_is_closed_while_it_waits_does_not_come_back(feed):
    class Slow:
        now = staticmethod(feed.clock.now)
        monotonic = staticmethod(feed.clock.monotonic)

        async def sleep(self, seconds):
            await asyncio.Event().wait()

    client = feed.client()
    object.__setattr__(client.connection, "clock", Slow())

    async def closing(socket):
        feed.fake.wait_for(1)
        feed.fake.drop()
        waiting = asyncio.create_task(anext(socket, "the end"))
        while not any(isinstance(one, StreamLost) for one in feed.told):
            await asyncio.sleep(0.001)
        await socket.close()
        return await waiting

    assert feed.run(closing, client=client) == "the end"
    assert len(feed.fake.opened) == 1


def test_who_stops_waiting_may_ask_again(feed):
    async def polling(socket):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(socket), 0.01)
        feed.fake.send("x")
        return await anext(socket)

    assert feed.run(polling) == "x"
    assert len(feed.fake.opened) == 1


def test_one_may_be_given_up_for_another(feed):
    feed.fake.on(opened=lambda socket: socket.send("x"))

    async def two(socket):
        await anext(socket)
        socket.restart("it is dead")
        gap = await anext(socket)
        found = await anext(socket)
        await socket.close()
        socket.restart("nothing to give up")
        return gap.reason, found

    reason, found = feed.run(two)
    assert ("it is dead" in reason, found) == (True, "x")


def test_a_place_is_held_while_it_is_open(feed):
    policy = Policy("feed", bulkhead=Bulkhead(1, queue=0), clock=feed.clock)
    client = feed.client(policy=policy)

    async def second(socket):
        with pytest.raises(Exception, match="Too many"):
            await client.connect(follow=SOON).__aenter__()

    feed.run(second, client=client)
    feed.run(lambda socket: asyncio.sleep(0), client=client)


def test_nobody_needs_to_listen(feed):
    feed.fake.on(opened=lambda socket: socket.send("x"))
    client = feed.client()
    object.__setattr__(client.connection, "listeners", Listeners())

    async def two(socket):
        await anext(socket)
        feed.fake.drop()
        await anext(socket)
        return await anext(socket)

    assert feed.run(two, client=client) == "x"
    feed.fake.refusal = FakeReply(status=404)
    with pytest.raises(NotFoundError):
        feed.run(two, client=client)


@pytest.mark.parametrize("closes", [{"4": "again"}, {"4004": "maybe"}])
def test_a_close_that_means_nothing_is_refused(feed, closes):
    with pytest.raises(ConfigurationError, match=r"closes\.4"):
        feed.client(closes=closes)


def test_it_needs_its_extra(feed, monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(ConfigurationError, match=r"hardpoint\[websocket\]"):
        feed.client()


def test_an_opening_that_is_cancelled_leaves_nothing_open(feed):
    async def hang(socket, since):
        await asyncio.Event().wait()

    async def cancelled():
        opening = asyncio.create_task(feed.client().connect(on_open=hang).__aenter__())
        while not feed.fake.opened:
            await asyncio.sleep(0.001)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        feed.fake._sockets.wait_for(lambda: not feed.fake._sockets._open, 5)

    asyncio.run(cancelled())
    assert [one.error for one in feed.told] == ["cancelled", "cancelled"]
