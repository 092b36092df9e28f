"""The tokens of one grant, as values that never show themselves."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, final

from hardpoint.core.secrets import Secret


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokens:
    """What an authorization server gave.

    Attributes:
        access: the access token.
        refresh: the refresh token, if it gave one.
        id_token: the ID token, not verified yet.
        token_type: `Bearer`, as it spelled it.
        scope: what was granted; None when it did not say.
        expires_at: when the access token ends, Unix seconds counted from before the request was
            sent; None when nobody knows.
        refresh_expires_at: when the refresh token ends.
        issued_at: Unix seconds from before the request was sent.
        details: the rest of the answer without these tokens; it may hold what is private.
        slots: further credentials of the same answer by name.
    """

    access: Secret
    issued_at: float
    refresh: Secret | None = None
    id_token: Secret | None = None
    token_type: str = "Bearer"  # noqa: S105 - a word
    scope: tuple[str, ...] | None = None
    expires_at: float | None = None
    refresh_expires_at: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    slots: Mapping[str, "Tokens"] = field(default_factory=dict[str, "Tokens"])

    def succeeded_by(self, new: Self) -> Self:
        """The tokens after a refresh: what the answer left out stays as it was.

        A refresh token that is not repeated stays valid (RFC 6749 6), and so do scope, ID token and
        the details of the first answer.
        """
        return replace(
            new,
            refresh=new.refresh or self.refresh,
            id_token=new.id_token or self.id_token,
            scope=self.scope if new.scope is None else new.scope,
            refresh_expires_at=(
                self.refresh_expires_at
                if new.refresh is None and new.refresh_expires_at is None
                else new.refresh_expires_at
            ),
            details={**self.details, **new.details},
        )

    def fresh_at(self, now: float, margin: float = 0.0) -> bool:
        """Whether the access token lasts for `margin` seconds yet; one without an end does."""
        return self.expires_at is None or now < self.expires_at - margin


def same(one: Secret, other: Secret) -> bool:
    """Whether two secrets are one, in constant time."""
    return hmac.compare_digest(one.reveal().encode(), other.reveal().encode())
