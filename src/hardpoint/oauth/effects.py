"""What the vault's procedures work with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from hardpoint.core.effects import Ids, Random
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.http.messages import Transport
from hardpoint.oauth.client import Client
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.envelope import Envelope
from hardpoint.oauth.spool import Spool
from hardpoint.oauth.transitions import Timing
from hardpoint.runtime.clocks import Timekeeper
from hardpoint.store.vault import VaultFile


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthEffects:
    """A file and its keys, clients and the way to their providers, time and chance."""

    file: VaultFile
    envelope: Envelope
    spool: Spool
    clients: Mapping[str, Client]
    transport: Transport
    clock: Timekeeper
    random: Random
    ids: Ids
    listeners: Listeners
    timing: Timing

    def endpoint(self, client: str | None) -> TokenEndpoint:
        """A client's token endpoint.

        Raises:
            ConfigurationError: no client of that name is configured.
        """
        found = self.clients.get(client or "")
        if found is None:
            raise ConfigurationError(
                f"oauth.{client}", "is not configured, but a connection uses it"
            )
        return TokenEndpoint(self.transport, found, self.clock)
