"""The ID token (OpenID Connect Core 1.0, 2 and 3.1.3.7), checked claim by claim."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from hardpoint.oauth.identity import Asked, Identity, email_verified
from hardpoint.oauth.jwks import PublicKey
from hardpoint.oauth.jwt import Expected, Unverified, refused, seconds, text, verified

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
        raise refused("auth_time", "is of a sign-in too long ago")
    if asked.acr and text(claims, "acr") not in asked.acr:
        raise refused("acr", "is of a weaker sign-in than we asked for")
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
