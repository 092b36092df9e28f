"""What the vault's procedures work with."""

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, final

from hardpoint.core.effects import Ids, Random
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.http.messages import Transport
from hardpoint.oauth.catalogue import Client
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.sealing import Envelope
from hardpoint.oauth.spool import Spool
from hardpoint.oauth.transitions import Timing
from hardpoint.runtime.clocks import Timekeeper
from hardpoint.store.vault import VaultTables


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthEffects:
    """A file and its keys, clients and the way to their providers, time and randomness.

    Attributes:
        clients: our registrations by name. Not a copy: those that describe themselves are added
            once they were asked.
        unmet: those of issuers that were not asked yet what they are.
    """

    file: VaultTables
    envelope: Envelope
    spool: Spool
    clients: Mapping[str, Client]
    unmet: Collection[str]
    transport: Transport
    clock: Timekeeper
    random: Random
    ids: Ids
    listeners: Listeners
    timing: Timing

    def client(self, name: str) -> Client:
        """A registration.

        Raises:
            ConfigurationError: there is none of that name, or not yet.
        """
        found = self.clients.get(name)
        if found is None and name in self.unmet:
            raise ConfigurationError(
                f"oauth.{name}",
                "is an issuer that has not been reached yet",
                fix="Start the hub (`async with hub`), which asks it; the log says if it is silent",
            )
        if found is None:
            known = ", ".join(sorted(self.clients)) or "none"
            raise ConfigurationError(
                f"oauth.{name}", "is not configured", fix=f"Configured clients: {known}"
            )
        return found

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


Entropy = Callable[[int], bytes]
"""Gives so many bytes that nobody can guess."""

ENTROPY: Final[Entropy] = os.urandom
_BYTES = 32


def secret(entropy: Entropy) -> str:
    """43 characters that nobody can guess, fit for a cookie, a URL, and RFC 7636 4.1."""
    return _text(entropy(_BYTES))


def digest(text: str) -> str:
    """What is kept of a secret, to know it again: 64 characters."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def derived(salt: bytes, held: str, purpose: str) -> str:
    """A secret that follows from what we keep and what a browser holds, and from neither alone."""
    message = f"{purpose}\0{held}".encode("utf-8", "replace")
    return _text(hmac.digest(salt, message, "sha256"))


def equal(one: str, other: str) -> bool:
    """Whether two texts are the same, in a time that tells nothing of either."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
