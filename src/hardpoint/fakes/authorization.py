"""An authorization server to order: rotation of every kind, and the oddities of real ones.

    server = FakeAuthorization(rotation="strict", life=3600, quirks={"errors_with_200"})
    with FakeServer(server) as http:
        http.faults.next(commit_then_drop(), on="POST /token")     # the lost answer

It shares no code with what it tests. Paths: `/authorize` (nobody is asked: back at once with a
code), `/token`, `/revoke`, `/introspect`, `/device` (whoever has the code agrees by the second
question), and `/resource`, which takes living access tokens.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, final
from urllib.parse import parse_qsl, unquote_plus, urlencode

from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received

FakeRotation = Literal["static", "grace", "strict"]
Quirk = Literal[
    "errors_with_200",
    "form_answers",
    "keeps_refresh_token",
    "null_refresh_token",
    "life_as_text",
    "no_life",
    "life_as_date",
    "empty_revocation",
]
"""`keeps_refresh_token`: a static server that repeats it in each answer."""


_ENDPOINTS = ("authorize", "token", "revoke", "introspect", "device", "resource")
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class _Grant:
    """What one user has granted."""

    number: int
    scope: str
    redirect_uri: str = ""
    challenge: str | None = None
    nonce: str | None = None
    alive: bool = True
    access: dict[str, float] = field(default_factory=dict[str, float])
    refresh: str = ""
    used: dict[str, float] = field(default_factory=dict[str, float])


class _RefusedError(Exception):
    """The request is refused, with an error code."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@final
class FakeAuthorization:
    """The server. Tokens count up, so that a test can name them: `access-1-2` is grant 1's second.

    Its ledger keeps `code`, `refresh`, `refused`, `revoke`, `introspect` and `resource`.

    Args:
        rotation: `static`: the refresh token stays; `grace`: a used one works again for
            `reuse_grace` seconds; `strict`: a second use ends the whole grant.
        reuse_grace: seconds.
        life: seconds of an access token.
        client_id, client_secret: the one client; changed, all others are refused.
        quirks: see `Quirk`.
        prefix: before every token and code.
        now: Unix seconds.
        issuer: sent along with the code (RFC 9207), where given.
        id_token: makes an ID token from `sub`, `aud` and `nonce`, where given.
        paths: where its endpoints are, by name, if not below `/`: a real provider's, so that
            `Entry.at` leads here, `{"token": "/login/oauth/access_token"}`.
    """

    name = "authorization"

    def __init__(
        self,
        *,
        rotation: FakeRotation = "strict",
        reuse_grace: float = 600.0,
        life: float = 3600.0,
        client_id: str = "client",
        client_secret: str = "client-secret",  # noqa: S107 - a fake's
        quirks: Iterable[Quirk] = (),
        prefix: str = "",
        now: Callable[[], float] = time.time,
        issuer: str | None = None,
        id_token: Callable[[Mapping[str, Any]], str] | None = None,
        paths: Mapping[str, str] | None = None,
    ) -> None:
        self.ledger = Ledger()
        self.rotation: FakeRotation = rotation
        self.reuse_grace = reuse_grace
        self.life = life
        self.client_id = client_id
        self.client_secret = client_secret
        self.quirks = frozenset(quirks)
        self._prefix = prefix
        self._now = now
        self._issuer = issuer
        self._id_token = id_token
        at = {name: f"/{name}" for name in _ENDPOINTS} | dict(paths or {})
        self._routes: dict[tuple[str, str], Callable[[Received], FakeReply]] = {
            ("GET", at["authorize"]): self._authorize,
            ("POST", at["token"]): self._token,
            ("POST", at["revoke"]): self._revoke,
            ("POST", at["introspect"]): self._introspect,
            ("POST", at["device"]): self._device,
            ("GET", at["resource"]): self._resource,
        }
        self._devices: dict[str, int] = {}
        self._grants: list[_Grant] = []
        self._codes: dict[str, _Grant] = {}
        self._issued = 0

    def grant(self, scope: str = "read") -> dict[str, Any]:
        """A user grants access: the document that a code exchange would answer."""
        return self._document(self._new(scope))

    def end(self, number: int = 1) -> None:
        """The user, or an administrator, takes the grant back."""
        self._grants[number - 1].alive = False

    def alive(self, number: int = 1) -> bool:
        """Whether a grant lives."""
        return self._grants[number - 1].alive

    def answer(self, request: Received) -> FakeReply:
        """One endpoint's answer."""
        try:
            route = self._routes.get((request.method, request.path))
            return FakeReply.json({}, 404) if route is None else route(request)
        except _RefusedError as error:
            self.ledger.record("refused", code=error.code, path=request.path)
            status = 200 if "errors_with_200" in self.quirks else error.status
            return self._answered({"error": error.code}, status)

    # Endpoints

    def _authorize(self, request: Received) -> FakeReply:
        query = dict(request.query())
        grant = self._new(query.get("scope", ""))
        grant.redirect_uri = query.get("redirect_uri", "")
        grant.challenge = query.get("code_challenge")
        grant.nonce = query.get("nonce")
        code = f"{self._prefix}code-{grant.number}"
        self._codes[code] = grant
        back = {"code": code, "state": query.get("state", "")}
        if self._issuer is not None:
            back["iss"] = self._issuer
        return FakeReply(
            status=302, headers=(("location", f"{grant.redirect_uri}?{urlencode(back)}"),)
        )

    def _token(self, request: Received) -> FakeReply:
        return self._answered(self._granted(self._known_client(request)))

    def _granted(self, fields: Mapping[str, str]) -> dict[str, Any]:
        match fields.get("grant_type"):
            case "authorization_code":
                return self._exchanged(fields)
            case "refresh_token":
                return self._refreshed(fields.get("refresh_token", ""))
            case "client_credentials":
                document = self._document(self._new(fields.get("scope", "")))
                del document["refresh_token"]
                return document
            case grant if grant == _DEVICE_GRANT:
                return self._asked(fields.get("device_code", ""))
            case _:
                raise _RefusedError("unsupported_grant_type")

    def _device(self, request: Received) -> FakeReply:
        self._known_client(request)
        code = f"{self._prefix}device-{len(self._devices) + 1}"
        self._devices[code] = 0
        address = f"http://{request.headers.get('host', '127.0.0.1')}/enter"
        return FakeReply.json(
            {
                "device_code": code,
                "user_code": f"CODE-{len(self._devices)}",
                "verification_uri": address,
                "verification_uri_complete": f"{address}?code=CODE-{len(self._devices)}",
                "expires_in": 600,
                "interval": 0.01,
            }
        )

    def _asked(self, code: str) -> dict[str, Any]:
        if code not in self._devices:
            raise _RefusedError("invalid_grant")
        self._devices[code] += 1
        if self._devices[code] == 1:
            raise _RefusedError("authorization_pending")
        del self._devices[code]
        return self._document(self._new(""))

    def _exchanged(self, fields: Mapping[str, str]) -> dict[str, Any]:
        grant = self._codes.pop(fields.get("code", ""), None)
        if grant is None or fields.get("redirect_uri", "") != grant.redirect_uri:
            raise _RefusedError("invalid_grant")
        if grant.challenge is not None:
            digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != grant.challenge:
                raise _RefusedError("invalid_grant")
        self.ledger.record("code", grant=grant.number)
        return self._document(grant)

    def _refreshed(self, token: str) -> dict[str, Any]:
        grant = self._by_refresh(token)
        if grant is None or not grant.alive:
            raise _RefusedError("invalid_grant")
        if token != grant.refresh:
            again = self.rotation == "grace" and self._now() - grant.used[token] < self.reuse_grace
            if not again:
                grant.alive = False
                raise _RefusedError("invalid_grant")
        self.ledger.record("refresh", grant=grant.number, token=token)
        if self.rotation != "static":
            grant.used.setdefault(token, self._now())
            return self._document(grant)
        document = self._document(grant, rotate=False)
        if "keeps_refresh_token" not in self.quirks:
            del document["refresh_token"]
        if "null_refresh_token" in self.quirks:
            document["refresh_token"] = None
        return document

    def _revoke(self, request: Received) -> FakeReply:
        token = self._known_client(request).get("token", "")
        for grant in self._grants:
            if token == grant.refresh or token in grant.access:
                grant.alive = False
        self.ledger.record("revoke", token=token)
        return FakeReply() if "empty_revocation" in self.quirks else FakeReply.json({})

    def _introspect(self, request: Received) -> FakeReply:
        token = self._known_client(request).get("token", "")
        found = self._by_refresh(token)
        active = found is not None and found.refresh == token and found.alive
        self.ledger.record("introspect", active=active)
        return FakeReply.json({"active": active})

    def _resource(self, request: Received) -> FakeReply:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        living = any(
            grant.alive and self._now() < grant.access.get(token, 0.0) for grant in self._grants
        )
        self.ledger.record("resource", token=token, living=living)
        return FakeReply.json({}, 200 if living else 401)

    # Inside

    def _known_client(self, request: Received) -> dict[str, str]:
        if request.headers.get("content-type", "").startswith("application/json"):
            fields = dict(request.json())
        else:
            fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            known, _, secret = base64.b64decode(encoded).decode().partition(":")
            said = unquote_plus(known), unquote_plus(secret)
        else:
            said = fields.get("client_id", ""), fields.get("client_secret", "")
        if said != (self.client_id, self.client_secret):
            raise _RefusedError("invalid_client", 401)
        return fields

    def _new(self, scope: str) -> _Grant:
        grant = _Grant(len(self._grants) + 1, scope)
        self._grants.append(grant)
        return grant

    def _by_refresh(self, token: str) -> _Grant | None:
        known = (one for one in self._grants if token == one.refresh or token in one.used)
        return next(known, None) if token else None

    def _document(self, grant: _Grant, *, rotate: bool = True) -> dict[str, Any]:
        self._issued += 1
        name = f"{grant.number}-{self._issued}"
        access = f"{self._prefix}access-{name}"
        grant.access[access] = self._now() + self.life
        if rotate:
            grant.refresh = f"{self._prefix}refresh-{name}"
        document: dict[str, Any] = {
            "access_token": access,
            "token_type": "bearer",
            "refresh_token": grant.refresh,
            "scope": grant.scope,
            "expires_in": self.life,
        }
        if "no_life" in self.quirks:
            del document["expires_in"]
        if "life_as_text" in self.quirks:
            document["expires_in"] = str(int(self.life))
        if "life_as_date" in self.quirks:
            del document["expires_in"]
            document["expires_at"] = datetime.fromtimestamp(
                self._now() + self.life, UTC
            ).isoformat()
        if self._id_token is not None:
            claims = {"sub": f"user-{grant.number}", "aud": self.client_id, "nonce": grant.nonce}
            document["id_token"] = self._id_token(claims)
        return document

    def _answered(self, document: Mapping[str, Any], status: int = 200) -> FakeReply:
        if "form_answers" not in self.quirks:
            return FakeReply.json(document, status)
        return FakeReply(
            status=status,
            headers=(("content-type", "application/x-www-form-urlencoded"),),
            body=urlencode(document).encode(),
        )
