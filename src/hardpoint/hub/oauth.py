"""Our registrations at providers, as a configuration has them: `[oauth.<name>]`.

`provider` names one that we describe; `issuer` an OpenID provider that describes itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.oauth.catalogue import Client, ClientAuth, ProviderEntry
from hardpoint.oauth.flow import CALLBACK

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)

Purpose = Literal["login", "connect"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    """One registration.

    Attributes:
        name: what it is called here, and in our paths: `/login/<name>`.
        client_id: what the provider knows us by.
        client_secret: how we prove it; None for a public client.
        provider: which, `google`.
        issuer: or else the address of an OpenID provider.
        internal: whether that address may be in our own network, on any port.
        inputs: what fills the places in the provider's addresses, `tenant`.
        scopes: what connections ask for, beside what the provider's entry does.
        tenants: whose people are taken, where an issuer serves many; `any` for everyone's.
        login, connect: what it is for.
        authorize_params: sent along when a browser goes to connect.
        client_auth: how we prove who we are, `client_secret_basic` or `client_secret_post`; else
            as the provider's entry has it, or the issuer says.

    Raises:
        ConfigurationError: neither or both of provider and issuer, or a name that fits no path.
    """

    name: str
    client_id: str
    client_secret: Secret | None = None
    provider: str | None = None
    issuer: str | None = None
    internal: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    scopes: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    login: bool = True
    connect: bool = True
    authorize_params: Mapping[str, str] = field(default_factory=dict[str, str])
    client_auth: str | None = None

    def __post_init__(self) -> None:
        key = f"oauth.{self.name}"
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                key, "is not a usable name", fix="Small letters, digits, - and _; at most 63"
            )
        if (self.provider is None) is (self.issuer is None):
            raise ConfigurationError(f"{key}.provider", "or issuer is needed, but not both")
        if self.client_auth is not None:
            methods = [one.value for one in (ClientAuth.BASIC, ClientAuth.POST)]
            if self.client_auth not in methods:
                raise ConfigurationError(
                    f"{key}.client_auth", "is no method", fix=f"One of {', '.join(methods)}"
                )
            if self.client_secret is None:
                raise ConfigurationError(
                    f"{key}.client_auth", "is set without client_secret", fix="Set both"
                )
        if not (self.login or self.connect):
            raise ConfigurationError(f"{key}.login", "is false, and so is connect")

    def entry(self, purpose: Purpose) -> ProviderEntry:
        """The provider's entry for signing in, or for connecting.

        Raises:
            ConfigurationError: it has none, or a place in its addresses is not filled as it may be.
        """
        owner = self.provider or ""
        reference = getattr(provider(owner), purpose)
        if reference is None:
            raise ConfigurationError(
                f"oauth.{self.name}.{purpose}", f"{owner} has no way to", fix=f"{purpose} = false"
            )
        found: ProviderEntry = load(reference)
        return found.filled(self.inputs)

    def client(self, purpose: Purpose, entry: ProviderEntry, public_url: str) -> Client:
        """Our registration, for signing in or for connecting.

        Args:
            purpose: which.
            entry: the provider's.
            public_url: where browsers reach us.
        """
        scopes = entry.scopes
        if purpose == "connect":
            scopes = tuple(dict.fromkeys((*entry.scopes, *self.scopes)))
            params = {**entry.authorize_params, **self.authorize_params}
            entry = replace(entry, authorize_params=params)
        if self.client_secret is None:
            entry = replace(entry, client_auth=ClientAuth.NONE)
        elif self.client_auth is not None:
            entry = replace(entry, client_auth=ClientAuth(self.client_auth))
        return Client(
            entry=entry,
            client_id=self.client_id,
            client_secret=self.client_secret,
            redirect_uri=f"{public_url}{CALLBACK}{self.name}",
            scopes=scopes,
        )
