import asyncio
import json

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    InvalidTokenError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Response
from hardpoint.oauth.catalogue import ClientAuth
from hardpoint.oauth.identity import Asked
from hardpoint.oauth.jwks import KeyCache
from hardpoint.oauth.jwt import Expected
from hardpoint.oauth.openid import OpenIdentity, UserinfoIdentity, discovered
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.blocking import run

ISSUER = "https://id.acme.example"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


class Remote:
    def __init__(self, body=b"{}", status=200):
        self.body = body
        self.status = status
        self.asked = []

    async def get(self, url):
        self.asked.append(url)
        return Response(status=self.status, headers={}, body=self.body)

    async def send(self, request):
        self.asked.append(request)
        return Response(status=self.status, headers={}, body=self.body)


def document(**changes):
    return Remote(json.dumps(DOCUMENT | changes).encode())


@pytest.fixture
def identify(issuer, clock):
    keys = KeyCache(Remote(issuer.jwks_bytes()), clock, asyncio.Lock)
    return OpenIdentity(Expected(issuer=ISSUER, audience="client-1"), f"{ISSUER}/keys", keys, clock)


@pytest.fixture
def tokens(issuer, clock):
    token = issuer.token(issuer.claims(iat=clock.now(), exp=clock.now() + 60))
    return Tokens(
        access=Secret.value("canary-access"), issued_at=clock.now(), id_token=Secret.value(token)
    )


def test_the_userinfo_says_what_the_id_token_leaves_out(identify, tokens):
    told = {"sub": "user-1", "email": "ada@acme.example", "email_verified": True, "name": "Ada"}
    remote = Remote(json.dumps(told).encode())
    found = UserinfoIdentity(identify, remote, f"{ISSUER}/me")
    person = run(found(tokens, Asked(nonce="n-1")))
    assert (person.email, person.email_verified) == ("ada@acme.example", True)
    assert (person.claims["name"], person.claims["nonce"]) == ("Ada", "n-1")
    (request,) = remote.asked
    assert ("authorization", "Bearer canary-access") in request.headers


def test_a_userinfo_is_not_asked_for_an_address_that_is_there(identify, issuer, clock):
    claims = issuer.claims(iat=clock.now(), exp=clock.now() + 60, email="ada@acme.example")
    tokens = Tokens(
        access=Secret.value("a"), issued_at=0, id_token=Secret.value(issuer.token(claims))
    )
    remote = Remote()
    person = run(UserinfoIdentity(identify, remote, f"{ISSUER}/me")(tokens, Asked(nonce="n-1")))
    assert (person.email, remote.asked) == ("ada@acme.example", [])


def test_a_userinfo_without_an_address_adds_nothing(identify, tokens):
    found = UserinfoIdentity(identify, Remote(b'{"sub": "user-1", "email": 7}'), f"{ISSUER}/me")
    assert run(found(tokens, Asked(nonce="n-1"))).email is None


@pytest.mark.parametrize("body", [b'{"sub": "user-2", "email": "a@b.example"}', b"{}"])
def test_a_userinfo_of_another_is_refused(identify, tokens, body):
    with pytest.raises(InvalidTokenError) as caught:
        run(UserinfoIdentity(identify, Remote(body), f"{ISSUER}/me")(tokens, Asked(nonce="n-1")))
    assert caught.value.reason == "userinfo"


@pytest.mark.parametrize(("status", "body"), [(401, b"{}"), (302, b"{}"), (200, b"<html>")])
def test_a_userinfo_endpoint_that_does_not_tell_is_an_error(identify, tokens, status, body):
    found = UserinfoIdentity(identify, Remote(body, status), f"{ISSUER}/me")
    with pytest.raises(UnexpectedResponseError):
        run(found(tokens, Asked(nonce="n-1")))


def test_a_token_for_which_no_nonce_was_sent_signs_nobody_in(identify, tokens):
    with pytest.raises(InvalidTokenError) as caught:
        run(identify(tokens, Asked(nonce=None)))
    assert caught.value.reason == "nonce"


def test_a_provider_that_nobody_described_describes_itself():
    remote = document(
        revocation_endpoint=f"{ISSUER}/revoke",
        userinfo_endpoint="https://api.acme.example/me",
        id_token_signing_alg_values_supported=["none", "HS256", "ES256", "RS256"],
        token_endpoint_auth_methods_supported=["client_secret_post", "private_key_jwt"],
        authorization_response_iss_parameter_supported=True,
    )
    entry = run(discovered("acme", ISSUER, remote))
    assert remote.asked == [f"{ISSUER}/.well-known/openid-configuration"]
    assert entry.algorithms == {"ES256", "RS256"}
    assert (entry.issuer, entry.sends_iss) == (ISSUER, True)
    assert entry.client_auth is ClientAuth.POST
    assert entry.api_hosts == {"id.acme.example", "api.acme.example"}
    assert entry.revocation_url == f"{ISSUER}/revoke"


def test_one_that_says_little_is_taken_by_the_defaults_of_the_specification():
    entry = run(discovered("acme", ISSUER, document()))
    assert entry.algorithms == {"RS256"}
    assert entry.client_auth is ClientAuth.BASIC
    assert entry.api_hosts == {"id.acme.example"}


def test_one_that_takes_no_proof_we_can_give_is_refused():
    remote = document(token_endpoint_auth_methods_supported=["tls_client_auth"])
    with pytest.raises(UnexpectedResponseError, match="accepts neither a client secret"):
        run(discovered("acme", ISSUER, remote))


@pytest.mark.parametrize("status", [301, 404, 500])
def test_one_that_does_not_answer_is_refused(status):
    with pytest.raises(UnexpectedResponseError, match=f"status {status}"):
        run(discovered("acme", ISSUER, Remote(b"{}", status)))


@pytest.mark.parametrize(
    "issuer",
    ["", "id.acme.example", "http://id.acme.example", f"{ISSUER}?x=1", f"{ISSUER}#x", "file:///x"],
)
def test_what_is_no_issuer_is_refused_before_anything_is_asked(issuer):
    remote = document()
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.issuer"):
        run(discovered("acme", issuer, remote))
    assert remote.asked == []
