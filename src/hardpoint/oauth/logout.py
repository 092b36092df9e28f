"""An issuer's notice that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0).

It is a signed token that nobody's browser brings, so nothing else proves it: signature, issuer,
audience and age are checked as an ID token's are, and an ID token is none.
"""

from base64 import urlsafe_b64decode
from typing import Final, final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import InvalidTokenError
from hardpoint.oauth.jwks import KeyCache
from hardpoint.oauth.jwt import (
    ISSUED_SECONDS_MAX,
    Expected,
    check_header,
    refused,
    seconds,
    text,
    unverified,
    verified,
)

LOGOUT_TYPES: Final = frozenset({"", "jwt", "logout+jwt"})
_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"


class _Whose(msgspec.Struct):
    iss: str
    sub: str


_whose: Final = msgspec.json.Decoder(_Whose).decode


class LogoutNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Who has signed out where.

    Attributes:
        issuer: whose notice it is.
        subject: the person, where it names one.
        session: the issuer's name of the session that ended, where it names one.
        issued_at: Unix seconds when it was made.
    """

    issuer: str
    subject: str | None
    session: str | None
    issued_at: float


def is_of(id_token: str, issuer: str, subject: str | None) -> bool:
    """Whether an ID token says that it is of this person; it may be old, and is not verified."""
    try:
        payload = unverified(id_token).payload
        whose = _whose(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (InvalidTokenError, ValueError):
        return False
    return (whose.iss, whose.sub) == (issuer, subject)


@final
class LogoutNotices:
    """Reads notices of one issuer.

    Args:
        expected: what they have to say.
        jwks_url: where the issuer's keys are.
        keys: finds them.
        clock: whether they still hold.
    """

    def __init__(self, expected: Expected, jwks_url: str, keys: KeyCache, clock: Clock) -> None:
        self._expected = expected
        self._jwks_url = jwks_url
        self._keys = keys
        self._clock = clock

    async def read(self, logout_token: str) -> LogoutNotice:
        """What it says (2.6 of the specification, in this order).

        Raises:
            InvalidTokenError: whatever is wrong with it.
            ProviderError: the issuer's keys cannot be had.
        """
        token = unverified(logout_token)
        check_header(token, self._expected)
        key = await self._keys.find(self._jwks_url, token.kid, token.algorithm)
        now = self._clock.now()
        claims = verified(token, key, self._expected, now=now)
        issued = seconds(claims, "iat")
        if issued is None or now > issued + ISSUED_SECONDS_MAX + self._expected.leeway:
            raise refused("stale", "was not issued just now")
        events: object = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):  # pyright: ignore[reportUnknownMemberType] - JSON
            raise refused("event", "is no notice of a sign-out")
        if "nonce" in claims:
            raise refused("nonce", "is the answer to a sign-in")
        if not text(claims, "jti"):
            raise refused("malformed", "has no jti")
        subject, session = text(claims, "sub"), text(claims, "sid")
        if not (subject or session):
            raise refused("subject", "names nobody")
        return LogoutNotice(
            issuer=claims["iss"],
            subject=subject or None,
            session=session or None,
            issued_at=issued,
        )
