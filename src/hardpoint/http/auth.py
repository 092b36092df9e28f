"""How a request proves who sends it; secrets are read at each use, so that they can rotate."""

import base64
import re
from collections.abc import Collection, Sequence
from typing import Protocol, final
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url, on_loopback


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
    """`Authorization: Bearer <secret>`; some vendors have a word of their own for it."""

    __slots__ = ("_secret", "_word")

    def __init__(self, secret: Secret, *, word: str = "Bearer") -> None:
        self._secret = secret
        self._word = word

    async def headers(self) -> Sequence[tuple[str, str]]:
        """For one request."""
        return (("authorization", f"{self._word} {_revealed(self._secret)}"),)

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


@final
class SecretAddress:
    """An address that is itself the credential: a chat's incoming webhook. It adds no headers.

    Args:
        address: of a path that `form` matches, on one of `hosts`, or on loopback (a fake).
        hosts: the vendor's.
        form: of the path.
        key: the setting's name.

    Raises:
        ConfigurationError: it is none; the address itself is not repeated.
    """

    __slots__ = ("_address", "_form", "_key", "hosts")

    def __init__(
        self, address: Secret, *, hosts: Collection[str], form: re.Pattern[str], key: str
    ) -> None:
        self._address = address
        self.hosts = hosts
        self._form = form
        self._key = key
        self._parts()

    @property
    def base_url(self) -> str:
        """Scheme and host."""
        return self._parts()[0]

    def target(self) -> str:
        """The path, which is the secret."""
        return self._parts()[1]

    async def headers(self) -> Sequence[tuple[str, str]]:
        """None."""
        return ()

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """Nothing: what is configured stays as it is."""

    def permits(self, host: str) -> bool:
        """The vendor's hosts."""
        return host in self.hosts

    def secrets(self) -> Sequence[str]:
        """The address, its path, and the last part of it."""
        base, path = self._parts()
        return (base + path, path, path.rpartition("/")[2])

    def _parts(self) -> tuple[str, str]:
        address = self._address.reveal()
        try:
            parts = urlsplit(checked_url(address, key=self._key))
        except ConfigurationError as error:
            raise ConfigurationError(self._key, error.problem, fix="Copy it again") from None
        known = parts.hostname in self.hosts or on_loopback(parts.hostname)
        if not known or not self._form.fullmatch(parts.path) or parts.query or parts.fragment:
            raise ConfigurationError(
                self._key,
                "is not the address of an incoming webhook",
                fix="Copy the whole address from the vendor's page",
            )
        return f"{parts.scheme}://{parts.netloc}", parts.path


@final
class Unproven:
    """No credentials at all: an open API, or one that is proved otherwise."""

    __slots__ = ()

    async def headers(self) -> Sequence[tuple[str, str]]:
        """None."""
        return ()

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """Nothing: there is nothing to renew."""

    def permits(self, host: str) -> bool:
        """Everywhere."""
        return True

    def secrets(self) -> Sequence[str]:
        """None."""
        return ()


@final
class HeaderKey:
    """A key in a header of the vendor's own, `X-Api-Key: <secret>`.

    Args:
        header: its name.
        secret: the key.
        prefix: what stands before it, `Token `.
    """

    __slots__ = ("_header", "_prefix", "_secret")

    def __init__(self, header: str, secret: Secret, prefix: str = "") -> None:
        self._header = header
        self._secret = secret
        self._prefix = prefix

    async def headers(self) -> Sequence[tuple[str, str]]:
        """For one request."""
        return ((self._header, f"{self._prefix}{_revealed(self._secret)}"),)

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """Nothing: what is configured stays as it is."""

    def permits(self, host: str) -> bool:
        """Wherever the client that it is configured for sends to."""
        return True

    def secrets(self) -> Sequence[str]:
        """The key."""
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
