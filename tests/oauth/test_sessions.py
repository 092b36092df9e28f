import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.oauth.identity import Identity
from hardpoint.oauth.sessions import Sessions, form_token, is_own_request, origin_of
from hardpoint.runtime.blocking import run
from hardpoint.testing.identity_store import MemoryIdentityStore

ORIGIN = "https://shop.example"


@pytest.fixture
def store():
    return MemoryIdentityStore()


@pytest.fixture
def sessions(store, clock):
    return Sessions(store, clock, idle=3600, absolute=86_400)


def test_a_session_is_found_by_what_the_browser_holds_and_kept_under_a_hash(sessions, store):
    identity = Identity(issuer="https://id.example", subject="s-1", session="sid-1")
    started = run(sessions.start("ada", identity=identity))
    assert run(sessions.find(started.held)).user == "ada"
    assert started.session.issuer_session == "sid-1"
    assert len(started.held) == 43
    assert started.held not in repr(store._sessions)
    assert started.held not in repr(started)


@pytest.mark.parametrize("held", [None, "", "x" * 43, "\ud800", "../../etc"])
def test_what_nobody_was_given_finds_nothing(sessions, held):
    run(sessions.start("ada"))
    assert run(sessions.find(held)) is None


def test_signing_in_gives_a_new_name_and_the_old_one_is_worth_nothing(sessions):
    planted = run(sessions.start("mallory")).held
    fresh = run(sessions.start("ada", instead_of=planted))
    assert fresh.held != planted
    assert run(sessions.find(planted)) is None
    assert run(sessions.find(fresh.held)).user == "ada"


def test_a_session_ends_when_nothing_comes_and_in_any_case(sessions, store, clock):
    idle = run(sessions.start("ada")).held
    clock.advance(3600)
    assert run(sessions.find(idle)) is None
    assert store._sessions == {}
    busy = run(sessions.start("ada")).held
    for _ in range(24):
        clock.advance(3599)
        assert run(sessions.find(busy)) is not None
    clock.advance(24)
    assert run(sessions.find(busy)) is None


def test_a_short_session_is_kept_alive_by_being_seen(store, clock):
    """Where a minute is longer than half of its idle time, it is written down more often."""
    sessions = Sessions(store, clock, idle=60, absolute=86_400)
    held = run(sessions.start("ada")).held
    for _ in range(5):
        clock.advance(40)
        assert run(sessions.find(held)) is not None
    clock.advance(60)
    assert run(sessions.find(held)) is None


def test_being_seen_is_written_down_once_a_minute(sessions, store, clock):
    held = run(sessions.start("ada")).held
    written = []
    store.see_session = lambda *facts: written.append(facts) or nothing()
    clock.advance(59)
    run(sessions.find(held))
    assert written == []
    clock.advance(1)
    run(sessions.find(held))
    assert len(written) == 1


async def nothing():
    pass


def test_a_session_that_ends_while_it_is_seen_stays_ended(sessions, store, clock):
    started = run(sessions.start("ada"))
    clock.advance(60)
    see = store.see_session

    async def too_late(*facts):
        await store.end_session(started.session.key)
        await see(*facts)

    store.see_session = too_late
    run(sessions.find(started.held))
    assert run(sessions.find(started.held)) is None


def test_signing_out_ends_it_here_everywhere_or_with_the_issuers_own(sessions):
    identity = Identity(issuer="https://id.example", subject="s-1", session="sid-1")
    here, there = (run(sessions.start("ada", identity=identity)).held for _ in range(2))
    other = run(sessions.start("bob")).held
    run(sessions.end(here))
    run(sessions.end(None))
    assert run(sessions.find(here)) is None
    assert run(sessions.find(there)) is not None
    assert run(sessions.end_at_issuer("https://other.example", "sid-1")) == 0
    assert run(sessions.end_at_issuer("https://id.example", "sid-1")) == 1
    assert run(sessions.end_all("bob")) == 1
    assert run(sessions.find(other)) is None


@pytest.mark.parametrize(("idle", "absolute"), [(0, 10), (-1, 10), (11, 10)])
def test_lives_that_are_none_are_refused(store, clock, idle, absolute):
    with pytest.raises(ConfigurationError):
        Sessions(store, clock, idle=idle, absolute=absolute)


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "same-site", "origin": ORIGIN}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": ""}, False),
        ({"origin": ORIGIN}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://shop.example.evil.example"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_change_is_taken_from_our_own_pages_only(headers, own):
    assert is_own_request("POST", headers, origin=ORIGIN) is own
    assert is_own_request("GET", headers, origin=ORIGIN)


def test_where_the_browser_says_nothing_the_form_has_to_carry_its_token():
    token = form_token("held")
    assert is_own_request("POST", {}, origin=ORIGIN, held="held", token=token)
    assert not is_own_request("POST", {}, origin=ORIGIN, held="other", token=token)
    assert not is_own_request("POST", {}, origin=ORIGIN, held="held", token="é")
    evil = {"origin": "https://evil.example"}
    assert not is_own_request("POST", evil, origin=ORIGIN, held="held", token=token)


def test_an_origin_is_scheme_and_host():
    assert origin_of("https://shop.example:8443/path?x") == "https://shop.example:8443"
