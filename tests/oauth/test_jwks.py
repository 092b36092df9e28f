import json
import sys
import warnings

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from hardpoint.core.errors import ConfigurationError, InvalidTokenError
from hardpoint.oauth.jwks import BYTES_MAX, KEYS_MAX, key_set, require_joserfc


def read(*members):
    return key_set(json.dumps({"keys": list(members)}).encode())


def test_a_key_is_good_for_what_its_type_its_curve_and_it_itself_allow(issuer):
    keys = key_set(issuer.jwks_bytes())
    assert {key.kid: key.algorithms for key in keys.keys} == {
        "rsa-1": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
        "ec-1": {"ES256"},
        "okp-1": {"EdDSA", "Ed25519"},
    }
    assert repr(keys.keys[1]) == "Key('ec-1', ['ES256'])"


def test_a_key_is_found_by_name_and_algorithm(issuer):
    keys = key_set(issuer.jwks_bytes())
    assert keys.find("rsa-1", "RS256").kid == "rsa-1"
    assert keys.find("rsa-1", "ES256") is None
    assert keys.find("rsa-2", "RS256") is None


def test_a_token_without_a_name_takes_the_only_key_there_is(issuer):
    assert key_set(issuer.jwks_bytes()).find(None, "RS256").kid == "rsa-1"


def test_keys_that_cannot_be_told_apart_verify_nothing(issuer):
    twin = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    keys = key_set(issuer.jwks_bytes(issuer.rsa, twin))
    with pytest.raises(InvalidTokenError) as caught:
        keys.find("rsa-1", "RS256")
    assert caught.value.reason == "ambiguous_key"


def test_one_name_for_keys_of_two_types_is_no_doubt(issuer):
    member = issuer.ec.as_dict(private=False) | {"kid": "rsa-1"}
    keys = read(issuer.rsa.as_dict(private=False), member)
    assert keys.find("rsa-1", "ES256").algorithms == {"ES256"}


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": 1},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"kty": "EC"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": ["RSA"]},
        {"kty": None},
        {"kid": 7},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": "ES256"},
        {"alg": ["RS256"]},
        {"n": 5},
        {"n": "*"},
        {"n": ""},
        {"n": "A" * 342},
        {"n": "A" * 1367},
        {"e": "AQ"},
        {"e": "A" * 9},
        {"d": "AQAB"},
        {"crv": "P-256"},
    ],
)
def test_a_key_that_is_not_to_be_used_harms_no_other(issuer, changes):
    member = issuer.rsa.as_dict(private=False) | changes
    keys = read(member, issuer.ec.as_dict(private=False))
    assert [key.kid for key in keys.keys] == ["ec-1"]


@pytest.mark.parametrize(
    "member", [None, 1, "key", [], {}, {"kty": "RSA"}, {"kty": "OKP", "crv": "X25519", "x": "AA"}]
)
def test_what_is_no_key_is_left_out(member):
    assert read(member).keys == ()


def test_a_point_that_is_on_no_curve_is_left_out(issuer):
    member = issuer.ec.as_dict(private=False)
    assert read(member | {"x": member["y"]}).keys == ()
    assert read(member | {"crv": "secp256k1"}).keys == ()
    assert len(read(ECKey.generate_key("P-384").as_dict(private=False)).keys) == 1


def test_a_key_that_was_published_with_its_private_half_is_not_to_be_trusted():
    assert read(OKPKey.generate_key("Ed25519").as_dict(private=True)).keys == ()


def test_an_rsa_key_below_2048_bits_is_left_out():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = RSAKey.generate_key(1024).as_dict(private=False)
        assert read(small).keys == ()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff", "is not UTF-8"),
        (b"[]", "is not an object"),
        (b"{}", "has no list of keys"),
        (b'{"keys": {}}', "has no list of keys"),
        (b'{"keys": [], "keys": []}', "the same name twice"),
        (b'{"keys": ' + b"[" * 100_000 + b"}", "nested too deep"),
        (json.dumps({"keys": [{}] * (KEYS_MAX + 1)}).encode(), "more than 100 keys"),
        (b" " * (BYTES_MAX + 1), "larger than"),
    ],
)
def test_a_document_that_is_none_is_refused_as_a_whole(body, problem):
    with pytest.raises(ValueError, match=problem):
        key_set(body)


def test_without_the_extra_the_install_line_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "joserfc.jws", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'hardpoint\[oauth\]'"):
        require_joserfc()
