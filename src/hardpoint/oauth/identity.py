"""Who a provider says a person is."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from hardpoint.oauth.tokens import Tokens


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A person as their issuer vouches for them.

    Whom it names is the pair of issuer and subject, for ever; an e-mail address is a way to write
    to somebody, not a way to know them: it is changed, given to others and, at some issuers, typed
    in by whoever likes.

    Attributes:
        issuer: who vouches, as it calls itself.
        subject: the person's name at the issuer, never given to another.
        email: an address, where asked for.
        email_verified: whether the issuer says that it has seen the person read mail there.
        authenticated_at: Unix seconds when the person last proved who they are, where it says.
        session: the issuer's name of the session (`sid`), for its logout.
        claims: all that it said.
    """

    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    authenticated_at: float | None = None
    session: str | None = None
    claims: Mapping[str, Any] = {}

    @property
    def key(self) -> tuple[str, str]:
        """What to keep a person under."""
        return (self.issuer, self.subject)

    def __repr__(self) -> str:
        return f"Identity({self.issuer!r}, ****)"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of one sign-in, and came with its answer.

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

    def __repr__(self) -> str:
        return "Asked(****)"


class Identify(Protocol):
    """Finds out whose tokens they are: from an ID token, or by asking the provider."""

    async def __call__(self, tokens: Tokens, asked: Asked, /) -> Identity:
        """Whose they are.

        Raises:
            InvalidTokenError: nobody's that we may believe in.
            ProviderError: it could not be asked.
        """
        ...


def email_verified(claims: Mapping[str, Any]) -> bool:
    """Whether the issuer has seen the person read mail there; some write the word as text."""
    told: object = claims.get("email_verified")
    return told is True or told == "true"
