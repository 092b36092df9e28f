"""A connection of the vault in place of a static key: each request has the token valid then."""

import base64
from collections.abc import Collection, Sequence
from typing import Protocol, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.sealing import HeldCredential


class TokenSource(Protocol):
    """What credentials come from: the vault."""

    async def current(self, connection: str, *, tenant: str, slot: str) -> HeldCredential:
        """The one that is valid now."""
        ...

    async def report_rejected(
        self, connection: str, token: Secret, *, tenant: str, slot: str
    ) -> bool:
        """The provider's API refused a token."""
        ...


@final
class ConnectionAuthorization:
    """An `Authorization` (`hardpoint.http.auth`) whose headers come from the vault.

    `vault.authorization("acme")` makes it. Its tokens go to the provider's hosts alone.

    Args:
        source: the vault.
        connection, tenant, slot: which credential.
        client: what it must have been issued to; None for a key.
        hosts: where it may be sent; None for wherever the client that gets it sends to.
        header, scheme: what carries it: `Authorization: Bearer`, unless the provider wants another
            header, or no scheme before the token.
    """

    def __init__(
        self,
        source: TokenSource,
        connection: str,
        *,
        tenant: str,
        slot: str,
        client: str | None,
        hosts: Collection[str] | None,
        header: str = "authorization",
        scheme: str = "Bearer",
    ) -> None:
        self._source = source
        self._connection = connection
        self._tenant = tenant
        self._slot = slot
        self._client = client
        self._hosts = None if hosts is None else frozenset(hosts)
        self._header = header
        self._prefix = f"{scheme} " if scheme else ""
        self._latest: Secret | None = None

    async def headers(self) -> Sequence[tuple[str, str]]:
        """With the token that is valid now, refreshed first where it has to be.

        Raises:
            ReauthorizationRequiredError, TokenRefreshError, ClientRefusedError: there is none.
            ConfigurationError: it belongs to another client.
        """
        held = await self._source.current(self._connection, tenant=self._tenant, slot=self._slot)
        row, token = held.row, held.tokens.access
        if row.client != self._client:
            raise ConfigurationError(
                f"oauth.{self._client}",
                f"{row.name} was issued to {row.client or 'no client: it is a key'}",
                fix="Its token goes to the hosts of its own client only",
            )
        self._latest = token
        if row.kind == "basic":
            pair = f"{row.account}:{token.reveal()}".encode()
            return (("authorization", f"Basic {base64.b64encode(pair).decode()}"),)
        return ((self._header, f"{self._prefix}{token.reveal()}"),)

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """The token is replaced before the next request, if it is still the current one."""
        for name, value in headers:
            if name == self._header and value.startswith(self._prefix):
                token = Secret.value(value.removeprefix(self._prefix))
                await self._source.report_rejected(
                    self._connection, token, tenant=self._tenant, slot=self._slot
                )

    def permits(self, host: str) -> bool:
        """Whether the host is one of the provider's."""
        return self._hosts is None or host in self._hosts

    def secrets(self) -> Sequence[str]:
        """The latest token."""
        return () if self._latest is None else (self._latest.reveal(),)
