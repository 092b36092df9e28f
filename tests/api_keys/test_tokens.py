"""Tokens of issuers that we have chosen."""

import asyncio
import base64
import json
import threading
import time

import pytest

from hardpoint.api_keys import CallerRequest, TokenIssuer, UnauthenticatedError
from hardpoint.api_keys.tokens import ThreadLock
from hardpoint.core.errors import ConfigurationError, LimitExceededError, UnavailableError
from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.server import FakeServer
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import ThreadWork

AUDIENCE = "https://api.shop.example"


@pytest.fixture
def issuer(clock):
    return FakeIssuer(now=clock.now)


@pytest.fixture
def server(issuer):
    with FakeServer(issuer) as running:
        yield running


@pytest.fixture
def known(server):
    def make(**facts):
        return TokenIssuer(
            **{
                "name": "login",
                "issuer": "https://login.example",
                "audience": AUDIENCE,
                "jwks_url": f"{server.url}/keys",
                "algorithms": ["ES256"],
                **facts,
            }
        )

    return make


@pytest.fixture
def token(issuer, clock):
    def make(typ="at+jwt", **claims):
        now = int(clock.now())
        told = {
            "iss": "https://login.example",
            "aud": AUDIENCE,
            "sub": "client-1",
            "iat": now,
            "exp": now + 300,
            "scope": "orders:read orders:write",
            **claims,
        }
        return issuer._signed(told, typ=typ)

    return make


def shown(text):
    return CallerRequest("GET", "/", [("authorization", f"Bearer {text}")])


def reason(keys, text, **asked):
    with pytest.raises(UnauthenticatedError) as caught:
        run(keys.authenticate(shown(text), **asked))
    assert str(caught.value) == str(UnauthenticatedError())
    return caught.value.reason


def test_a_token_says_who_calls(process, known, token):
    keys = process(issuers=[known(tenant_claim="org")])
    caller = run(keys.authenticate(shown(token(org="acme")), scopes=["orders:read"], tenant="acme"))
    assert (caller.by, caller.id, caller.name, caller.tenant) == (
        *("jwt", "client-1"),
        *("login", "acme"),
    )
    assert caller.claims["scope"] == "orders:read orders:write"
    run(keys.close())


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://other.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "https://other.example"}, "audience"),
        ({"exp": 1}, "expired"),
        ({"sub": None}, "malformed"),
        ({"scope": 7}, "malformed"),
        ({"scope": ["a", 7]}, "malformed"),
        ({"typ": "logout+jwt"}, "type"),
        ({"org": "a/b"}, "malformed"),
        ({"org": None}, "malformed"),
        ({"org": "other"}, "tenant"),
    ],
)
def test_a_token_that_is_not_as_expected_is_refused_as_every_other(
    process, known, token, claims, why
):
    keys = process(issuers=[known(tenant_claim="org")])
    assert reason(keys, token(**{"org": "acme", **claims}), tenant="acme") == why


def test_a_forged_token_is_refused(process, known, token):
    keys = process(issuers=[known()])
    head, payload, signature = token().split(".")
    other = token(sub="somebody").split(".")[1]
    assert reason(keys, f"{head}.{other}.{signature}") == "signature"
    assert reason(keys, f"{head}.{payload}.") == "malformed"
    assert reason(keys, "a.b.c") == "malformed"
    assert reason(keys, f"{head}.bm8.{signature}") == "malformed"


def test_its_keys_are_fetched_once_and_anew_when_they_change(process, known, token, issuer, clock):
    keys = process(issuers=[known()])
    for _ in range(3):
        assert run(keys.authenticate(shown(token())))
    clock.advance(61)
    issuer.rotate_keys()
    assert run(keys.authenticate(shown(token())))


def test_scopes_may_be_a_list_or_missing(process, known, token):
    keys = process(issuers=[known(scope_claim="scp", tenant="t")])
    assert run(keys.authenticate(shown(token(scp=["b", "a"])))).scopes == {"a", "b"}
    caller = run(keys.authenticate(shown(token())))
    assert (caller.scopes, caller.tenant) == (frozenset(), "t")


def test_an_issuer_that_does_not_answer_lets_nobody_in(process, known, token):
    keys = process(issuers=[known(jwks_url="http://127.0.0.1:1/keys")])
    with pytest.raises(UnavailableError):
        run(keys.authenticate(shown(token())))


def test_in_an_event_loop_keys_are_fetched_in_a_thread(process, known, token):
    keys = process(issuers=[known()], work=ThreadWork())

    async def both():
        return await asyncio.gather(*(keys.authenticate(shown(token())) for _ in range(9)))

    assert len(asyncio.run(both())) == 9


def test_without_an_issuer_a_token_is_a_malformed_key(process, token):
    assert reason(process(), token()) == "malformed"


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"issuer": "https://{tid}.example"}, "issuer"),
        ({"jwks_url": "http://login.example/keys"}, "jwks_url"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"audience": ""}, "issuer, audience"),
    ],
)
def test_an_issuer_that_cannot_be_is_refused(known, facts, key):
    with pytest.raises(ConfigurationError, match=f"^{key}"):
        known(**facts)


def test_two_of_one_name_are_refused(process, known):
    with pytest.raises(ConfigurationError, match="stands twice"):
        process(issuers=[known(), known(name="other")])


def test_a_lock_is_held_by_one_thread_at_a_time():
    lock, told = ThreadLock(), []

    async def held():
        async with lock:
            told.append("in")
            time.sleep(0)
            told.append("out")

    async def all_at_once():
        await asyncio.gather(*(asyncio.to_thread(run, held()) for _ in range(4)))

    asyncio.run(all_at_once())
    assert told == ["in", "out"] * 4
    lock.forget()
    run(held())


def test_forged_tokens_of_a_silent_issuer_hold_up_no_key(process, known, issuer):
    asked, answers = [], threading.Event()

    class Silent:
        async def get(self, url):
            asked.append(url)
            answers.wait(20)
            raise UnavailableError("silent")

    keys = process(issuers=[known()], fetch=Silent(), work=ThreadWork())

    def forged(number):
        parts = ({"alg": "ES256", "kid": f"k{number}"}, {"iss": "https://login.example"})
        texts = (base64.urlsafe_b64encode(json.dumps(one).encode()) for one in parts)
        return ".".join([*(one.decode().rstrip("=") for one in texts), "AAAA"])

    async def scenario():
        made = await keys.create("importer")
        calls = [keys.authenticate(shown(forged(number))) for number in range(40)]
        waiting = [asyncio.create_task(one) for one in calls]
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert await keys.verify(made.secret)
        assert not any(one.done() for one in waiting)
        answers.set()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(one) for one in ends} == {UnavailableError}
        assert len(asked) == 1
        await keys.close()

    asyncio.run(scenario())


def test_two_persons_whom_their_issuers_call_the_same_have_limits_of_their_own(
    process, known, token
):
    other = known(name="partner", issuer="https://partner.example")
    keys = process(issuers=[known(), other], limit=RateLimit(1, burst=1, queue=0))
    run(keys.authenticate(shown(token())))
    assert run(keys.authenticate(shown(token(iss="https://partner.example")))).name == "partner"
    with pytest.raises(LimitExceededError):
        run(keys.authenticate(shown(token())))
    run(keys.close())
