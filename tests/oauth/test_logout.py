"""Notices of people who signed out at their issuer, true and forged."""

import asyncio

import pytest

from hardpoint.core.errors import InvalidTokenError
from hardpoint.http.messages import Response
from hardpoint.oauth.identity import Identity
from hardpoint.oauth.jwks import KeyCache
from hardpoint.oauth.jwt import Expected
from hardpoint.oauth.logout import LOGOUT_TYPES, LogoutNotices
from hardpoint.oauth.sessions import Sessions, SigninStore
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork
from hardpoint.store.vault import VaultFile
from hardpoint.testing.identity_store import MemoryIdentityStore

ISSUER = "https://id.acme.example"
EVENTS = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.fixture
def notices(issuer, clock):
    class Keys:
        async def get(self, url):
            return Response(status=200, headers={}, body=issuer.jwks_bytes())

    expected = Expected(issuer=ISSUER, audience="client-1", types=LOGOUT_TYPES)
    return LogoutNotices(expected, f"{ISSUER}/keys", KeyCache(Keys(), clock, asyncio.Lock), clock)


@pytest.fixture
def written(issuer, clock):
    """A notice as the issuer would write it, but for some claims."""

    def written(header=None, **changes):
        now = clock.now()
        facts = {"iat": now, "exp": now + 120, "jti": "j-1", "events": EVENTS, "nonce": None}
        return issuer.token(issuer.claims(**{**facts, **changes}), header=header)

    return written


@pytest.mark.parametrize("kind", [None, "JWT", "logout+jwt", "application/logout+jwt"])
def test_a_notice_says_who_and_which_session(notices, written, clock, kind):
    found = run(notices.read(written({"typ": kind}, sid="s-1")))
    assert (found.issuer, found.subject, found.session) == (ISSUER, "user-1", "s-1")
    assert found.issued_at == clock.now()
    assert run(notices.read(written(sub=None, sid="s-1"))).subject is None
    assert run(notices.read(written())).session is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"events": None}, "event"),
        ({"events": []}, "event"),
        ({"events": {"other": {}}}, "event"),
        ({"events": dict.fromkeys(EVENTS, "yes")}, "event"),
        ({"nonce": "n-1"}, "nonce"),
        ({"jti": None}, "malformed"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"iat": None}, "stale"),
        ({"iat": 1}, "stale"),
        ({"exp": None}, "malformed"),
        ({"exp": 1}, "expired"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"aud": "another"}, "audience"),
    ],
)
def test_what_is_no_notice_for_us_ends_nothing(notices, written, changes, reason):
    with pytest.raises(InvalidTokenError) as caught:
        run(notices.read(written(**changes)))
    assert caught.value.reason == reason


def test_an_id_token_is_no_notice_and_an_access_token_neither(notices, issuer, written, clock):
    token = issuer.token(issuer.claims(iat=clock.now(), exp=clock.now() + 60))
    with pytest.raises(InvalidTokenError):
        run(notices.read(token))
    with pytest.raises(InvalidTokenError) as caught:
        run(notices.read(written({"typ": "at+jwt"})))
    assert caught.value.reason == "type"
    with pytest.raises(InvalidTokenError):
        run(notices.read(written()[:-4] + "AAAA"))


@pytest.fixture(params=["memory", "file"])
def sessions(request, tmp_path, clock):
    store = MemoryIdentityStore()
    if request.param == "file":
        file = VaultFile(tmp_path / "vault.db")
        file.open()
        store = SigninStore(file, BlockingWork())
    return Sessions(store, clock)


def test_a_notice_ends_the_session_it_names_or_all_that_began_before_it(
    sessions, notices, written, clock
):
    def begin(subject, session=None, issuer=ISSUER):
        identity = Identity(issuer=issuer, subject=subject, session=session)
        return run(sessions.start(subject, identity=identity)).held

    def living(*held):
        return [run(sessions.find(one)) is not None for one in held]

    one, two, bob = begin("user-1", "s-1"), begin("user-1", "s-2"), begin("bob")
    elsewhere = begin("user-1", issuer="https://other.example")
    assert run(sessions.end_by_notice(run(notices.read(written(sid="s-1"))))) == 1
    assert living(one, two, bob, elsewhere) == [False, True, True, True]
    everything = run(notices.read(written()))
    clock.advance(120)
    later = begin("user-1")
    assert run(sessions.end_by_notice(everything)) == 1
    assert living(two, later, bob, elsewhere) == [False, True, True, True]
    assert run(sessions.end_by_notice(everything)) == 0, "again, it ends nothing"
