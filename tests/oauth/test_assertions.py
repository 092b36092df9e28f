"""A client that proves itself with a key of its own."""

import sys
from types import SimpleNamespace
from urllib.parse import parse_qsl

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.assertions import KIND, assertion, check_key
from hardpoint.oauth.catalogue import BodyEncoding, Client, ClientAuth
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.runtime.blocking import run

TOKENS = (200, "application/json", b'{"access_token": "canary-access"}')


def pem(key, *, secret=None):
    locked = NoEncryption() if secret is None else BestAvailableEncryption(secret)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode()


P256 = ec.generate_private_key(ec.SECP256R1())
KEYS = {
    "ES256": ("EC", pem(P256)),
    "ES384": ("EC", pem(ec.generate_private_key(ec.SECP384R1()))),
    "ES512": ("EC", pem(ec.generate_private_key(ec.SECP521R1()))),
    "EdDSA": ("OKP", pem(ed25519.Ed25519PrivateKey.generate())),
}


@pytest.fixture
def client(entry):
    def client(key, *, kid=None, **facts):
        return Client(
            entry=entry(client_auth=ClientAuth.PRIVATE_KEY_JWT, **facts),
            client_id="us",
            client_key=Secret.value(key),
            client_key_id=kid,
        )

    return client


def read(text, kind, key, algorithm):
    """Taken apart and verified by PyJWT, which has no part in signing it."""
    public = load_pem_private_key(key.encode(), None).public_key()
    options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    claims = jwt.decode(text, public, [algorithm], options=options)
    return SimpleNamespace(header=jwt.get_unverified_header(text), claims=claims)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_signs_as_its_kind_does(client, algorithm):
    kind, key = KEYS[algorithm]
    fields = assertion(client(key), Secret.value(key), now=1_700_000_000.5)
    assert fields["client_assertion_type"] == KIND
    token = read(fields["client_assertion"].reveal(), kind, key, algorithm)
    assert token.header == {"alg": algorithm, "typ": "JWT"}
    jti = token.claims.pop("jti")
    assert token.claims == {
        "iss": "us",
        "sub": "us",
        "aud": "https://acme.example/oauth/token",
        "iat": 1_700_000_000,
        "exp": 1_700_000_060,
    }
    again = assertion(client(key), Secret.value(key), now=1_700_000_000.5)
    assert read(again["client_assertion"].reveal(), kind, key, algorithm).claims["jti"] != jti


def test_an_rsa_key_signs_too(client, issuer):
    key = issuer.rsa.as_pem(private=True).decode()
    fields = assertion(client(key, kid="k-1"), Secret.value(key), now=0)
    token = read(fields["client_assertion"].reveal(), "RSA", key, "RS256")
    assert token.header["kid"] == "k-1"


def test_it_is_for_the_issuer_where_one_says_so(client):
    kind, key = KEYS["ES256"]
    made = client(key, assertion_audience="https://id.acme.example")
    fields = assertion(made, Secret.value(key), now=0)
    told = read(fields["client_assertion"].reveal(), kind, key, "ES256").claims
    assert told["aud"] == "https://id.acme.example"


@pytest.mark.parametrize("encoding", BodyEncoding)
def test_the_token_endpoint_is_sent_it_and_no_secret(client, transport, clock, encoding):
    _, key = KEYS["ES256"]
    endpoint = TokenEndpoint(transport, client(key, encoding=encoding), clock)
    transport.replies = [TOKENS]
    run(endpoint.client_credentials(["read"]))
    (request,) = transport.sent
    assert "authorization" not in dict(request.headers)
    if encoding is BodyEncoding.FORM:
        fields = dict(parse_qsl(request.body.decode()))
        assert fields.keys() == {
            "grant_type",
            "scope",
            "client_id",
            "client_assertion",
            "client_assertion_type",
        }


NOT_KEYS = {
    "words": "not a key",
    "public": P256.public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode(),
    "locked": pem(P256, secret=b"pass"),
    "curve": pem(ec.generate_private_key(ec.SECP256K1())),
    "kind": pem(dsa.generate_private_key(1024)),
}


@pytest.mark.parametrize("name", NOT_KEYS)
def test_what_cannot_sign_is_refused_by_the_settings_path(name):
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.client_key: is not a private key"):
        check_key(Secret.value(NOT_KEYS[name]), "oauth.acme.client_key")


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "joserfc.jwk", None)
    with pytest.raises(ConfigurationError, match=r"hardpoint\[oauth\]"):
        check_key(Secret.value(KEYS["ES256"][1]), "oauth.acme.client_key")


def test_without_a_key_there_is_no_such_client(entry):
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.client_key: is missing"):
        Client(entry=entry(client_auth=ClientAuth.PRIVATE_KEY_JWT), client_id="us")
