"""Our registrations at providers, as a configuration has them: `[oauth.<name>]`.

`provider` names one that we describe; `issuer` an OpenID provider that describes itself; of any
other the configuration says what it is, see `hardpoint.hub.described`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.hub.described import corrected, described, entry_facts
from hardpoint.oauth.catalogue import Client, ClientAuth, ProviderEntry
from hardpoint.oauth.flow import CALLBACK

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)

Purpose = Literal["login", "connect"]
Grant = Literal["authorization_code", "client_credentials"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    """One registration.

    Attributes:
        name: what it is called here, and in our paths: `/login/<name>`.
        client_id: what the provider knows us by.
        client_secret: how we prove it; None for a public client.
        client_key, client_key_id: or else the private key that does, and its name there.
        grant: `authorization_code`, for users; `client_credentials` for tokens of our own.
        provider: which, `google`.
        issuer: or else the address of an OpenID provider.
        traits: or else what the provider is; beside an issuer, what its document does not say. The
            keys are those of `ProviderTraits`.
        internal: whether that address may be in our own network, on any port.
        inputs: what fills the places in the provider's addresses, `tenant`.
        scopes: what connections ask for, beside what the provider's entry does.
        login_scopes: what signing in asks for, in place of what the entry does.
        tenants: whose people are taken, where an issuer serves many; `any` for everyone's.
        login, connect: what it is for.
        authorize_params: sent along when a browser goes to connect.
        client_auth: how we prove who we are, `client_secret_basic`, `client_secret_post` or
            `private_key_jwt`; else as the provider's entry has it, or the issuer says.
        logout: whether signing out here leads to the provider, to sign out there too.
        id_token_hint: whether the provider's page then wants the person's ID token.

    Raises:
        ConfigurationError: not exactly one of provider, issuer and addresses, a name that fits no
            path, or a description that makes no sense.
    """

    name: str
    client_id: str
    client_secret: Secret | None = None
    client_key: Secret | None = None
    client_key_id: str | None = None
    grant: Grant = "authorization_code"
    provider: str | None = None
    issuer: str | None = None
    traits: Mapping[str, Any] = field(default_factory=dict[str, Any])
    internal: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    scopes: tuple[str, ...] = ()
    login_scopes: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    login: bool = True
    connect: bool = True
    authorize_params: Mapping[str, str] = field(default_factory=dict[str, str])
    client_auth: str | None = None
    logout: bool = False
    id_token_hint: bool = False

    def __post_init__(self) -> None:
        key = f"oauth.{self.name}"
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                key, "is not a usable name", fix="Small letters, digits, - and _; at most 63"
            )
        self._check_which(key)
        self._check_proof(key)
        if "callback_hmac" in self.traits and self.client_secret is None:
            raise ConfigurationError(
                f"{key}.client_secret", "is missing: callbacks are signed with it (callback_hmac)"
            )
        if self.for_itself:
            return
        if not (self.login or self.connect):
            raise ConfigurationError(f"{key}.login", "is false, and so is connect")
        if self.describes and self.login and not _tells_who(self.traits):
            raise ConfigurationError(
                f"{key}.subject_field",
                "is missing: nothing tells who signs in",
                fix="Add userinfo_url and subject_field, or login = false",
            )

    @property
    def for_itself(self) -> bool:
        """Whether its tokens are our own, and no user's."""
        return self.grant == "client_credentials"

    @property
    def describes(self) -> bool:
        """Whether the configuration says what the provider is."""
        return self.provider is None and self.issuer is None

    def entry(self, purpose: Purpose) -> ProviderEntry:
        """The provider's entry for signing in, or for connecting.

        Raises:
            ConfigurationError: it has none, or a place in its addresses is not filled as it may be.
        """
        if self.describes:
            users = not self.for_itself
            return described(self.name, self.traits, self.inputs, sends_users=users)
        owner = self.provider or ""
        reference = getattr(provider(owner), purpose)
        if reference is None:
            raise ConfigurationError(
                f"oauth.{self.name}.{purpose}", f"{owner} has no way to", fix=f"{purpose} = false"
            )
        found: ProviderEntry = load(reference)
        return found.filled(self.inputs)

    def of_issuer(self, entry: ProviderEntry) -> ProviderEntry:
        """The entry that an issuer's document gave, with what the configuration says beside it."""
        return corrected(entry, self.traits)

    def client(self, purpose: Purpose, entry: ProviderEntry, public_url: str) -> Client:
        """Our registration, for signing in or for connecting.

        Args:
            purpose: which.
            entry: the provider's.
            public_url: where browsers reach us.
        """
        scopes = self.login_scopes or entry.scopes
        if purpose == "connect":
            scopes = tuple(dict.fromkeys((*entry.scopes, *self.scopes)))
            params = {**entry.authorize_params, **self.authorize_params}
            entry = replace(entry, authorize_params=params)
        if self.client_key is not None:
            entry = replace(entry, client_auth=ClientAuth.PRIVATE_KEY_JWT)
        elif self.client_secret is None:
            entry = replace(entry, client_auth=ClientAuth.NONE)
        elif self.client_auth is not None:
            entry = replace(entry, client_auth=ClientAuth(self.client_auth))
        return Client(
            entry=entry,
            client_id=self.client_id,
            client_secret=self.client_secret,
            client_key=self.client_key,
            client_key_id=self.client_key_id,
            redirect_uri=None if self.for_itself else f"{public_url}{CALLBACK}{self.name}",
            scopes=scopes,
            for_itself=self.for_itself,
        )

    def _check_which(self, key: str) -> None:
        """See that one thing says which provider it is."""
        if self.provider is not None and self.issuer is not None:
            raise ConfigurationError(f"{key}.provider", "or issuer is needed, but not both")
        if self.describes and not self.traits:
            raise ConfigurationError(
                f"{key}.provider", "or issuer is needed, or authorize_url and token_url"
            )
        if self.describes:
            self.entry("connect")
        if self.provider is not None and self.traits:
            raise ConfigurationError(
                f"{key}.{min(self.traits)}",
                f"is known of {self.provider} already",
                fix="Leave it out, or leave out provider and describe it whole",
            )
        if self.issuer is not None:
            entry_facts(self.name, self.traits)
            for url in ("authorize_url", "token_url"):
                if url in self.traits:
                    raise ConfigurationError(f"{key}.{url}", "is the issuer's to say")

    def _check_proof(self, key: str) -> None:
        """See that there is what `client_auth` stands on, and nothing beside it."""
        if self.client_key is not None and self.client_secret is not None:
            raise ConfigurationError(f"{key}.client_key", "or client_secret is needed, not both")
        if self.client_key is None and self.client_key_id is not None:
            raise ConfigurationError(f"{key}.client_key_id", "is set without client_key")
        if self.for_itself and self.client_key is None and self.client_secret is None:
            raise ConfigurationError(
                f"{key}.client_secret", "is missing, and a client without one gets no tokens"
            )
        if self.client_auth is None:
            return
        if self.client_auth not in _METHODS:
            raise ConfigurationError(
                f"{key}.client_auth", "is no method", fix=f"One of {', '.join(_METHODS)}"
            )
        needed = _METHODS[self.client_auth]
        if getattr(self, needed) is None:
            raise ConfigurationError(
                f"{key}.client_auth", f"is set without {needed}", fix="Set both"
            )


_METHODS: Mapping[str, str] = {
    ClientAuth.BASIC.value: "client_secret",
    ClientAuth.POST.value: "client_secret",
    ClientAuth.PRIVATE_KEY_JWT.value: "client_key",
}
"""What each way of proof stands on."""


def _tells_who(traits: Mapping[str, Any]) -> bool:
    return "userinfo_url" in traits and "subject_field" in traits
