"""Who signed in: the ID token (OpenID Connect Core 1.0, 2 and 3.1.3.7), checked claim by claim.

Whom a token names is the pair of issuer and subject, for ever; an e-mail address is a way to write
to somebody, not a way to know them.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

import msgspec

from hardpoint.oauth.jwks import Key
from hardpoint.oauth.jwt import Expected, Unverified, refused, seconds, text, verified

ISSUED_SECONDS_MAX = 600.0
"""How old an ID token may be when it comes back from the provider with the code just exchanged."""

_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class IdToken(msgspec.Struct, frozen=True, kw_only=True):
    """A person as their issuer vouches for them.

    Attributes:
        issuer: who vouches, as the token says it.
        subject: the person's name at the issuer, never given to another; with the issuer, the key.
        expires_at: Unix seconds.
        authenticated_at: Unix seconds when the person last proved who they are, where it says.
        session: the issuer's name of the session (`sid`), for its logout.
        email: an address, where asked for.
        email_verified: whether the issuer says that it has seen the person read mail there.
        claims: all of it.
    """

    issuer: str
    subject: str
    expires_at: float
    authenticated_at: float | None
    session: str | None
    email: str | None
    email_verified: bool
    claims: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"IdToken({self.issuer!r}, ****)"


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Asked:
    """What was asked of this one sign-in, and came with the token.

    Attributes:
        nonce: what we sent; None only where no nonce could be sent.
        access_token: that came with it, for `at_hash`.
        code: that was exchanged, for `c_hash`.
        age_max: seconds since the person last proved who they are, where it was asked.
        acr: what the proof had to be, where it was asked; one of them.
    """

    nonce: str | None
    access_token: str | None = None
    code: str | None = None
    age_max: float | None = None
    acr: frozenset[str] = frozenset()


def id_token(
    token: Unverified, key: Key, expected: Expected, asked: Asked, *, now: float
) -> IdToken:
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
        raise refused("auth_time", "is of a sign-in too long ago")
    if asked.acr and text(claims, "acr") not in asked.acr:
        raise refused("acr", "is of a weaker sign-in than we asked for")
    return IdToken(
        issuer=claims["iss"],
        subject=_subject(claims),
        expires_at=float(claims["exp"]),
        authenticated_at=authenticated_at,
        session=text(claims, "sid"),
        email=text(claims, "email"),
        email_verified=claims.get("email_verified") is True,
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
