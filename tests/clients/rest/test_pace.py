"""What answers say of limits is heeded: it only ever slows down."""

import pytest

from hardpoint.core.errors import RateLimitedError
from hardpoint.fakes.messages import FakeReply


def empty(seconds, *more):
    return (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", str(seconds)), *more)


def test_a_limit_that_is_used_up_delays_the_next_call(api):
    api.fake.on("GET /a", {}, headers=empty(30))
    api.fake.on("GET /b", {})
    crm = api.client()
    api.do(crm.get("/a"))
    before = api.clock.monotonic()
    api.do(crm.get("/b"))
    assert api.clock.monotonic() - before == pytest.approx(30, abs=0.1)
    api.do(crm.get("/b"))
    assert api.clock.monotonic() - before == pytest.approx(30, abs=0.1)


def test_what_is_left_lets_calls_go(api):
    headers = (("ratelimit", '"d";r=5;t=30'),)
    api.fake.on("GET /a", {}, headers=headers)
    crm = api.client()
    before = api.clock.monotonic()
    for _ in range(3):
        api.do(crm.get("/a"))
    assert api.clock.monotonic() - before < 1


def test_a_wait_that_nobody_should_sleep_through_is_told_at_once(api):
    api.fake.on("GET /a", {}, headers=empty(3600))
    crm = api.client(attempts=1)
    api.do(crm.get("/a"))
    error = api.fails(crm.get, "/b")
    assert type(error) is RateLimitedError
    assert error.retry_after == pytest.approx(3600, abs=1)
    assert api.server.requests == 1
    api.clock.advance(3601)
    api.do(crm.get("/a"))
    assert api.server.requests == 2


def test_one_limit_among_several_concerns_its_own_calls_alone(api):
    api.fake.on("GET /search", {}, headers=empty(5, ("x-ratelimit-resource", "search")))
    api.fake.on(
        "GET /core",
        {},
        headers=(
            ("x-ratelimit-remaining", "9"),
            ("x-ratelimit-reset", "5"),
            ("x-ratelimit-resource", "core"),
        ),
    )
    crm = api.client(attempts=1)
    api.do(crm.get("/search"))
    api.do(crm.get("/core"))
    assert type(api.fails(crm.get, "/search")) is RateLimitedError
    api.do(crm.get("/core"))
    assert api.server.requests == 3


def test_a_call_that_is_barred_waits_as_its_policy_does(api):
    api.fake.on("GET /search", {}, headers=empty(5, ("x-ratelimit-bucket", "abcd")))
    crm = api.client(attempts=2)
    api.do(crm.get("/search"))
    before = api.clock.monotonic()
    api.do(crm.get("/search"))
    assert api.clock.monotonic() - before >= 5
    assert api.server.requests == 2


@pytest.mark.parametrize("form", ["none", "ietf"])
def test_only_the_form_that_was_chosen_is_heeded(api, form):
    api.fake.on("GET /a", {}, headers=empty(3600))
    crm = api.client(rate_headers=form)
    api.do(crm.get("/a"))
    api.do(crm.get("/a"))
    assert api.server.requests == 2


def test_a_policy_without_a_rate_is_told_by_its_calls(api):
    from hardpoint.resilience.policy import Policy

    api.fake.on("GET /a", {}, headers=empty(30))
    crm = api.client(policy=Policy("crm", clock=api.clock))
    api.do(crm.get("/a"))
    error = api.fails(crm.get, "/a")
    assert (type(error), api.server.requests) == (RateLimitedError, 1)


def refused(api, status, headers=(), document=None):
    api.fake.on("GET /a", lambda request: FakeReply.json(document or {}, status, *headers))
    return api.fails(api.client(attempts=1).get, "/a")


def test_a_refusal_says_how_long_to_wait_in_whatever_form(api):
    error = refused(api, 429, empty(17))
    assert (type(error), error.retry_after) == (RateLimitedError, 17.0)
    assert refused(api, 429, (("retry-after", "3"), *empty(17))).retry_after == 3.0
    assert refused(api, 429).retry_after is None


@pytest.mark.parametrize(
    ("headers", "document", "wait"),
    [
        (empty(17), None, 17.0),
        ((("retry-after", "3"),), None, 3.0),
        ((), {"message": "You have exceeded a secondary rate limit."}, 60.0),
    ],
)
def test_a_403_may_mean_too_many_calls(api, headers, document, wait):
    error = refused(api, 403, headers, document)
    assert (type(error), error.retry_after) == (RateLimitedError, wait)


def test_any_other_403_is_what_it_says(api):
    assert refused(api, 403, (), {"message": "No."}).code == "permission_denied"
