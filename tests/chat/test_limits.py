"""What answers say of limits is heeded before the next request would be refused."""

import asyncio

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.calls.pace import RoutePace
from hardpoint.chat import ChatNotifier
from hardpoint.core.errors import RateLimitedError
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import emitter_of, fake
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.messages import Headers, Response
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.testing.clock import ManualClock
from hardpoint.testing.conformance.served import driver_of


class Limited:
    """A vendor that gives its answers of a limit with those of its fake."""

    def __init__(self, vendor, *limits):
        self.fake = fake(vendor)
        self.name, self.ledger, self.facts = vendor, self.fake.ledger, self.fake.facts
        self.limits = list(limits)
        self.requests = 0

    def answer(self, request: Received) -> FakeReply:
        self.requests += 1
        said = self.fake.answer(request)
        status, headers = self.limits.pop(0) if self.limits else (said.status, ())
        if status == 429:
            return FakeReply.json({"ok": False, "error": "ratelimited"}, 429, *headers)
        kept = tuple(pair for pair in said.headers if not pair[0].startswith("x-ratelimit"))
        return FakeReply(status=said.status, headers=(*kept, *headers), body=said.body)


def left(remaining, seconds, **more):
    facts = {"remaining": remaining, "reset-after": seconds, **more}
    return tuple((f"x-ratelimit-{name}", str(one)) for name, one in facts.items())


def play(vendor, *limits, then):
    async def run(url):
        transport, clock = AsyncTransport(), ManualClock()
        driver = driver_of(app.fake, transport, url)
        chat = ChatNotifier(driver, Connection("ops", AsyncRuntime(), clock=clock))
        try:
            await then(chat, clock, app)
        finally:
            await transport.close()

    app = Limited(vendor, *limits)
    with FakeServer(app) as server:
        asyncio.run(run(server.url))
    emitter_of(app.fake).close()


def test_a_bucket_that_is_used_up_bars_its_route_until_it_is_full_again():
    async def then(chat, clock, app):
        post = await chat.post("one")
        with pytest.raises(RateLimitedError) as caught:
            await chat.post("two")
        assert caught.value.retry_after == pytest.approx(2.0)
        assert app.requests == 1
        await chat.delete(post.id)
        clock.advance(2.1)
        await chat.post("two")
        assert app.requests == 3

    play("discord", (200, left(0, 2.0, bucket="b")), then=then)


def test_what_is_left_bars_nothing():
    async def then(chat, clock, app):
        for number in range(3):
            await chat.post(str(number))

    play("discord", (200, left(1, 2.0, bucket="b")), then=then)


def test_a_limit_of_everything_bars_everything():
    async def then(chat, clock, app):
        post = await chat.post("one")
        with pytest.raises(RateLimitedError):
            await chat.delete(post.id)

    play("discord", (200, left(0, 2.0, **{"global": "true"})), then=then)


@pytest.mark.parametrize("vendor", ["slack", "discord"])
def test_after_a_refusal_nothing_is_sent_until_it_may_be(vendor):
    async def then(chat, clock, app):
        for _ in range(2):
            with pytest.raises(RateLimitedError) as caught:
                await chat.post("one")
            assert caught.value.retry_after == pytest.approx(30)
        assert app.requests == 1
        clock.advance(31)
        await chat.post("one")

    play(vendor, (429, (("retry-after", "30"),)), then=then)


@pytest.mark.parametrize(
    ("headers", "waits"), [([], False), ([(b"x-ratelimit-remaining", b"3")], False)]
)
def test_a_refusal_that_says_no_time_bars_nothing(headers, waits):
    pace = RoutePace(None, ManualClock(), "acme")
    pace.heed("POST", "/a", Response(status=429, headers=Headers(headers), body=b""))
    pace.check("POST", "/a")
    assert not waits
