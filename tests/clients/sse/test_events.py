"""Events over one connection after another: none lost, none twice; else there is a gap."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest

from hardpoint.clients import Follow, Gap
from hardpoint.clients.reconnecting import StreamLost, StreamResumed
from hardpoint.core.errors import (
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    InvalidRequestError,
    MisuseError,
    NotFoundError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.fakes.faults import reset, status
from hardpoint.fakes.messages import FakeReply
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import constant

SOON = Follow(constant(1.0), idle=5.0)


def test_events_come_one_by_one(api, feed):
    feed.send("first", id="1")
    feed.send("two\nlines", event="add", id="2")

    async def two(following, events):
        one = await following()
        return one, await following(), events.last_id

    one, other, last = api.follow(two)
    assert (one.name, one.data, one.id) == ("message", "first", "1")
    assert (other.name, other.data, last) == ("add", "two\nlines", "2")
    assert api.last.headers["accept"] == "text/event-stream"
    assert "last-event-id" not in api.last.headers


def test_one_that_breaks_is_taken_up_where_it_was(api, feed):
    feed.send("first", id="é1")

    async def taken(following, events):
        found = [await following()]
        feed.drop()
        feed.send("second", id="2")
        return [*found, await following()]

    assert [one.data for one in api.follow(taken, follow=SOON)] == ["first", "second"]
    assert feed.asked == ["", "é1"]
    assert api.clock.waits == [1.0]


def test_one_that_goes_on_where_a_process_stopped(api, feed):
    for number in range(5):
        feed.send(str(number), id=str(number))

    async def one(following, events):
        return await following()

    assert api.follow(one, last_id="2").data == "3"


@pytest.mark.parametrize("named", [True, False])
def test_what_cannot_be_taken_up_is_told_as_a_gap(api, named):
    feed = api.fake.events("/stream", resumes=False)

    async def taken(following, events):
        found = []
        for number in range(3):
            feed.wait_for(number + 1)
            feed.send(str(number), id="7" if named else None)
            found.append((await following()).data)
            feed.close()
            found.append(await following())
        return found

    found = api.follow(taken, follow=Follow(constant(1.0), resumes=False))
    assert found[::2] == ["0", "1", "2"]
    since = "7" if named else None
    assert {(type(one), one.since) for one in found[1::2]} == {(Gap, since)}
    assert "ended the stream" in found[1].reason
    assert feed.asked == ["", "", "", ""]


@pytest.mark.parametrize("identity", ["x" * 5000, "a\x01b", " "])
def test_an_id_that_no_header_carries_is_none(api, identity):
    feed = api.fake.events("/stream", resumes=False)

    async def taken(following, events):
        feed.send("a", id=identity)
        await following()
        feed.drop()
        return await following()

    assert isinstance(api.follow(taken, follow=SOON), Gap)


def test_events_over_a_hundred_drops_come_once_each(api, feed):
    async def everything(following, events):
        found = []
        for _ in range(100):
            for _ in range(20):
                number = str(len(found))
                feed.send(number, id=number)
                found.append((await following()).data)
            feed.drop()
        return found

    found = api.follow(everything, follow=SOON)
    assert found == [str(number) for number in range(2_000)]
    assert len(feed.asked) >= 100


def test_a_hundred_drops_without_resuming_are_a_hundred_gaps(api):
    feed = api.fake.events("/stream", resumes=False)

    async def everything(following, events):
        found = []
        for number in range(100):
            feed.wait_for(number + 1)
            feed.send("x")
            found.append(await following())
            feed.drop()
            found.append(await following())
        return found

    found = api.follow(everything, follow=SOON)
    assert sum(isinstance(one, Gap) for one in found) == 100
    assert len(found) == 200


def test_204_is_the_end(api, feed):
    async def all_there_is(following, events):
        await following()
        feed.end()
        with pytest.raises((StopAsyncIteration, StopIteration, RuntimeError)):
            await following()
        return True

    feed.send("x", id="1")
    assert api.follow(all_there_is, follow=SOON)
    assert len(feed.asked) == 2


def test_it_may_be_the_end_at_once(api, feed):
    feed.end()
    found = api.run(collected(api.client().events("/stream")))
    assert found == []


def test_the_wait_that_the_server_asks_for_is_the_least(api, feed):
    feed.write(b"retry: 4000\n\n")
    feed.send("a", id="1")

    async def taken(following, events):
        await following()
        feed.drop()
        feed.send("b", id="2")
        return await following()

    assert api.follow(taken, follow=SOON).data == "b"
    assert api.clock.waits == [4.0]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(404), NotFoundError),
        (status(400), InvalidRequestError),
        (status(401), AuthenticationError),
    ],
)
def test_a_refusal_is_raised_and_not_tried_again(api, feed, fault, error):
    feed.send("a", id="1")

    async def taken(following, events):
        await following()
        api.server.faults.next(fault)
        feed.drop()
        with pytest.raises(error):
            await following()
        with pytest.raises((StopAsyncIteration, StopIteration, RuntimeError)):
            await following()
        return api.server.requests

    assert api.follow(taken, follow=SOON) == 2
    api.server.faults.next(fault)
    api.fails_with(error)


def test_what_passes_is_waited_for(api, feed):
    feed.send("a", id="1")

    async def taken(following, events):
        await following()
        api.server.faults.next(status(503))
        api.server.faults.next(reset("headers"))
        api.server.faults.next(status(429, headers=(("retry-after", "7"),)))
        feed.drop()
        feed.send("b", id="2")
        return await following()

    assert api.follow(taken, follow=SOON).data == "b"
    assert api.clock.waits == [1.0, 1.0, 1.0, 7.0]
    lost = [one for one in api.told if isinstance(one, StreamLost)]
    assert [one.wait for one in lost] == api.clock.waits
    [resumed] = [one for one in api.told if isinstance(one, StreamResumed)]
    assert (resumed.gap, resumed.seconds) == (False, 10.0)


def test_in_the_end_it_is_given_up(api, feed):
    feed.send("a", id="1")

    async def taken(following, events):
        await following()
        api.server.faults.next(status(503), times=1000)
        feed.drop()
        with pytest.raises(UnavailableError, match="503"):
            await following()
        return sum(api.clock.waits)

    assert 590 <= api.follow(taken, follow=Follow(constant(20.0))) <= 600


def test_waits_grow_until_a_connection_has_lasted(api, feed):
    feed.send("a", id="1")

    async def taken(following, events):
        await following()
        for number, lasts in enumerate([0, 0, 60, 0]):
            api.clock.advance(lasts)
            feed.drop()
            feed.send("b", id=str(number + 2))
            await following()

    api.follow(taken, follow=Follow(lambda tries, wait, random: float(tries)))
    assert api.clock.waits == [1.0, 2.0, 1.0, 2.0]


def test_a_circuit_that_is_open_is_waited_for(api, feed):
    feed.send("a", id="1")
    policy = Policy("crm", breaker=Breaker(failures=3, recovery=60), clock=api.clock)

    async def taken(following, events):
        await following()
        policy.breaker.force_open()
        feed.drop()
        with pytest.raises(CircuitOpenError):
            await following()

    api.follow(taken, client=api.client(policy=policy), follow=Follow(constant(20.0)))
    assert api.server.requests == 1


def test_one_that_accepts_and_drops_opens_the_circuit(api):
    feed = api.fake.events("/stream", resumes=False)
    policy = Policy("crm", breaker=Breaker(failures=3, recovery=600), clock=api.clock)

    async def taken(following, events):
        for number in range(1, 5):
            feed.wait_for(number)
            feed.drop()
            await following()

    if not hasattr(api.client(), "connection"):  # a blocking one counts openings alone
        return
    give_up = Follow(constant(20.0), give_up=300.0)
    with pytest.raises(CircuitOpenError):
        api.follow(taken, client=api.client(policy=policy), follow=give_up)
    assert len(feed.asked) == 3


def test_silence_is_no_connection(api, feed):
    feed.send("a", id="1")

    async def taken(following, events):
        await following()
        feed.write(b": heartbeat\n\n")
        return await following()

    def more(request):
        if len(feed.asked) == 1:
            feed.send("b", id="2")
        return feed.reply(request)

    api.fake.on(
        "GET /stream", lambda request: feed.reply(request) if not feed.asked else more(request)
    )
    assert api.follow(taken, follow=Follow(constant(1.0), idle=0.1)).data == "b"
    assert feed.asked == ["", "1"]


@pytest.mark.parametrize(
    "reply",
    [
        FakeReply(headers=(("content-type", "text/html"),), body=b"data: a\n\n"),
        FakeReply(body=b"data: a\n\n"),
        FakeReply(status=201, headers=(("content-type", "text/event-stream"),)),
    ],
)
def test_what_is_no_stream_of_events_is_refused(api, reply):
    api.fake.on("GET /stream", lambda request: reply)
    api.fails_with(UnexpectedResponseError)
    assert api.server.requests == 1


def test_an_endless_line_ends_it(api, feed):
    feed.write(b"x" * 5000)
    error = api.fails_with(UnexpectedResponseError, follow=Follow(bytes_max=1000))
    assert "larger than 1000" in str(error)
    assert api.server.requests == 1


def test_it_comes_compressed_where_asked(api):
    body = gzip.compress(b"data: a\n\ndata: b\n\n")
    kind = ("content-type", "text/event-stream; charset=utf-8")
    reply = FakeReply(headers=(kind, ("content-encoding", "gzip")), body=body)
    api.fake.on("GET /stream", lambda request: reply)

    async def two(following, events):
        return (await following()).data + (await following()).data

    assert api.follow(two, compressed=True) == "ab"
    assert "gzip" in api.last.headers["accept-encoding"]
    api.fails_with(UnexpectedResponseError)


def test_wherever_it_is_cut_each_event_comes_once(api):
    frames = [b"id: %d\ndata: %d\n\n" % (number, number) for number in range(4)]
    stream = b"".join(frames)
    kind = (("content-type", "text/event-stream"),)
    cut = 0

    def served(request):
        last = request.headers.get("last-event-id")
        if last is None and not begun:
            begun.append(True)
            return FakeReply(headers=kind, body=stream[:cut])
        rest = stream if last is None else b"".join(frames[int(last) + 1 :])
        return FakeReply(headers=kind, body=rest) if rest else FakeReply(status=204)

    api.fake.on("GET /stream", served)
    crm = api.client()
    for cut in range(len(stream) + 1):
        begun = []
        found = api.run(collected(crm.events("/stream", follow=SOON)))
        data = [one.data for one in found if not isinstance(one, Gap)]
        assert data == ["0", "1", "2", "3"], cut


def test_a_bomb_is_not_unfolded(api):
    engine = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1024 * 1024)
    bomb = b"".join(engine.compress(zeros) for _ in range(100)) + engine.flush()
    headers = (("content-type", "text/event-stream"), ("content-encoding", "gzip"))
    api.fake.on("GET /stream", lambda request: FakeReply(headers=headers, body=bomb))
    tracemalloc.start()
    try:
        api.fails_with(UnexpectedResponseError, compressed=True)
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert api.server.requests == 1


def test_it_is_read_within_its_block_by_one_and_opened_once(api, feed):
    events = api.client().events("/stream")
    with pytest.raises(MisuseError, match="within its block"):
        api.run(first(events))
    api.run(opened(events))
    with pytest.raises(MisuseError, match="opened once"):
        api.run(opened(events))
    with pytest.raises(ConfigurationError, match="idle"):
        Follow(idle=0)
    with pytest.raises(ConfigurationError, match="backoff"):
        Follow(-1.0)


def test_a_wait_may_be_plain_seconds_and_a_silence_without_end(api, feed):
    feed.send("a", id="1")

    async def taken(following, events):
        await following()
        feed.drop()
        feed.send("b", id="2")
        return await following()

    assert api.follow(taken, follow=Follow(2.5, idle=None)).data == "b"
    assert api.clock.waits == [2.5]


def test_one_that_is_closed_while_it_waits_ends_at_once(api, feed):
    class Slow:
        now = staticmethod(api.clock.now)
        monotonic = staticmethod(api.clock.monotonic)

        async def sleep(self, seconds):
            await asyncio.Event().wait()

    crm = api.client()
    if not hasattr(crm, "connection"):  # a blocking one is read and closed by one thread
        return
    object.__setattr__(crm.connection, "clock", Slow())

    async def closing():
        events = crm.events("/stream", follow=SOON)
        async with events as opened:
            waiting = asyncio.create_task(anext(aiter(opened), "the end"))
            feed.wait_for(1)
            feed.drop()
            while not any(isinstance(one, StreamLost) for one in api.told):
                await asyncio.sleep(0.001)
        return await asyncio.wait_for(waiting, 5)

    assert api.run(closing()) == "the end"
    assert len(feed.asked) == 1


def test_who_stops_waiting_may_ask_again(api, feed):
    crm = api.client()
    if not hasattr(crm, "connection"):
        return
    feed.send("a", id="1")

    async def taken():
        async with crm.events("/stream", follow=SOON) as events:
            items = aiter(events)
            await anext(items)
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(items), 0.01)
            waiting = asyncio.create_task(anext(items))
            await asyncio.sleep(0)
            with pytest.raises(MisuseError, match="one at a time"):
                await anext(items)
            feed.send("b", id="2")
            return (await waiting).data

    assert api.do(taken()) == "b"
    assert len(feed.asked) == 1


def test_one_that_is_closed_while_it_waits_does_not_come_back(api, feed):
    crm = api.client()
    if not hasattr(crm, "connection"):
        return
    feed.send("a", id="1")

    class Slow:
        now = staticmethod(api.clock.now)
        monotonic = staticmethod(api.clock.monotonic)

        async def sleep(self, seconds):
            await waits.wait()

    async def taken():
        events = crm.events("/stream", follow=SOON)
        await events.__aenter__()
        await anext(aiter(events))
        feed.drop()
        waiting = asyncio.create_task(anext(aiter(events)))
        while not any(isinstance(one, StreamLost) for one in api.told):
            await asyncio.sleep(0.001)
        await events.__aexit__(None, None, None)
        waits.set()
        with pytest.raises(StopAsyncIteration):
            await waiting

    object.__setattr__(crm.connection, "clock", Slow())
    waits = asyncio.Event()
    api.do(taken())
    assert len(feed.asked) == 1


async def collected(events):
    if hasattr(events, "__aenter__"):
        async with events as opened_:
            return [one async for one in opened_]
    with events as opened_:
        return list(opened_)


async def opened(events):
    if hasattr(events, "__aenter__"):
        async with events:
            pass
    else:
        with events:
            pass


async def first(events):
    if hasattr(events, "__aenter__"):
        return await anext(aiter(events))
    return next(iter(events))
