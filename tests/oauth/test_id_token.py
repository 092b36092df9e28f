import base64
import hashlib
from dataclasses import replace

import pytest
from msgspec.structs import replace as again

from hardpoint.core.errors import InvalidTokenError
from hardpoint.oauth.identity import Asked
from hardpoint.oauth.jwks import key_set
from hardpoint.oauth.jwt import Expected, id_token, unverified

NOW = 1_700_000_000.0
EXPECTED = Expected(
    issuer="https://id.acme.example",
    audience="client-1",
    algorithms=frozenset({"RS256", "RS512", "ES256", "EdDSA"}),
)
ASKED = Asked(nonce="n-1")


@pytest.fixture
def read(issuer):
    keys = key_set(issuer.jwks_bytes())

    def read(asked=ASKED, expected=EXPECTED, algorithm="RS256", now=NOW, **changes):
        token = unverified(issuer.token(issuer.claims(**changes), algorithm=algorithm))
        key = keys.find(token.kid, token.algorithm)
        return id_token(token, key, expected, asked, now=now)

    return read


def left_half(text, name="sha256"):
    digest = hashlib.new(name, text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def test_a_person_is_their_issuer_and_subject(read):
    person = read(email="ada@acme.example", email_verified=True, sid="s-1", auth_time=NOW - 5)
    assert (person.issuer, person.subject) == ("https://id.acme.example", "user-1")
    assert (person.email, person.email_verified) == ("ada@acme.example", True)
    assert (person.session, person.authenticated_at) == ("s-1", NOW - 5)
    assert person.claims["nonce"] == "n-1"
    assert "ada" not in repr(person)
    assert "user-1" not in repr(person)


def test_the_word_true_may_come_as_text(read):
    assert read(email="ada@acme.example", email_verified="true").email_verified is True


@pytest.mark.parametrize("said", ["True", "yes", 1, None, False, "false", [True]])
def test_an_address_is_verified_only_by_the_word_true(read, said):
    assert read(email="ada@acme.example", email_verified=said).email_verified is False


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "malformed"),
        ({"sub": "a" * 256}, "malformed"),
        ({"sub": "a\x00b"}, "malformed"),
        ({"sub": "\ud800"}, "malformed"),
        ({"nonce": None}, "nonce"),
        ({"nonce": "n-2"}, "nonce"),
        ({"nonce": ["n-1"]}, "malformed"),
        ({"azp": "other"}, "party"),
        ({"aud": ["client-1", "api"]}, "party"),
        ({"aud": "other", "azp": "client-1"}, "audience"),
        ({"aud": ["api", "other"], "azp": "client-1"}, "audience"),
        ({"iat": None}, "stale"),
        ({"iat": 0}, "stale"),
        ({"iat": NOW - 661}, "stale"),
        ({"at_hash": "AAAA"}, "at_hash"),
        ({"c_hash": left_half("other")}, "c_hash"),
    ],
)
def test_a_token_that_does_not_answer_this_sign_in_is_refused(read, changes, reason):
    asked = again(ASKED, access_token="at", code="code")
    expected = replace(EXPECTED, trusted=frozenset({"api"}))
    with pytest.raises(InvalidTokenError) as caught:
        read(asked, expected, **changes)
    assert caught.value.reason == reason


def test_several_audiences_are_clear_when_the_party_is_named(read):
    expected = replace(EXPECTED, trusted=frozenset({"api"}))
    assert read(expected=expected, aud=["client-1", "api"], azp="client-1").subject == "user-1"
    assert read(aud=["client-1"]).subject == "user-1"


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [("RS256", "sha256"), ("ES256", "sha256"), ("RS512", "sha512"), ("EdDSA", "sha512")],
)
def test_the_hashes_bind_access_token_and_code(read, algorithm, name):
    asked = again(ASKED, access_token="at", code="code")
    hashes = {"at_hash": left_half("at", name), "c_hash": left_half("code", name)}
    assert read(asked, algorithm=algorithm, **hashes).subject == "user-1"
    with pytest.raises(InvalidTokenError):
        read(again(asked, access_token="other"), algorithm=algorithm, **hashes)


def test_without_what_they_bind_hashes_say_nothing(read):
    assert read(at_hash="AAAA").subject == "user-1"


def test_a_sign_in_that_sent_no_nonce_asks_for_none(read):
    assert read(Asked(nonce=None), nonce=None).subject == "user-1"


@pytest.mark.parametrize("auth_time", [None, NOW - 361])
def test_a_sign_in_too_long_ago_is_refused_where_a_fresh_one_was_asked(read, auth_time):
    asked = again(ASKED, age_max=300)
    with pytest.raises(InvalidTokenError) as caught:
        read(asked, auth_time=auth_time)
    assert caught.value.reason == "auth_time"
    assert read(asked, auth_time=NOW - 360).authenticated_at == NOW - 360


def test_a_weaker_sign_in_than_asked_is_refused(read):
    asked = again(ASKED, acr=frozenset({"mfa"}))
    assert read(asked, acr="mfa").subject == "user-1"
    for said in (None, "pwd"):
        with pytest.raises(InvalidTokenError) as caught:
            read(asked, acr=said)
        assert caught.value.reason == "acr"


def test_what_was_asked_shows_nothing(read):
    assert "n-1" not in repr(ASKED)
