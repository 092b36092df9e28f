"""What a vendor's answers say of its limits, heeded under clients and SDKs: it only slows down."""

import asyncio

import httpx2
import pytest

from hardpoint import GuardedConnection, Policy, RateLimit, RateLimitedError, Retry, SdkSettings
from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.integrations.httpx import guarded
from hardpoint.testing import ManualClock

from .conftest import OK, answer
from .test_matrix import EVERY


def told(remaining, reset, status=200, **more):
    headers = {"x_ratelimit_remaining": str(remaining), "x_ratelimit_reset": str(reset)}
    return answer(status, {"ok": True}, **headers, **more)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def metered(clock):
    """A policy with a limit that is never reached by itself."""

    def make(**options):
        rate = RateLimit(1e7, burst=1_000_000)
        retry = Retry(2, backoff=0)
        return Policy("vendor", rate=rate, retry=retry, deadline=86400, clock=clock, **options)

    return make


@pytest.fixture
def connection(metered, clock):
    def make(policy=None, **settings):
        policy = policy or metered()
        return GuardedConnection(
            "vendor",
            "sdk",
            lambda: policy,
            lambda: SdkSettings(**settings),
            clock=clock,
            ids=Uuid7(),
            listeners=Listeners(),
        )

    return make


@pytest.fixture
def send():
    clients = []

    def open_client(under):
        client = httpx2.Client(transport=guarded(under))
        clients.append(client)
        return client.get

    yield open_client
    for client in clients:
        client.close()


@pytest.mark.parametrize("client", EVERY, ids=lambda one: one.__name__)
def test_a_limit_that_a_good_answer_says_is_used_up_delays_the_next_call(
    client, peer, metered, clock
):
    peer.tells(told(0, 30), OK)
    sending = client(metered())
    calls = [("GET", peer.url, {}), ("GET", peer.url, {})]
    before = clock.monotonic()
    many = sending.many_async if client.asynchronous else sending.many
    answers = many(calls)
    answers = asyncio.run(answers) if client.asynchronous else answers
    assert [status for status, _ in answers] == [200, 200]
    assert clock.monotonic() - before == pytest.approx(30, abs=0.1)


def test_what_is_left_lets_calls_go(peer, metered, clock, send):
    peer.tells(answer(200, b"", ratelimit='"d";r=5;t=30'))
    get, before = send(metered()), clock.monotonic()
    for _ in range(3):
        get(peer.url)
    assert clock.monotonic() - before < 1


def test_a_refusal_is_waited_out_as_its_limit_says(peer, metered, clock, send):
    peer.tells(told(0, 20, status=429), OK)
    before = clock.monotonic()
    assert send(metered())(peer.url).status_code == 200
    assert clock.monotonic() - before == pytest.approx(20, abs=0.1)


def test_each_key_of_a_policy_has_its_own(peer, metered, clock, send):
    peer.tells(told(0, 30), OK)
    get = send(metered(key=lambda request: request.url.path))
    get(f"{peer.url}/a")
    before = clock.monotonic()
    get(f"{peer.url}/b")
    assert clock.monotonic() == before
    get(f"{peer.url}/a")
    assert clock.monotonic() - before == pytest.approx(30, abs=0.1)


def test_a_wait_that_nobody_should_sleep_through_is_the_clients_error_and_ours(
    peer, connection, clock, send
):
    peer.tells(told(0, 3600))
    get = send(connection(Policy("vendor", clock=clock)))
    get(peer.url)
    with pytest.raises(httpx2.TransportError) as refused:
        get(f"{peer.url}?again=1")
    assert isinstance(refused.value, RateLimitedError)
    assert refused.value.retry_after == pytest.approx(3600, abs=1)
    assert peer.sent == 1
    clock.advance(3601)
    get(peer.url)
    assert peer.sent == 2


def test_one_limit_among_several_concerns_its_own_calls_alone(peer, connection, clock, send):
    peer.tells(
        told(0, 5, x_ratelimit_resource="search"), told(9, 5, x_ratelimit_resource="core"), OK
    )
    get = send(connection(Policy("vendor", clock=clock)))
    get(f"{peer.url}/search?q=a")
    get(f"{peer.url}/users")
    with pytest.raises(RateLimitedError):
        get(f"{peer.url}/search?q=b")
    get(f"{peer.url}/users")
    assert peer.sent == 3


def test_the_same_of_an_asynchronous_client(peer, connection, clock):
    peer.tells(told(0, 3600))
    policy = connection(Policy("vendor", clock=clock))

    async def scenario():
        async with httpx2.AsyncClient(transport=guarded(policy)) as client:
            await client.get(peer.url)
            with pytest.raises(RateLimitedError):
                await client.get(peer.url)

    asyncio.run(scenario())
    assert peer.sent == 1


@pytest.mark.parametrize("form", ["none", "ietf"])
def test_only_the_form_that_was_chosen_is_heeded(peer, connection, clock, send, form):
    peer.tells(told(0, 30))
    get, before = send(connection(rate_headers=form)), clock.monotonic()
    get(peer.url)
    get(peer.url)
    assert clock.monotonic() == before


def test_a_policy_without_a_rate_is_not_slowed(peer, clock, send):
    peer.tells(told(0, 3600))
    get = send(Policy("vendor", clock=clock))
    get(peer.url)
    get(peer.url)
    assert peer.sent == 2


def test_what_makes_no_sense_says_nothing(peer, metered, clock, send):
    peer.tells(told("many", "soon", date="yesterday"))
    get, before = send(metered()), clock.monotonic()
    get(peer.url)
    get(peer.url)
    assert clock.monotonic() == before
