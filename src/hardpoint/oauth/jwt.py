"""JSON Web Tokens that others signed (RFC 7515, RFC 7519), by the advice of RFC 8725.

    token = unverified(text)                       # taken apart, nothing believed
    key = await keys.find(token.kid, token.algorithm)
    claims = verified(token, key, expected, now=clock.now())

The signature is joserfc's to check, everything else is checked here. What a token may be signed
with is decided by us (`Expected.algorithms`) and by the issuer's key, never by the token's header.
"""

import hashlib
import hmac
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, cast, final

from hardpoint.core.errors import ConfigurationError, InvalidTokenError
from hardpoint.oauth.identity import Asked, Identity, email_verified
from hardpoint.oauth.jwks import ALGORITHMS, PublicKey, json_object

TOKEN_BYTES_MAX = 16 * 1024
HEADER_BYTES_MAX = 2 * 1024
LEEWAY = 60.0
LEEWAY_MAX = 300.0
TEXT_CHARACTERS_MAX = 255
"""A subject's longest (OpenID Connect Core 1.0, 2); other names are held to it too."""

_FOREIGN_KEYS: Final = ("jwk", "jku", "x5u", "x5c")
"""Headers that bring or point to a key: whoever writes a token could sign it with their own."""
_SECONDS_MAX = 2.0**53


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token has to say to be taken.

    Attributes:
        issuer: exactly, byte for byte. `{tid}` in it stands for the claim of that name, for issuers
            that serve many tenants.
        tenants: what that claim may be; empty for any.
        aliases: other spellings of the issuer that its documentation allows.
        audience: us, our client id.
        trusted: other audiences that may stand beside ours.
        algorithms: what it may be signed with.
        types: its `typ` in lower case; the empty one for a token without.
        leeway: seconds by which two clocks may differ.

    Raises:
        ConfigurationError: nothing to expect, an algorithm that proves nothing, or too much leeway.
    """

    issuer: str
    audience: str
    algorithms: frozenset[str] = frozenset({"RS256"})
    tenants: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset({"", "jwt"})
    leeway: float = LEEWAY

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            raise ConfigurationError("issuer, audience", "is empty")
        unfit = self.algorithms.difference(ALGORITHMS)
        if unfit or not self.algorithms:
            raise ConfigurationError(
                "algorithms",
                f"names {', '.join(sorted(unfit)) or 'none'}",
                fix=f"Take some of {', '.join(ALGORITHMS)}",
            )
        if not 0 <= self.leeway <= LEEWAY_MAX:
            raise ConfigurationError("leeway", f"is not 0 to {LEEWAY_MAX:g} seconds")


@final
@dataclass(frozen=True, slots=True, repr=False)
class Unverified:
    """A token taken apart; its header says which key to ask for, and nothing else is believed."""

    algorithm: str
    kid: str | None
    type: str
    signed: bytes
    payload: bytes
    signature: bytes


def unverified(token: str | bytes) -> Unverified:
    """Take a token apart.

    Raises:
        InvalidTokenError: it is no signed token in compact form, or its header asks for what we do
            not do.
    """
    raw = token if isinstance(token, bytes) else token.encode("ascii", "replace")
    if len(raw) > TOKEN_BYTES_MAX:
        raise refused("too_large", f"is larger than {TOKEN_BYTES_MAX} bytes")
    parts = raw.split(b".")
    if len(parts) != 3 or not all(parts):
        raise refused("malformed", "is not three parts")
    head, payload, signature = parts
    header = _document(head, "header", HEADER_BYTES_MAX)
    if "crit" in header or "b64" in header:
        raise refused("critical", "has critical extensions, which we do not support")
    if any(name in header for name in _FOREIGN_KEYS):
        raise refused("foreign_key", "brings a key of its own")
    return Unverified(
        algorithm=text(header, "alg") or "",
        kid=text(header, "kid"),
        type=(text(header, "typ") or "").lower().removeprefix("application/"),
        signed=raw[: len(head) + 1 + len(payload)],
        payload=payload,
        signature=_decoded(signature, "signature"),
    )


def issuer_said(token: Unverified) -> str:
    """Whose it says it is, so that one knows whose key to try; it is not believed.

    Raises:
        InvalidTokenError: it has no payload that says so.
    """
    return text(_document(token.payload, "payload", TOKEN_BYTES_MAX), "iss") or ""


def verified(
    token: Unverified, key: PublicKey, expected: Expected, *, now: float
) -> Mapping[str, Any]:
    """The claims of a token that is what we expect.

    Args:
        token: as `unverified` took it apart.
        key: the issuer's, found by the token's `kid` and `algorithm`.
        expected: what it has to say.
        now: Unix seconds.

    Raises:
        InvalidTokenError: whatever is wrong with it; no value of it is in the message.
    """
    check_header(token, expected)
    if token.algorithm not in key.algorithms:
        raise refused("algorithm", "is not signed as the key allows")
    if not key.verifies(token.algorithm, token.signed, token.signature):
        raise refused("signature", "is not signed by the issuer")
    claims = _document(token.payload, "payload", TOKEN_BYTES_MAX)
    _check_issuer(claims, expected)
    _check_audience(claims, expected)
    _check_times(claims, expected.leeway, now)
    return claims


def check_header(token: Unverified, expected: Expected) -> None:
    """See whether a token is worth looking for its key.

    Raises:
        InvalidTokenError: it is not.
    """
    if token.algorithm not in expected.algorithms:
        raise refused("algorithm", "is signed in a way we do not accept")
    if token.type not in expected.types:
        raise refused("type", "is a token of another type")


def seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A claim that is a time, in Unix seconds; None when there is none.

    Raises:
        InvalidTokenError: it is something else.
    """
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused("malformed", f"has a senseless {name}")
    if not (isfinite(value) and 0 <= value <= _SECONDS_MAX):
        raise refused("malformed", f"has a senseless {name}")
    return float(value)


def refused(reason: str, problem: str) -> InvalidTokenError:
    """The error for a token that is not taken."""
    return InvalidTokenError(f"The token {problem}", reason=reason)


def _check_issuer(claims: Mapping[str, Any], expected: Expected) -> None:
    issuer = expected.issuer
    if "{" in issuer:
        before, _, rest = issuer.partition("{")
        name, _, after = rest.partition("}")
        tenant = text(claims, name) or ""
        if expected.tenants and tenant not in expected.tenants:
            raise refused("tenant", "is of a tenant that is not allowed")
        if not (tenant.isascii() and tenant.replace("-", "").isalnum()):
            raise refused("tenant", "is of no tenant")
        issuer = f"{before}{tenant}{after}"
    said = text(claims, "iss")
    if said != issuer and said not in expected.aliases:
        raise refused("issuer", "is of another issuer")


def _check_audience(claims: Mapping[str, Any], expected: Expected) -> None:
    said = claims.get("aud")
    audiences = cast("list[Any]", said) if isinstance(said, list) else [said]
    if not all(isinstance(one, str) for one in audiences):
        raise refused("malformed", "has a senseless aud")
    if expected.audience not in audiences:
        raise refused("audience", "is not for us")
    if not expected.trusted.union((expected.audience,)).issuperset(audiences):
        raise refused("audience", "is also for others, whom we do not know")


def _check_times(claims: Mapping[str, Any], leeway: float, now: float) -> None:
    expires, issued, starts = (seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None:
        raise refused("malformed", "never expires")
    if now >= expires + leeway:
        raise refused("expired", "has expired")
    if starts is not None and now < starts - leeway:
        raise refused("early", "is not valid yet")
    if issued is not None and now < issued - leeway:
        raise refused("early", "was issued in the future")


def text(values: Mapping[str, Any], name: str) -> str | None:
    """A member that is a printable text of sane length; None when there is none.

    Raises:
        InvalidTokenError: it is something else.
    """
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX or not value.isprintable():
        raise refused("malformed", f"has a senseless {name}")
    return value


def _document(part: bytes, name: str, bytes_max: int) -> dict[str, Any]:
    try:
        return json_object(_decoded(part, name), bytes_max=bytes_max)
    except ValueError as error:
        raise refused("malformed", f"has a {name} that {error}") from None


def _decoded(part: bytes, name: str) -> bytes:
    """The bytes behind base64url, in the one spelling that RFC 7515 has for them."""
    try:
        data = b64decode(part + b"=" * (-len(part) % 4), b"-_", validate=True)
    except Base64Error:
        data = b""
    if urlsafe_b64encode(data).rstrip(b"=") != part:
        raise refused("malformed", f"has a {name} that is not base64url")
    return data


ISSUED_SECONDS_MAX = 600.0
"""How old an ID token may be when it comes back from the provider with the code just exchanged."""

_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


def id_token(
    token: Unverified, key: PublicKey, expected: Expected, asked: Asked, *, now: float
) -> Identity:
    """The person behind an ID token that is what we asked for.

    Args:
        token: as `unverified` took it apart.
        key: the issuer's, found by the token's `kid` and `algorithm`.
        expected: what a token of this issuer has to say.
        asked: what this one has to say.
        now: Unix seconds.

    Raises:
        InvalidTokenError: whatever is wrong with it.
    """
    claims = verified(token, key, expected, now=now)
    _check_party(claims, expected)
    _check_issued(claims, expected.leeway, now)
    _check_nonce(claims, asked.nonce)
    _check_hash(claims, "at_hash", asked.access_token, token.algorithm)
    _check_hash(claims, "c_hash", asked.code, token.algorithm)
    authenticated_at = seconds(claims, "auth_time")
    if asked.age_max is not None and (
        authenticated_at is None or now > authenticated_at + asked.age_max + expected.leeway
    ):
        raise refused("auth_time", "comes from a sign-in too long ago")
    if asked.acr and text(claims, "acr") not in asked.acr:
        raise refused("acr", "comes from a weaker sign-in than we asked for")
    return Identity(
        issuer=claims["iss"],
        subject=_subject(claims),
        authenticated_at=authenticated_at,
        session=text(claims, "sid"),
        email=text(claims, "email"),
        email_verified=email_verified(claims),
        claims=claims,
    )


def _subject(claims: Mapping[str, Any]) -> str:
    subject = text(claims, "sub")
    if not subject:
        raise refused("subject", "names nobody")
    return subject


def _check_party(claims: Mapping[str, Any], expected: Expected) -> None:
    """`azp`, whom it was issued to: us if it says so, and with several audiences it has to."""
    party = text(claims, "azp")
    several = not isinstance(claims["aud"], str) and len(claims["aud"]) > 1
    if party != expected.audience and (party is not None or several):
        raise refused("party", "was issued to another client")


def _check_issued(claims: Mapping[str, Any], leeway: float, now: float) -> None:
    issued = seconds(claims, "iat")
    if issued is None or now > issued + ISSUED_SECONDS_MAX + leeway:
        raise refused("stale", "was not issued just now")


def _check_nonce(claims: Mapping[str, Any], nonce: str | None) -> None:
    if nonce is None:
        return
    said = text(claims, "nonce") or ""
    if not hmac.compare_digest(said.encode(), nonce.encode()):
        raise refused("nonce", "is not the answer to this sign-in")


def _check_hash(claims: Mapping[str, Any], name: str, whole: str | None, algorithm: str) -> None:
    """`at_hash`, `c_hash`: the left half of the hash that the signature uses."""
    said = text(claims, name)
    if said is None or whole is None:
        return
    # Ed25519 signs with SHA-512 inside, and there `at_hash` is taken with it too.
    digest = _HASHES.get(algorithm[-3:], hashlib.sha512)(whole.encode()).digest()
    half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not hmac.compare_digest(said.encode(), half):
        raise refused(name, "came with another access token or code")
