import asyncio
import json

import pytest

from hardpoint.core.errors import (
    InvalidTokenError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.messages import Response
from hardpoint.http.untrusted import UNTRUSTED, Untrusted
from hardpoint.oauth.jwks import ISSUERS_MAX, KeyCache
from hardpoint.testing import ManualClock

URL = "https://id.acme.example/keys"


class Remote:
    """An issuer's address: gives what it has, counts who asks."""

    def __init__(self, body):
        self.body = body
        self.status = 200
        self.headers = {}
        self.error = None
        self.asked = 0

    async def get(self, url):
        self.asked += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return Response(status=self.status, headers=self.headers, body=self.body)


@pytest.fixture
def remote(issuer):
    return Remote(issuer.jwks_bytes(issuer.rsa))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def cache(remote, clock):
    return KeyCache(remote, clock, asyncio.Lock)


def find(cache, kid="rsa-1", algorithm="RS256", url=URL):
    return asyncio.run(cache.find(url, kid, algorithm))


def test_keys_are_fetched_once_and_kept(cache, remote):
    assert find(cache).kid == find(cache).kid == "rsa-1"
    assert remote.asked == 1


@pytest.mark.parametrize(
    ("said", "life"),
    [
        (None, 3600),
        ("public, max-age=600", 600),
        ('max-age="600"', 600),
        ("max-age=1", 300),
        ("max-age=99999999", 86_400),
        ("no-store", 300),
        ("s-maxage=7", 3600),
        ("max-age=soon", 3600),
    ],
)
def test_keys_are_kept_as_long_as_the_issuer_says_within_reason(cache, remote, clock, said, life):
    remote.headers = {} if said is None else {"cache-control": said}
    find(cache)
    clock.advance(life - 1)
    find(cache)
    assert remote.asked == 1
    clock.advance(1)
    find(cache)
    assert remote.asked == 2


def test_a_rotated_key_is_found_at_once_and_the_removed_one_no_more(cache, remote, clock, issuer):
    find(cache)
    clock.advance(60)
    remote.body = issuer.jwks_bytes(issuer.ec)
    assert find(cache, "ec-1", "ES256").kid == "ec-1"
    with pytest.raises(InvalidTokenError):
        find(cache)
    assert remote.asked == 2


def test_ten_thousand_names_of_chance_make_us_ask_once_in_a_minute(cache, remote, clock):
    async def forge():
        for number in range(10_000):
            with pytest.raises(InvalidTokenError, match="no such key"):
                await cache.find(URL, f"k{number}", "RS256")

    asyncio.run(forge())
    assert remote.asked == 1
    clock.advance(60)
    asyncio.run(forge())
    assert remote.asked == 2


def test_many_at_once_ask_once(cache, remote):
    async def many():
        return await asyncio.gather(*(cache.find(URL, "rsa-1", "RS256") for _ in range(50)))

    assert len(asyncio.run(many())) == 50
    assert remote.asked == 1


def test_who_gives_up_waiting_spoils_it_for_nobody(cache, remote):
    async def impatient():
        first = asyncio.create_task(cache.find(URL, "rsa-1", "RS256"))
        second = asyncio.create_task(cache.find(URL, "rsa-1", "RS256"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(impatient()).kid == "rsa-1"
    assert remote.asked == 2


def test_old_keys_serve_for_a_day_while_the_issuer_is_away(cache, remote, clock):
    find(cache)
    remote.error = UnavailableError("away")
    clock.advance(3600 + 86_399)
    assert find(cache).kid == "rsa-1"
    clock.advance(1)
    with pytest.raises(UnavailableError, match="cannot be fetched: away"):
        find(cache)


def test_an_issuer_that_fails_is_left_alone_for_a_while(cache, remote, clock):
    remote.error = UnavailableError("away")
    for _ in range(5):
        with pytest.raises(UnavailableError):
            find(cache)
    assert remote.asked == 1
    remote.error = None
    clock.advance(10)
    assert find(cache).kid == "rsa-1"


@pytest.mark.parametrize("status", [204, 301, 302, 404, 500])
def test_an_answer_that_is_no_document_is_none(cache, remote, status):
    remote.status = status
    remote.headers = {"location": "http://169.254.169.254/"}
    with pytest.raises(UnavailableError, match=f"status {status}"):
        find(cache)
    assert remote.asked == 1


def test_a_malformed_document_leaves_the_old_keys(cache, remote, clock):
    find(cache)
    clock.advance(3600)
    remote.body = b"{"
    assert find(cache).kid == "rsa-1"


def test_the_cache_does_not_grow_without_end(cache, remote):
    async def many():
        for number in range(ISSUERS_MAX + 1):
            await cache.find(f"{URL}/{number}", "rsa-1", "RS256")
        await cache.find(f"{URL}/0", "rsa-1", "RS256")

    asyncio.run(many())
    assert remote.asked == ISSUERS_MAX + 2


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/keys",
        "https://[::1]/keys",
        "https://10.0.0.1/keys",
        "http://id.acme.example/keys",
        "https://id.acme.example:8443/keys",
        "file:///etc/passwd",
    ],
)
def test_keys_are_not_fetched_from_our_own_network(clock, url):
    async def itself(host):
        return [host]

    async def look():
        async with AsyncTransport(UNTRUSTED) as transport:
            cache = KeyCache(Untrusted(transport, itself), clock, asyncio.Lock)
            await cache.find(url, "rsa-1", "RS256")

    with pytest.raises(
        UnavailableError, match=r"is not a public address|is not https|is not an http"
    ):
        asyncio.run(look())


def test_a_document_of_five_megabytes_is_not_read(clock):
    class Large:
        async def get(self, url):
            raise UnexpectedResponseError("is larger than 262144 bytes")

    with pytest.raises(UnavailableError, match="larger"):
        find(KeyCache(Large(), clock, asyncio.Lock))
    body = json.dumps({"keys": [], "pad": "x" * 5_000_000}).encode()
    with pytest.raises(UnavailableError, match="larger"):
        find(KeyCache(Remote(body), clock, asyncio.Lock))
