"""An OpenID provider over real HTTP: an authorization server that also says who somebody is.

    issuer = FakeIssuer()
    with FakeServer(issuer) as server:
        ...                            # discovery, keys, /me and a calendar below server.url

Everybody consents at once; `login_hint` picks the person: any name, or `deny`. Beneath is a
`FakeAuthorization`, with its rotations and quirks. Needs the extra `oauth`.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, final
from urllib.parse import urlencode

import msgspec

from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received

EVENTS: Final = ({"summary": "Stand-up", "start": "09:30"}, {"summary": "Lunch", "start": "12:00"})
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_DISCOVERY: Final = "/.well-known/openid-configuration"


@final
class FakeIssuer:
    """The provider. It calls itself as it was called: its issuer is the address it is reached at.

    Args:
        now: Unix seconds.
        **options: of the `FakeAuthorization` beneath.

    Attributes:
        server: that one; its ledger is ours.
        changes: claims that ID tokens say differently, or with None not at all.
        says_issuer: whether callbacks carry `iss` (RFC 9207).
    """

    name = "openid"

    def __init__(self, *, now: Callable[[], float] = time.time, **options: Any) -> None:
        self.server = FakeAuthorization(id_token=self._id_token, now=now, **options)
        self._now = now
        self.changes: dict[str, Any] = {}
        self.says_issuer = True
        self._issuer = ""
        self._people: dict[object, str] = {}
        self._keys: list[Any] = []
        self._made = 0
        self.rotate_keys()

    @property
    def ledger(self) -> Ledger:
        """What it did."""
        return self.server.ledger

    def rotate_keys(self) -> None:
        """Sign with a new key from now on; the one before stays published, older ones do not."""
        from joserfc.jwk import ECKey

        self._made += 1
        new = ECKey.generate_key("P-256", {"kid": f"key-{self._made}", "use": "sig"})
        self._keys = [new, *self._keys[:1]]

    def logout_token(self, name: str | None = "ada", **claims: Any) -> str:
        """A notice that a person has signed out here, for `POST /auth/logout/...`.

        Args:
            name: whom it names; None for nobody, so that it needs `sid`.
            **claims: what it says besides, or otherwise; None leaves one out.
        """
        now = int(self._now())
        told: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self.server.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": f"logout-{now}",
            "events": {_LOGOUT_EVENT: {}},
            "sub": None if name is None else _person(name)["sub"],
            **claims,
        }
        return self._signed(told, typ="logout+jwt")

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse."""
        self._issuer = f"http://{request.headers.get('host', '')}"
        own = {
            _DISCOVERY: self._metadata,
            "/keys": self._published,
            "/authorize": self._authorize,
            "/api/events": self._events,
            "/me": self._me,
        }.get(request.path)
        return self.server.answer(request) if own is None else own(request)

    def _metadata(self, _: Received) -> FakeReply:
        at = self._issuer
        return FakeReply.json(
            {
                "issuer": at,
                "authorization_endpoint": f"{at}/authorize",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/keys",
                "revocation_endpoint": f"{at}/revoke",
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": self.says_issuer,
            }
        )

    def _published(self, _: Received) -> FakeReply:
        return FakeReply.json({"keys": [key.as_dict(private=False) for key in self._keys]})

    def _authorize(self, request: Received) -> FakeReply:
        asked = dict(request.query())
        person = asked.get("login_hint", "ada")
        more = {"iss": self._issuer} if self.says_issuer else {}
        if person == "deny":
            told = {"error": "access_denied", "state": asked.get("state", ""), **more}
            where = f"{asked.get('redirect_uri', '')}?{urlencode(told)}"
        else:
            self._people[asked.get("nonce")] = person
            where = dict(self.server.answer(request).headers)["location"]
            where += f"&{urlencode(more)}" if more else ""
        return FakeReply(status=302, headers=(("location", where),))

    def _id_token(self, facts: Mapping[str, Any]) -> str:
        now = int(self._now())
        person = self._people.get(facts["nonce"], "ada")
        own = {"iss": self._issuer, "iat": now, "exp": now + 300, "auth_time": now}
        return self._signed({**facts, **own, **_person(person), **self.changes})

    def _signed(self, claims: Mapping[str, Any], **header: str) -> str:
        from joserfc import jwt

        told = {name: value for name, value in claims.items() if value is not None}
        key = self._keys[0]
        return jwt.encode({"alg": "ES256", "kid": key.kid, **header}, told, key, ["ES256"])

    def _me(self, request: Received) -> FakeReply:
        """Whoever consented last without a nonce, as a provider without ID tokens tells it."""
        person = _person(self._people.get(None, "ada"))
        told = {"id": person["sub"], "email": person["email"], "verified": True}
        return FakeReply.json({"data": told}) if self._resource(request) else _UNKNOWN

    def _events(self, request: Received) -> FakeReply:
        return FakeReply.json({"items": EVENTS}) if self._resource(request) else _UNKNOWN

    def _resource(self, request: Received) -> bool:
        """Whether it comes with an access token that lives."""
        asked = msgspec.structs.replace(request, method="GET", target="/resource")
        return self.server.answer(asked).status == 200


_UNKNOWN = FakeReply(status=401, headers=(("www-authenticate", "Bearer"),), body=b"{}")


def _person(name: str) -> dict[str, Any]:
    address = f"{name}@people.example"
    return {"sub": f"id-of-{name}", "name": name, "email": address, "email_verified": True}
