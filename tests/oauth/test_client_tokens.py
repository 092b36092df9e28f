"""Tokens of a client's own: got once for all, replaced in time, and never what a call hangs on."""

import asyncio
import json

import pytest

from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.oauth.client_tokens import EARLY_SECONDS, LIFE_SECONDS, ClientTokens
from hardpoint.runtime.blocking import run

LIFE = 3600


def given(token, **facts):
    document = {"access_token": token, "token_type": "Bearer", "expires_in": LIFE} | facts
    return 200, "application/json", json.dumps(document).encode()


def refused(status, code):
    return status, "application/json", json.dumps({"error": code}).encode()


@pytest.fixture
def tokens(endpoint, transport, clock):
    transport.replies += [given(f"token-{number}") for number in range(1, 10)]
    return ClientTokens(endpoint(redirect_uri=None), clock)


def used(tokens):
    ((name, value),) = run(tokens.headers())
    assert name == "authorization"
    return value


def test_one_is_got_and_used_until_shortly_before_its_end(tokens, transport, clock):
    assert used(tokens) == used(tokens) == "Bearer token-1"
    assert transport.sent[0].body == b"grant_type=client_credentials"
    clock.advance(LIFE - EARLY_SECONDS - 1)
    assert used(tokens) == "Bearer token-1"
    clock.advance(1)
    assert used(tokens) == "Bearer token-2"


def test_a_short_one_is_used_for_most_of_its_life(tokens, transport, clock):
    transport.replies.insert(0, given("short", expires_in=10))
    assert used(tokens) == "Bearer short"
    clock.advance(7)
    assert used(tokens) == "Bearer short"
    clock.advance(1)
    assert used(tokens) == "Bearer token-1"


def test_one_without_an_end_is_replaced_all_the_same(tokens, transport, clock):
    transport.replies.insert(0, given("endless", expires_in=None))
    assert used(tokens) == "Bearer endless"
    clock.advance(LIFE_SECONDS)
    assert used(tokens) == "Bearer token-1"


def test_until_its_end_the_old_one_serves_where_no_new_one_comes(tokens, transport, clock):
    used(tokens)
    transport.replies[:0] = [UnavailableError(), refused(401, "invalid_client")]
    clock.advance(LIFE - 1)
    assert used(tokens) == used(tokens) == "Bearer token-1"
    assert used(tokens) == "Bearer token-2"


def test_one_that_was_refused_is_replaced_if_it_is_still_the_latest(tokens):
    first = run(tokens.headers())
    run(tokens.rejected(first))
    second = run(tokens.headers())
    assert second != first
    run(tokens.rejected(first))
    assert run(tokens.headers()) == second


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refused(401, "invalid_client"), AuthenticationError),
        (refused(400, "unsupported_grant_type"), AuthenticationError),
        (refused(429, "slow_down"), RateLimitedError),
        (refused(500, "server_error"), UnavailableError),
        ((200, "text/html", b"<html>"), UnavailableError),
        (UnavailableError(), UnavailableError),
        (OutcomeUnknownError(), UnavailableError),
    ],
)
def test_where_none_comes_nothing_of_the_call_was_sent(tokens, transport, reply, error):
    transport.replies.insert(0, reply)
    with pytest.raises(error) as caught:
        used(tokens)
    assert caught.value.outcome_known
    assert caught.value.retryable is (error is not AuthenticationError)
    assert caught.value.provider == "acme"
    assert "canary" not in str(caught.value)
    assert used(tokens) == "Bearer token-1"


def test_they_go_to_the_servers_own_hosts_and_are_shown_nowhere(tokens):
    assert tokens.secrets() == ["canary-client-secret"]
    used(tokens)
    assert tokens.secrets() == ["canary-client-secret", "token-1"]
    assert tokens.permits("api.acme.example")
    assert not tokens.permits("evil.example")


class Slow:
    """A server that answers when it is let."""

    def __init__(self, transport):
        self.go = asyncio.Event()
        self.transport = transport

    async def send(self, request):
        await self.go.wait()
        return await self.transport.send(request)


@pytest.mark.parametrize("fails", [False, True])
def test_however_many_calls_need_one_one_of_them_asks(endpoint, transport, clock, fails):
    transport.replies += [refused(401, "invalid_client") if fails else given("token-1")]

    async def play():
        made = endpoint(redirect_uri=None)
        made._transport = slow = Slow(transport)
        tokens = ClientTokens(made, clock)
        calls = [asyncio.create_task(tokens.headers()) for _ in range(20)]
        await asyncio.sleep(0)
        slow.go.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    ends = asyncio.run(play())
    assert len(transport.sent) == 1
    assert {type(one) for one in ends} == {AuthenticationError if fails else tuple}
    assert not fails or len({id(one) for one in ends}) == 20


def test_who_waits_too_long_is_told_that_nothing_was_sent(endpoint, transport, clock, monkeypatch):
    monkeypatch.setattr("hardpoint.oauth.client_tokens.WAIT_SECONDS", 0.001)
    transport.replies += [given("token-1")]

    async def play():
        made = endpoint(redirect_uri=None)
        made._transport = slow = Slow(transport)
        tokens = ClientTokens(made, clock)
        first = asyncio.create_task(tokens.headers())
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="in time"):
            await tokens.headers()
        slow.go.set()
        await first

    asyncio.run(play())


def test_who_comes_when_another_has_just_got_one_uses_that(tokens, transport):
    assert run(tokens._renewed(None)) is run(tokens._renewed(None))
    assert len(transport.sent) == 1


def test_a_secret_that_is_missing_is_told_as_it_is(tokens, endpoint, transport, clock):
    transport.replies.insert(0, ConfigurationError("SECRET", "is not set"))
    with pytest.raises(UnavailableError):
        used(tokens)
