"""How a request proves who sends it; secrets are read at each use, so that they can rotate."""

import base64
from collections.abc import Sequence
from typing import Protocol, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret


class Authorization(Protocol):
    """Makes the headers that carry the credentials."""

    async def headers(self) -> Sequence[tuple[str, str]]:
        """For one request.

        Raises:
            ConfigurationError: a secret is missing, or was not copied cleanly.
            OAuthError: a token cannot be had.
        """
        ...

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """The provider answered 401 to a request that carried these."""
        ...

    def permits(self, host: str) -> bool:
        """Whether they may be sent to a host that is not this machine."""
        ...

    def secrets(self) -> Sequence[str]:
        """What must not be shown if a provider quotes it."""
        ...


@final
class Bearer:
    """`Authorization: Bearer <secret>`."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    async def headers(self) -> Sequence[tuple[str, str]]:
        """For one request."""
        return (("authorization", f"Bearer {_revealed(self._secret)}"),)

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """Nothing: what is configured stays as it is."""

    def permits(self, host: str) -> bool:
        """Wherever the client that it is configured for sends to."""
        return True

    def secrets(self) -> Sequence[str]:
        """The secret."""
        return (self._secret.reveal(),)


@final
class Basic:
    """`Authorization: Basic <user:secret>`; the user is no secret."""

    __slots__ = ("_secret", "_user")

    def __init__(self, user: str, secret: Secret) -> None:
        self._user = user
        self._secret = secret

    async def headers(self) -> Sequence[tuple[str, str]]:
        """For one request."""
        pair = f"{self._user}:{_revealed(self._secret)}".encode()
        return (("authorization", f"Basic {base64.b64encode(pair).decode()}"),)

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """Nothing: what is configured stays as it is."""

    def permits(self, host: str) -> bool:
        """Wherever the client that it is configured for sends to."""
        return True

    def secrets(self) -> Sequence[str]:
        """The secret."""
        return (self._secret.reveal(),)


def bearer(credential: "Secret | Authorization") -> Authorization:
    """A token or key of one's own, or whatever else makes the headers: a vault's connection."""
    return Bearer(credential) if isinstance(credential, Secret) else credential


def basic(user: str, credential: "Secret | Authorization") -> Authorization:
    """The same for a user and their secret; a vault's connection brings its own user."""
    return Basic(user, credential) if isinstance(credential, Secret) else credential


def _revealed(secret: Secret) -> str:
    text = secret.reveal()
    if not text.isprintable() or " " in text or not text.isascii():
        raise ConfigurationError(
            secret.reference, "holds blanks or odd characters", fix="Copy it again, alone"
        )
    return text
