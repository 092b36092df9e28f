"""Subscriptions: both protocols, in both modes where there are both."""

import asyncio
from dataclasses import dataclass

import pytest
from tests.clients.graphql.conftest import Api

from hardpoint.clients import Follow, Gap, GraphQLError, GraphQLSettings
from hardpoint.clients.graphql.fake import FakeGraphQL
from hardpoint.clients.reconnecting import StreamLost
from hardpoint.core.errors import (
    ConfigurationError,
    InvalidRequestError,
    UnexpectedResponseError,
    UnsupportedError,
)
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.resilience.retry import constant
from hardpoint.runtime.blocking import BlockingRuntime, step

ORDERS = "subscription Orders($after: Int) { orders(after: $after) { id } }"
SOON = Follow(constant(1.0), idle=5.0)


@dataclass
class Order:
    id: int


@dataclass
class Told:
    orders: Order


class Subscribing:
    """Follows one API by one protocol, in one mode."""

    def __init__(self, api, protocol):
        self.api = api
        self.fake = api.fake
        self.options = {"subscriptions": protocol}

    def follow(self, take, document=ORDERS, variables=None, *, client=None, **options):
        """What `take` says, a function of what gives the next result."""
        options.setdefault("follow", SOON)
        shop = client or self.api.client(**self.options)
        opening = shop.subscribe(document, variables, **options)
        if isinstance(self.api.mode.runtime, BlockingRuntime):
            with opening as opened:
                items = iter(opened)

                async def following():
                    return next(items)

                return step(take(following))

        async def asynchronous():
            async with asyncio.timeout(60), opening as opened:
                return await take(lambda: anext(aiter(opened)))

        return self.api.do(asynchronous())


@pytest.fixture(params=["websocket", "sse"])
def shop(request, mode):
    with FakeServer(FakeGraphQL()) as server:
        protocol = request.param
        if isinstance(mode.runtime, BlockingRuntime):  # which has one of them; see below
            protocol = "sse"
        yield Subscribing(Api(mode, server.url, server.app), protocol)


def counting(feed, variables):
    begin = (variables.get("after") or 0) + 1
    for number in range(begin, begin + 3):
        feed.send({"orders": {"id": number}})


def test_results_come_one_by_one(shop):
    feed = shop.fake.subscription("Orders", counting)

    async def three(following):
        return [(await following()).orders.id for _ in range(3)]

    assert shop.follow(three, variables={"after": 4}, into=Told) == [5, 6, 7]
    assert feed.asked == [{"after": 4}]


def test_what_was_missed_is_asked_for_by_variables(shop):
    feed = shop.fake.subscription("Orders", counting)

    async def nine(following):
        found = []
        for _ in range(3):
            found += [(await following())["orders"]["id"] for _ in range(3)]
            feed.drop()
        return found

    found = shop.follow(nine, resume=lambda last: {"after": last["orders"]["id"]})
    assert found == list(range(1, 10))
    feed.wait_for(3)
    assert feed.asked[:3] == [{}, {"after": 3}, {"after": 6}]


def test_without_them_there_is_a_gap(shop):
    feed = shop.fake.subscription("Orders", counting)

    async def taken(following):
        found = [await following() for _ in range(3)]
        feed.drop()
        return [*found, await following(), await following()]

    found = shop.follow(taken)
    assert [type(one) for one in found] == [dict, dict, dict, Gap, dict]


def test_an_error_is_raised_and_the_next_result_follows(shop):
    def begin(feed, variables):
        feed.send({"orders": None}, errors=[{"message": "no order", "path": ["orders"]}])
        feed.send({"orders": {"id": 2}})

    shop.fake.subscription("Orders", begin)

    async def two(following):
        with pytest.raises(GraphQLError, match="no order"):
            await following()
        return await following()

    assert shop.follow(two) == {"orders": {"id": 2}}


def test_it_may_be_refused_or_end(shop):
    shop.fake.subscription("Orders", lambda feed, _: feed.refuse("not today"))

    async def refused(following):
        with pytest.raises(GraphQLError, match="not today"):
            await following()
        with pytest.raises((StopAsyncIteration, StopIteration, RuntimeError)):
            await following()
        return True

    assert shop.follow(refused)
    shop.fake.subscription("Orders", lambda feed, _: feed.complete())

    async def ended(following):
        with pytest.raises((StopAsyncIteration, StopIteration, RuntimeError)):
            await following()
        return True

    assert shop.follow(ended)


def test_what_nobody_knows_is_refused(shop):
    async def one(following):
        return await following()

    with pytest.raises((GraphQLError, InvalidRequestError)):
        shop.follow(one)
    with pytest.raises(InvalidRequestError, match="its verb is subscribe"):
        shop.api.do(shop.api.client().query(ORDERS))
    with pytest.raises(InvalidRequestError, match="its verb is query"):
        shop.follow(one, "query A { a }")


def test_what_is_no_result_is_refused(shop):
    shop.fake.subscription("Orders", lambda feed, _: feed._tell("next", {"x": 1}))

    async def one(following):
        return await following()

    with pytest.raises(UnexpectedResponseError, match="neither data nor errors"):
        shop.follow(one)
    shop.fake.subscription("Orders", lambda feed, _: feed._tell("error", "no"))
    with pytest.raises((UnexpectedResponseError, GraphQLError)):
        shop.follow(one)
    shop.fake.subscription("Orders", lambda feed, _: feed._tell("perhaps", 1))
    with pytest.raises(UnexpectedResponseError, match="sent 'perhaps'"):
        shop.follow(one)


def test_a_socket_is_greeted_with_the_credentials_and_its_pings_are_answered(mode):
    if isinstance(mode.runtime, BlockingRuntime):
        return
    with FakeServer(FakeGraphQL()) as server:
        shop = Subscribing(Api(mode, server.url, server.app), "websocket")
        shop.options |= {"auth": "bearer", "key": Key()}
        feed = shop.fake.subscription("Orders", counting)

        async def taken(following):
            for _ in range(3):
                await following()
            feed.drop()
            for _ in range(4):
                await following()

        shop.follow(taken)
        assert shop.fake.greeted == [{"authorization": "Bearer k"}] * 2
        assert "pong" in shop.fake.said
        while "complete" not in shop.fake.said:
            pass


def test_one_that_is_closed_while_it_waits_does_not_come_back(mode):
    if isinstance(mode.runtime, BlockingRuntime):
        return
    with FakeServer(FakeGraphQL()) as server:
        api = Api(mode, server.url, server.app)
        feed = api.fake.subscription("Orders", counting)
        shop = api.client()

        class Slow:
            now = staticmethod(api.clock.now)
            monotonic = staticmethod(api.clock.monotonic)

            async def sleep(self, seconds):
                waits.set()
                await asyncio.Event().wait()

        object.__setattr__(shop.connection, "clock", Slow())
        waits = asyncio.Event()

        async def closing():
            orders = shop.subscribe(ORDERS, follow=SOON)
            await orders.__aenter__()
            for _ in range(3):
                await anext(aiter(orders))
            feed.drop()
            waiting = asyncio.create_task(anext(aiter(orders), "the end"))
            await waits.wait()
            await orders.__aexit__(None, None, None)
            return await waiting

        assert api.do(closing()) == "the end"
        assert len(feed.asked) == 1


def test_blocking_code_has_no_sockets(mode):
    if not isinstance(mode.runtime, BlockingRuntime):
        return
    with FakeServer(FakeGraphQL()) as server:
        shop = Api(mode, server.url, server.app).client()
        with pytest.raises(UnsupportedError, match="asynchronous only"):
            shop.subscribe(ORDERS)


@pytest.mark.parametrize(
    "said", ['{"type":"connection_error"}', "no JSON", '{"type":"error","payload":[]}']
)
def test_one_who_greets_otherwise_speaks_something_else(mode, said):
    if isinstance(mode.runtime, BlockingRuntime):
        return

    class Rude(FakeGraphQL):
        def heard(self, socket, message):
            socket.send(said)

    with FakeServer(Rude()) as server:
        shop = Subscribing(Api(mode, server.url, server.app), "websocket")
        with pytest.raises(UnexpectedResponseError, match=r"greets with|no message"):
            shop.follow(lambda following: following())


def test_settings_say_how_and_where():
    base = {"base_url": "https://shop.example", "auth": "none"}
    with pytest.raises(ConfigurationError, match="subscriptions"):
        GraphQLSettings(**base, subscriptions="carrier pigeon")
    with pytest.raises(ConfigurationError, match="subscriptions_path"):
        GraphQLSettings(**base, subscriptions_path="events")


def test_an_answer_that_is_no_stream_is_told(shop):
    shop.fake.on("*", lambda asked: FakeReply(status=200))
    shop.fake.subscription("Orders", counting)

    async def one(following):
        return (await following())["orders"]

    assert shop.follow(one, follow=Follow(constant(1.0), idle=None)) == {"id": 1}
    assert not [one for one in getattr(shop.api, "told", []) if isinstance(one, StreamLost)]


class Key:
    """A bearer's key."""

    async def headers(self):
        return (("authorization", "Bearer k"),)

    async def rejected(self, headers):
        pass

    def permits(self, host):
        return True

    def secrets(self):
        return ("k",)
