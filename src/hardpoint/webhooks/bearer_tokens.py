"""A source that brings a token signed by its issuer: a JWT whose keys are published as a JWKS.

The token says who sends. Of the body it says something only where the vendor puts a hash of it into
a claim; without that, whoever holds a token that is still good can send any body with it.
"""

import hashlib
import hmac
import re
from binascii import hexlify
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

from hardpoint.core.errors import (
    ConfigurationError,
    InvalidTokenError,
    MalformedRequestError,
    SignatureMismatchError,
    StaleTimestampError,
    WebhookError,
)
from hardpoint.http.limits import checked_url
from hardpoint.oauth.jwks import ALGORITHMS, KeySet, key_set, require_joserfc
from hardpoint.oauth.jwt import (
    LEEWAY,
    Expected,
    Unverified,
    check_header,
    refused,
    seconds,
    text,
    unverified,
    verified,
)
from hardpoint.webhooks.event_facts import DEFAULT_TYPE, HEADER_NAME, EventFacts
from hardpoint.webhooks.fetched_keys import KeySource
from hardpoint.webhooks.grammar import base64, base64url
from hardpoint.webhooks.handshakes import Handshake
from hardpoint.webhooks.schemes import CONTENT_HEADERS, OneEventScheme
from hardpoint.webhooks.signatures import check_tolerance, signature_in
from hardpoint.webhooks.verification import Coverage, Notification, Replay, WebhookRequest

TOKEN_US: Final = 200.0
UNNAMED: Final = "(the only key)"
"""What a token that names no key is looked up under."""

_PREFIX: Final = re.compile(r"[!-~ ]{0,32}", re.ASCII)
_CLAIM: Final = re.compile(r"[!-~]{1,64}", re.ASCII)
_HASHES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "hex": hexlify,
    "base64": base64,
    "base64url": base64url,
}
_EXPIRED: Final = frozenset({"expired", "early", "stale"})
_Claims = Mapping[str, Any]


@final
class JwtWebhooks(OneEventScheme):
    """Verifies the token of a request by the published keys of its issuer.

    Args:
        jwks_url: where the issuer publishes its keys; https.
        issuer: the token's `iss`, exactly.
        audience: its `aud`, exactly: one of your own for each source.
        algorithms: what it may be signed with; never a shared secret, never `none`.
        header: where the token stands.
        prefix: what stands before it.
        body_hash: the claim with the body's SHA-256, where the vendor has one.
        body_hash_encoding: `hex`, `base64` or `base64url`.
        tolerance: how many seconds ago it may have been issued; else its `exp` alone counts.
        id_from: where the event's id stands: `claim:jti`, a pointer or `header:NAME`.
        type_from: where its type stands: a pointer or `header:NAME`.
        items: a pointer to the list of events, where a request tells of several: id and type then
            stand in each. Empty where the body is that list.
        handshake: what the vendor asks at first; see `Handshake`.

    Raises:
        ConfigurationError: a setting out of range, two that do not go together, or the extra
            `oauth` is not installed.

    Attributes:
        keys: the issuer's, fetched when a token names one that is not known.
    """

    replay = Replay.WINDOW
    signature_headers = frozenset[bytes]()
    refusal_us = TOKEN_US

    def __init__(
        self,
        *,
        jwks_url: str,
        issuer: str,
        audience: str,
        algorithms: Sequence[str] = ("RS256",),
        header: str = "Authorization",
        prefix: str = "Bearer ",
        body_hash: str | None = None,
        body_hash_encoding: str = "hex",
        tolerance: float | None = None,
        id_from: str | None = None,
        type_from: str = DEFAULT_TYPE,
        items: str | None = None,
        handshake: object = None,
    ) -> None:
        require_joserfc()
        self._url = checked_url(_text("jwks_url", jwks_url), key="jwks_url")
        if not isinstance(algorithms, list | tuple):
            raise ConfigurationError("algorithms", "is no list", fix=f"Of {', '.join(ALGORITHMS)}")
        self._expected = Expected(
            issuer=_text("issuer", issuer),
            audience=_text("audience", audience),
            algorithms=frozenset(_text("algorithms", one) for one in algorithms),
        )
        self._header = _matching("header", header, HEADER_NAME).lower().encode()
        self._prefix = _matching("prefix", prefix, _PREFIX).encode()
        self._hash = None if body_hash is None else _matching("body_hash", body_hash, _CLAIM)
        if body_hash_encoding not in _HASHES:
            fix = f"Write one of {', '.join(_HASHES)}"
            raise ConfigurationError("body_hash_encoding", f"is {body_hash_encoding!r}", fix=fix)
        self._spell = _HASHES[body_hash_encoding]
        self._age_max = None if tolerance is None else check_tolerance(tolerance)
        covered = body_hash is not None
        claim = id_from.removeprefix("claim:") if isinstance(id_from, str) else ""
        self._claim = _matching("id_from", claim, _CLAIM) if claim != (id_from or "") else None
        if self._claim and items is not None:
            raise ConfigurationError("id_from", "is a claim, and has one id for a whole list")
        id_in_request = None if self._claim else id_from
        self.facts = EventFacts(id_in_request, type_from, items=items, body_signed=covered)
        if handshake is not None:
            self.handshake = Handshake(handshake, signs=False)
        self.covers = Coverage.FULL_BODY if covered else Coverage.NONE
        self.keys: KeySource[KeySet] = KeySource(lambda _: self._url, _by_name)
        self.signature_headers = frozenset({self._header})
        self.stored_headers = (CONTENT_HEADERS | self.facts.headers) - self.signature_headers

    def authenticate(
        self, request: WebhookRequest, *, now: float
    ) -> tuple[int, int | None, _Claims]:
        """See `SignatureScheme`; what was found are the claims."""
        value = signature_in(request.header(self._header), self._header)
        if not value.startswith(self._prefix):
            raise MalformedRequestError(f"the {self._header.decode()} header has not the prefix")
        try:
            token = unverified(value[len(self._prefix) :])
            check_header(token, self._expected)
            claims = self._claims(token, now)
            issued = self._checked(claims, request.body, now)
        except InvalidTokenError as problem:
            raise _translated(problem) from None
        return 0, None if issued is None else int(issued), claims

    def _claims(self, token: Unverified, now: float) -> _Claims:
        """The claims under a signature that holds."""
        known = self.keys.find(UNNAMED if token.kid is None else token.kid, now=now)
        key = known.find(token.kid, token.algorithm)
        if key is None:
            raise refused("algorithm", "is not signed as the key allows")
        claims: list[_Claims] = []
        problems: list[InvalidTokenError] = []

        def made() -> bool:
            try:
                claims.append(verified(token, key, self._expected, now=now))
            except InvalidTokenError as problem:
                problems.append(problem)
            return not problems

        if not self.keys.check(made, now=now):
            raise problems[0]
        return claims[0]

    def _checked(self, claims: _Claims, body: bytes, now: float) -> float | None:
        """When it was issued, if its age and the body's hash are right."""
        issued = seconds(claims, "iat")
        if self._age_max is not None and (issued is None or now > issued + self._age_max + LEEWAY):
            raise refused("stale", "was not issued just now")
        if self._hash is not None:
            said = text(claims, self._hash) or ""
            digest = self._spell(hashlib.sha256(body).digest())
            if not hmac.compare_digest(said.encode(), digest):
                raise SignatureMismatchError("the token is of another body")
        return issued

    def events(self, request: WebhookRequest, found: _Claims) -> tuple[Notification, ...]:
        """What the settings make of it: one event, or those of a list."""
        if self._claim is None:
            return self.facts.all_of(request)
        event = self.facts.of(request)
        try:
            identifier = text(found, self._claim) or ""
        except InvalidTokenError as problem:
            raise MalformedRequestError(str(problem)) from None
        return (Notification(id=identifier, type=event.type),)

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """Nobody but the issuer can.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("provider", "jwt: only the issuer of the tokens can sign")

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """See `Scheme`; a source with fetched keys is never asked for one."""
        return [(self._header, self._prefix + b"e30.e30.e30")]


def _by_name(document: bytes, name: str, now: float) -> Mapping[str, KeySet]:
    """The keys of a document, by their names; all of them for tokens that name none."""
    del name, now
    keys = key_set(document).keys
    names = {key.kid for key in keys if key.kid is not None}
    named = {name: KeySet([key for key in keys if key.kid == name]) for name in names}
    return {**named, UNNAMED: KeySet(keys)}


def _translated(problem: InvalidTokenError) -> WebhookError:
    """What a token's fault means for a request."""
    if problem.reason in _EXPIRED:
        return StaleTimestampError(str(problem))
    if problem.reason == "malformed":
        return MalformedRequestError(str(problem))
    return SignatureMismatchError(str(problem))


def _text(key: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(key, f"is {value!r}, no text")


def _matching(key: str, value: object, pattern: re.Pattern[str]) -> str:
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise ConfigurationError(key, f"is {value!r}")
