"""Our registration at an authorization server."""

from dataclasses import dataclass, field
from typing import final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.catalogue import ClientAuth, ProviderEntry


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Client:
    """What the provider knows us by.

    Args:
        entry: the authorization server, every place in its URLs filled.
        client_id: public.
        client_secret: read at each use, so that it can rotate; None for a public client.
        redirect_uri: where callbacks come, exactly as registered; None where no user is sent.
        scopes: what to ask for; the entry's otherwise.

    Raises:
        ConfigurationError: the entry wants a secret, or has places left to fill.
    """

    entry: ProviderEntry
    client_id: str
    client_secret: Secret | None = None
    redirect_uri: str | None = None
    scopes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        key = f"oauth.{self.entry.name}"
        if self.entry.inputs:
            raise ConfigurationError(f"{key}.inputs", f"are missing: {sorted(self.entry.inputs)}")
        if not self.client_id.strip() or not self.client_id.isprintable():
            raise ConfigurationError(f"{key}.client_id", "is empty or not printable")
        if self.client_secret is None and self.entry.client_auth is not ClientAuth.NONE:
            raise ConfigurationError(
                f"{key}.client_secret", "is missing", fix="Name one: env:NAME or file:PATH"
            )
