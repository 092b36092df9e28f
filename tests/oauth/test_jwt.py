"""What a token may not be; each of these was accepted by a library or a product once."""

import base64
import contextlib
import hashlib
import hmac
import json
import random
from dataclasses import replace

import jwt as pyjwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey

from hardpoint.core.errors import ConfigurationError, InvalidTokenError
from hardpoint.oauth.jwks import ALGORITHMS, key_set
from hardpoint.oauth.jwt import Expected, unverified, verified

NOW = 1_700_000_000.0
ISSUER = "https://id.acme.example"
CLIENT = "client-1"
EXPECTED = Expected(issuer=ISSUER, audience=CLIENT, algorithms=frozenset({"RS256", "ES256"}))


@pytest.fixture(scope="session")
def keys(issuer):
    return key_set(issuer.jwks_bytes())


@pytest.fixture
def check(keys):
    def check(text, expected=EXPECTED, now=NOW):
        token = unverified(text)
        key = keys.find(token.kid, token.algorithm)
        if key is None:
            raise InvalidTokenError("unknown", reason="unknown_key")
        return verified(token, key, expected, now=now)

    return check


@pytest.fixture
def refusal(check):
    def refusal(text, expected=EXPECTED, now=NOW):
        with pytest.raises(InvalidTokenError) as caught:
            check(text, expected, now)
        return caught.value.reason

    return refusal


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "Ed25519", "PS256", "RS512"])
def test_a_token_that_is_as_expected_gives_its_claims(issuer, check, algorithm):
    expected = replace(EXPECTED, algorithms=frozenset({algorithm}))
    claims = check(issuer.token(algorithm=algorithm), expected)
    assert claims["sub"] == "user-1"


def test_another_library_reads_the_same(issuer, check):
    text = issuer.token()
    theirs = pyjwt.decode(
        text, issuer.rsa.as_pem(private=False), ["RS256"], audience=CLIENT, issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )  # fmt: skip
    assert check(text) == theirs


def test_a_token_of_another_librarys_making_is_read(issuer, check):
    text = pyjwt.encode(
        issuer.claims(), issuer.rsa.as_pem(private=True), "RS256", headers={"kid": "rsa-1"}
    )
    assert check(text.encode())["iss"] == ISSUER


# Signatures


def test_none_is_no_algorithm_however_it_is_spelled(issuer, refusal):
    payload = b64(json.dumps(issuer.claims()).encode())
    for name in ("none", "None", "NONE", "nOnE", ""):
        head = b64(json.dumps({"alg": name, "kid": "rsa-1"}).encode())
        assert refusal(head + b"." + payload + b".") == "malformed"
        assert refusal(head + b"." + payload + b".AAAA") == "unknown_key"
    with pytest.raises(ConfigurationError):
        replace(EXPECTED, algorithms=frozenset({"none"}))


@pytest.mark.parametrize("secret", ["pem", "der", "modulus", "kid", "empty"])
def test_the_public_key_is_no_shared_secret(issuer, refusal, secret):
    key = {
        "pem": issuer.rsa.as_pem(private=False),
        "der": issuer.rsa.as_der(private=False),
        "modulus": issuer.rsa.as_dict(private=False)["n"].encode(),
        "kid": b"rsa-1",
        "empty": b"",
    }[secret]
    head = b64(json.dumps({"alg": "HS256", "kid": "rsa-1"}).encode())
    signed = head + b"." + b64(json.dumps(issuer.claims()).encode())
    mac = hmac.new(key, signed, hashlib.sha256).digest()
    assert refusal(signed + b"." + b64(mac)) == "unknown_key"


def test_a_shared_secret_is_never_a_key(issuer):
    oct_key = OctKey.generate_key(256, {"kid": "oct"})
    keys = key_set(json.dumps({"keys": [oct_key.as_dict(private=True)]}).encode())
    assert keys.keys == ()
    with pytest.raises(ConfigurationError):
        replace(EXPECTED, algorithms=frozenset({"HS256"}))


def test_an_algorithm_the_operator_did_not_list_is_refused(issuer, refusal):
    assert refusal(issuer.token(algorithm="RS384")) == "algorithm"
    assert refusal(issuer.token(algorithm="EdDSA")) == "algorithm"


def test_a_key_verifies_its_own_algorithms_only(issuer, keys):
    token = unverified(issuer.token())
    ec = keys.find("ec-1", "ES256")
    with pytest.raises(InvalidTokenError, match="as the key allows"):
        verified(token, ec, EXPECTED, now=NOW)


def test_a_signature_of_another_key_is_refused(issuer, refusal):
    other = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    assert refusal(issuer.token(key=other)) == "signature"
    curve = ECKey.generate_key("P-256", {"kid": "ec-1"})
    assert refusal(issuer.token(key=curve, algorithm="ES256")) == "signature"


def test_every_changed_byte_is_noticed(issuer, check):
    text = issuer.token().encode()
    chance = random.Random(7)
    for place in chance.sample(range(len(text)), 150):
        other = chance.choice(b"ABCxyz019-_.".replace(text[place : place + 1], b""))
        with pytest.raises(InvalidTokenError):
            check(text[:place] + bytes([other]) + text[place + 1 :])


def test_one_signature_has_one_spelling(issuer, check, refusal):
    text = issuer.token()
    last = text[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(last) ^ 1]  # the last bits of 256 bytes carry nothing
    assert check(text)
    for other in (text[:-1] + twin, text + "=", text + "\n", " " + text, text.replace("-", "+")):
        assert other == text or refusal(other) == "malformed"


def test_the_signature_of_an_ec_key_in_der_is_refused(issuer, refusal):
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    text = issuer.token(algorithm="ES256").encode()
    signed, _, signature = text.rpartition(b".")
    raw = base64.urlsafe_b64decode(signature + b"==")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    assert refusal(signed + b"." + b64(encode_dss_signature(r, s))) == "signature"
    assert refusal(signed + b"." + b64(bytes(64))) == "signature"  # CVE-2022-21449
    assert refusal(signed + b"." + b64(bytes(2))) == "signature"


# Headers


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_token_that_brings_its_own_key_is_refused(issuer, refusal, name):
    evil = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    brought = {"jwk": evil.as_dict(private=False), "x5c": ["MII"]}.get(
        name, "https://evil.example/"
    )
    assert refusal(issuer.token(header={name: brought}, key=evil)) == "foreign_key"


@pytest.mark.parametrize("crit", [["exp"], [], ["b64"], "b64", None])
def test_critical_extensions_are_refused_and_so_is_an_unencoded_payload(issuer, refusal, crit):
    head = {"alg": "RS256", "kid": "rsa-1", "crit": crit, "b64": False}
    payload = json.dumps(issuer.claims()).encode()
    assert refusal(issuer.raw(json.dumps(head).encode(), payload)) == "critical"
    del head["crit"]
    assert refusal(issuer.raw(json.dumps(head).encode(), payload)) == "critical"


@pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", "application/at+jwt", "dpop+jwt", "JOSE"])
def test_a_token_of_another_type_is_refused(issuer, refusal, kind):
    assert refusal(issuer.token(header={"typ": kind})) == "type"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "application/jwt", None])
def test_a_token_may_say_that_it_is_one(issuer, check, kind):
    assert check(issuer.token(header={"typ": kind}))


@pytest.mark.parametrize(
    "head",
    [
        b'{"alg":"RS256","alg":"none","kid":"rsa-1"}',
        b'{"alg":"none","alg":"RS256","kid":"rsa-1"}',
        b'{"alg":"RS256","kid":"rsa-1","kid":"ec-1"}',
        b'{"alg":["RS256"],"kid":"rsa-1"}',
        b'{"alg":"RS256","kid":1}',
        b'{"alg":"RS256","kid":"' + b"k" * 256 + b'"}',
        b'{"alg":"RS256","kid":"\\u0000"}',
        b'{"alg":"RS256","typ":{}}',
        b'["RS256"]',
        b'"RS256"',
        b"null",
        b"",
        b"{",
        b"\xff\xfe",
        b'{"alg":"RS256","x":NaN}',
        b'{"alg":"RS256","pad":"' + b"x" * 2048 + b'"}',
    ],
)
def test_a_header_that_can_be_read_in_two_ways_or_none_is_refused(issuer, refusal, head):
    assert refusal(issuer.raw(head, b"{}")) == "malformed"


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a", "a.b", "a.b.c.d", "a.b.c.d.e", ".a.b", "a..b", "é.é.é", "\ud800.a.b"],
)
def test_what_is_no_signed_token_is_refused(refusal, text):
    assert refusal(text) == "malformed"


def test_a_token_larger_than_any_is_refused_unread(refusal):
    assert refusal("a" * (16 * 1024 + 1)) == "too_large"


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_else(data):
    with contextlib.suppress(InvalidTokenError):
        unverified(data)


# Claims


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://id.acme.example/"}, "issuer"),
        ({"iss": "https://ID.acme.example"}, "issuer"),
        ({"iss": "http://id.acme.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"iss": ["https://id.acme.example"]}, "malformed"),
        ({"aud": "other"}, "audience"),
        ({"aud": None}, "malformed"),
        ({"aud": []}, "audience"),
        ({"aud": {"client-1": 1}}, "malformed"),
        ({"aud": ["client-1", {}]}, "malformed"),
        ({"aud": "client-1 other"}, "audience"),
        ({"aud": "client-10"}, "audience"),
        ({"aud": ["client-1", "other"]}, "audience"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "malformed"),
        ({"exp": str(int(NOW + 300))}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"exp": 1e300}, "malformed"),
        ({"exp": -1}, "malformed"),
        ({"exp": [NOW]}, "malformed"),
        ({"nbf": NOW + 61}, "early"),
        ({"nbf": "tomorrow"}, "malformed"),
        ({"iat": NOW + 61}, "early"),
        ({"iat": {}}, "malformed"),
    ],
)
def test_a_claim_that_is_not_as_expected_is_refused(issuer, refusal, changes, reason):
    assert refusal(issuer.token(issuer.claims(**changes))) == reason


def test_two_clocks_may_differ_by_the_leeway_and_not_more(issuer, check):
    assert check(issuer.token(issuer.claims(exp=NOW - 59, nbf=NOW + 60, iat=NOW + 60)))


def test_a_trusted_audience_may_stand_beside_ours(issuer, check):
    expected = replace(EXPECTED, trusted=frozenset({"api"}))
    assert check(issuer.token(issuer.claims(aud=["api", "client-1"])), expected)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss":"https://id.acme.example","sub":"a","sub":"b","aud":"client-1","exp":9999999999}',
        b'{"aud":"client-1","aud":"other"}',
        b'{"exp":Infinity}',
        b'{"exp":1e999}',
        b'{"exp":' + b"9" * 5000 + b"}",
        b"[]",
        b"1",
        b"",
        b"\x00",
        b"\xef\xbb\xbf{}",
        b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_a_payload_that_can_be_read_in_two_ways_or_none_is_refused(issuer, refusal, payload):
    text = issuer.raw(b'{"alg":"RS256","kid":"rsa-1"}', payload)
    assert refusal(text) in {"malformed", "issuer"}


def test_an_alias_of_the_issuer_is_taken_where_it_is_listed(issuer, check, refusal):
    text = issuer.token(issuer.claims(iss="id.acme.example"))
    assert refusal(text) == "issuer"
    assert check(text, replace(EXPECTED, aliases=frozenset({"id.acme.example"})))


@pytest.mark.parametrize(
    ("tid", "said", "reason"),
    [
        ("t-2", "t-2", "tenant"),
        ("t-1", "t-2", "issuer"),
        ("", "", "tenant"),
        (None, "t-1", "tenant"),
        (7, "t-1", "malformed"),
    ],
)
def test_a_token_of_another_tenant_is_refused(issuer, refusal, tid, said, reason):
    expected = replace(
        EXPECTED, issuer="https://login.example/{tid}/v2.0", tenants=frozenset({"t-1"})
    )
    text = issuer.token(issuer.claims(iss=f"https://login.example/{said}/v2.0", tid=tid))
    assert refusal(text, expected) == reason


def test_any_tenant_is_a_tenant_and_no_path(issuer, check, refusal):
    expected = replace(EXPECTED, issuer="https://login.example/{tid}/v2.0")
    good = issuer.token(issuer.claims(iss="https://login.example/t-9/v2.0", tid="t-9"))
    assert check(good, expected)["tid"] == "t-9"
    bad = issuer.token(issuer.claims(iss="https://login.example/a/../b/v2.0", tid="a/../b"))
    assert refusal(bad, expected) == "tenant"


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ""},
        {"audience": ""},
        {"algorithms": frozenset()},
        {"leeway": -1},
        {"leeway": 301},
    ],
)
def test_an_expectation_that_expects_nothing_is_refused(changes):
    with pytest.raises(ConfigurationError):
        replace(EXPECTED, **changes)


def test_no_symmetric_algorithm_can_be_expected_at_all():
    assert not any(name.startswith(("HS", "none")) for name in ALGORITHMS)


def test_a_refusal_and_a_token_show_nothing_of_the_token(issuer, check):
    text = issuer.token(issuer.claims(sub="very-private", aud="other"))
    with pytest.raises(InvalidTokenError) as caught:
        check(text)
    assert "very-private" not in str(caught.value)
    assert "very-private" not in repr(unverified(text))
    assert text[:40] not in repr(unverified(text))
