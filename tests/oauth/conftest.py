import base64
import json
from datetime import date
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Response
from hardpoint.oauth.authorization import challenge
from hardpoint.oauth.catalogue import Entry
from hardpoint.oauth.client import Client
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.testing.clock import ManualClock


def _entry(**facts):
    return Entry(
        **{
            "name": "acme",
            "authorize_url": "https://acme.example/oauth/authorize",
            "token_url": "https://acme.example/oauth/token",
            "api_hosts": frozenset({"api.acme.example"}),
            "verified_on": date(2026, 11, 28),
            "sources": ("https://acme.example/docs",),
            **facts,
        }
    )


@pytest.fixture
def entry():
    return _entry


class Scripted:
    """A transport that answers, or raises, what it was given, and keeps the requests."""

    def __init__(self):
        self.replies = []
        self.sent = []

    async def send(self, request):
        self.sent.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        status, content_type, body = reply
        return Response(status=status, headers={"content-type": content_type}, body=body)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def transport():
    return Scripted()


@pytest.fixture
def endpoint(transport, clock):
    def build(*, secret="canary-client-secret", redirect_uri="https://us.example/back", **facts):
        client = Client(
            entry=_entry(**facts),
            client_id="us",
            client_secret=None if secret is None else Secret.value(secret),
            redirect_uri=redirect_uri,
        )
        return TokenEndpoint(transport, client, clock)

    return build


NOW = 1_700_000_000.0
ISSUER = "https://id.acme.example"
CLIENT = "client-1"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Issuer:
    """An issuer of our own: signs whatever it is told to, right or wrong."""

    def __init__(self):
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig", "alg": "ES256"})
        self.okp = OKPKey.generate_key("Ed25519", {"kid": "okp-1"})

    def jwks(self, *keys):
        chosen = keys or (self.rsa, self.ec, self.okp)
        return {"keys": [key.as_dict(private=False) for key in chosen]}

    def jwks_bytes(self, *keys):
        return json.dumps(self.jwks(*keys)).encode()

    def claims(self, **changes):
        claims = {
            "iss": ISSUER,
            "sub": "user-1",
            "aud": CLIENT,
            "exp": NOW + 300,
            "iat": NOW,
            "nonce": "n-1",
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def raw(self, header, payload, key=None, algorithm="RS256"):
        """Any bytes whatever as header and payload."""
        signed = b64(header) + b"." + b64(payload)
        model = JWSRegistry.algorithms[algorithm]
        return (signed + b"." + b64(model.sign(signed, key or self.rsa))).decode()

    def token(self, claims=None, *, header=None, key=None, algorithm="RS256"):
        key = key or {"ES256": self.ec, "EdDSA": self.okp, "Ed25519": self.okp}.get(
            algorithm, self.rsa
        )
        head = {"alg": algorithm, "typ": "JWT", "kid": key.kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        body = json.dumps(self.claims() if claims is None else claims).encode()
        return self.raw(json.dumps(head).encode(), body, key, algorithm)


@pytest.fixture(scope="session")
def issuer():
    return Issuer()


@pytest.fixture
def provider(issuer, clock):
    return Provider(issuer, clock)


class Provider:
    """An authorization server as a transport: it checks PKCE, the redirect URI and single use."""

    def __init__(self, issuer, clock):
        self.issuer = issuer
        self.clock = clock
        self.codes = {}
        self.changes = {}
        self.more = {}
        self.answer = None
        self.sent = []

    def visit(self, url, **params):
        """A browser goes there and its person agrees; gives the query that it brings back."""
        asked = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return [("state", asked["state"]), ("code", code), *params.items()]

    async def send(self, request):
        self.sent.append(request)
        if self.answer is not None:
            return self.answer
        form = dict(parse_qsl(request.body.decode()))
        asked = self.codes.pop(form["code"], None)
        refusal = Response(status=400, headers={}, body=b'{"error": "invalid_grant"}')
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return refusal
        if (
            "code_challenge" in asked
            and challenge(form["code_verifier"]) != asked["code_challenge"]
        ):
            return refusal
        now = self.clock.now()
        claims = self.issuer.claims(
            **{"nonce": asked.get("nonce"), "iat": now, "exp": now + 300, **self.changes}
        )
        document = {
            "access_token": "canary-access",
            "refresh_token": "canary-refresh",
            "expires_in": 3600,
            "id_token": self.issuer.token(claims),
        } | self.more
        return Response(status=200, headers={}, body=json.dumps(document).encode())
