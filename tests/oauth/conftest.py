import base64
import json
import sqlite3
from contextlib import closing
from datetime import date
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from hardpoint.core.errors import OutcomeUnknownError, UnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.messages import Received
from hardpoint.http.messages import Response
from hardpoint.oauth.authorization import challenge
from hardpoint.oauth.catalogue import Client, ProviderEntry, RefreshRotation
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.states import ConnectionChanged
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.transitions import Timing
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork
from hardpoint.testing.clock import ManualClock


def _entry(**facts):
    return ProviderEntry(
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


class Direct:
    """A transport that is the fake server itself; `script` bends what happens, one call each."""

    def __init__(self, server):
        self.server = server
        self.script = []
        self.sent = 0

    async def send(self, request):
        self.sent += 1
        bend = self.script.pop(0) if self.script else None
        received = Received(
            method=request.method,
            target=request.url.removeprefix("https://acme.example"),
            headers=dict(request.headers),
            body=request.body,
        )
        if bend is None:
            return self._response(self.server.answer(received))
        return bend(lambda: self._response(self.server.answer(received)))

    @staticmethod
    def _response(reply):
        return Response(status=reply.status, headers=dict(reply.headers), body=reply.body)


class Bends:
    """What can happen to a request, for `Direct.script`."""

    @staticmethod
    def lost(answer):
        """The server acts, the answer never comes."""
        answer()
        raise OutcomeUnknownError("no answer")

    @staticmethod
    def cut(answer):
        """It is sent, and nobody knows how far it got: in truth nowhere."""
        raise OutcomeUnknownError("no answer")

    @staticmethod
    def unreachable(answer):
        """Nothing is sent."""
        raise UnavailableError("no connection")

    @staticmethod
    def answering(status, body=b"", content_type="application/json"):
        headers = {"content-type": content_type}
        return lambda _: Response(status=status, headers=headers, body=body)

    @staticmethod
    def meanwhile(happens):
        """Something happens while the answer is on its way."""

        def bend(answer):
            response = answer()
            happens()
            return response

        return bend


@pytest.fixture
def bends():
    return Bends


KEYRING = "k1:" + "A" * 43 + "="


class World:
    """A vault with blocking work beside a fake provider, both by one clock."""

    def __init__(
        self,
        folder,
        entry,
        clock,
        *,
        rotation="strict",
        entry_facts=None,
        timing=None,
        tables=None,
        **server,
    ):
        self.clock = clock
        self.tables = tables
        self.path = folder / "vault.db"
        self.server = FakeAuthorization(
            rotation=rotation, now=clock.now, prefix="canary-", **server
        )
        facts = {"rotation": RefreshRotation(rotation), **(entry_facts or {})}
        if rotation == "grace":
            facts.setdefault("reuse_grace", self.server.reuse_grace)
        self.entry = entry(
            authorize_url="https://acme.example/authorize",
            token_url="https://acme.example/token",
            **facts,
        )
        self.client = Client(
            entry=self.entry, client_id="client", client_secret=Secret.value("client-secret")
        )
        self.transport = Direct(self.server)
        self.events = []
        self.timing = timing or Timing()
        self.vault = self.another()
        self.do(self.vault.open())

    def another(self, **options):
        """A vault on the same rows, as another process has it."""
        if self.tables is not None:
            options.setdefault("file", self.tables())
        return Vault(
            self.path,
            **{
                "keyring": Keyring(Secret.value(KEYRING)),
                "clients": {"acme": self.client},
                "transport": self.transport,
                "work": BlockingWork(),
                "clock": self.clock,
                "random": lambda: 0.0,
                "timing": self.timing,
                "listeners": Listeners(self.events.append),
                **options,
            },
        )

    def blocked(self):
        """Somebody reads, and so keeps every commit waiting, until this is closed."""
        reader = sqlite3.connect(self.path, isolation_level=None)
        reader.execute("begin")
        reader.execute("select * from hardpoint_connection").fetchall()
        return reader

    def blocked_for_all(self):
        """Somebody writes, for as long as the block runs."""
        writer = sqlite3.connect(self.path, isolation_level=None)
        writer.execute("begin immediate")
        return closing(writer)

    def do(self, outcome):
        return run(outcome)

    def connect(self, name="c", **facts):
        """A user grants access; the grant's tokens are kept."""
        document = self.server.grant(facts.pop("scope", "read"))
        refresh = document.get("refresh_token")
        now = self.clock.now()
        tokens = Tokens(
            access=Secret.value(document["access_token"]),
            refresh=refresh and Secret.value(refresh),
            issued_at=now,
            expires_at=now + self.server.life,
            scope=("read",),
        )
        return self.do(self.vault.put(name, tokens, client="acme", **facts))

    def token(self, name="c", vault=None, **key):
        return self.do((vault or self.vault).access_token(name, **key)).reveal()

    def status(self, name="c", **key):
        return self.do(self.vault.status(name, **key))

    def expire(self):
        """Let the access token end."""
        self.clock.advance(self.server.life + 1)

    def near(self):
        """Let it come near its end, where it is renewed early."""
        self.clock.advance(self.server.life - 60)

    def moves(self):
        """The states that listeners were told of."""
        return [
            (one.after.value, one.reason)
            for one in self.events
            if isinstance(one, ConnectionChanged)
        ]

    @property
    def refreshes(self):
        return self.server.ledger.count("refresh")


@pytest.fixture
def world(tmp_path, entry, clock):
    return lambda **facts: World(tmp_path, entry, clock, **facts)
