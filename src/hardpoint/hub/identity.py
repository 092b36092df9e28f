"""Identity as a configuration has it: where the vault is, and our registrations at providers.

[vault]
path = "vault.db"
keyring = "env:HARDPOINT_KEYRING"

[oauth.github]
provider = "github"
client_id = "Iv1.8a61f9b3a7aba766"
client_secret = "env:GITHUB_CLIENT_SECRET"
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import msgspec

from hardpoint.core.errors import ConfigurationError, HardpointError
from hardpoint.core.secrets import Secret
from hardpoint.hub.described import TRAITS
from hardpoint.hub.oauth import Grant, OAuthSettings
from hardpoint.hub.stores import StoreSettings
from hardpoint.hub.tables import TomlTable
from hardpoint.store.opening import vault_database

if TYPE_CHECKING:
    from hardpoint.core.events import Listeners
    from hardpoint.hub.accounts import Accounts
    from hardpoint.oauth.vault import Vault
    from hardpoint.runtime.work import Work
    from hardpoint.store.vault import VaultTables

_KEYS = {
    "provider",
    "issuer",
    "internal",
    "client_id",
    "client_secret",
    "inputs",
    "scopes",
    "tenants",
    "login",
    "connect",
    "authorize_params",
    "client_auth",
    "client_key",
    "client_key_id",
    "grant",
    "login_scopes",
    "logout",
    "id_token_hint",
    *TRAITS,
}


ISSUER_SECONDS = 1.0
ISSUER_SECONDS_MAX = 60.0
"""Between two questions to an issuer that does not answer."""
ISSUER_PATIENCE_SECONDS = 5.0
"""How long a start waits for the first answer, before it goes on without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """Where connected accounts are kept, and the keyring they are sealed under.

    Attributes:
        path: of their file. With a `store`, tokens that the database did not take wait beside it.
        keyring: a reference to the keys.
        store: whose database holds them in place of a file.
    """

    path: Path
    keyring: Secret
    store: StoreSettings | None = None

    def database(self, listeners: "Listeners | None" = None) -> "VaultTables | None":
        """Their tables in the store's database; None where they have a file of their own.

        Raises:
            ConfigurationError: the database's URL cannot be read or trusted.
        """
        if self.store is None:
            return None
        return vault_database(self.store.url, spool=self.path, listeners=listeners)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """The vault, where there is one, and our registrations by name."""

    vault: VaultSettings | None = None
    oauth: Mapping[str, OAuthSettings] = field(default_factory=dict[str, OAuthSettings])

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every secret, after the path of its key."""
        if self.vault is not None:
            yield "vault.keyring", self.vault.keyring
        for name, one in self.oauth.items():
            if one.client_secret is not None:
                yield f"oauth.{name}.client_secret", one.client_secret
            if one.client_key is not None:
                yield f"oauth.{name}.client_key", one.client_key

    @property
    def describe_themselves(self) -> bool:
        """Whether there are issuers to be asked what they are."""
        return any(one.issuer is not None for one in self.oauth.values())

    def accounts(
        self,
        public_url: str | None,
        *,
        listeners: "Listeners | None" = None,
    ) -> "Accounts":
        """Signing in, sessions and connected accounts.

        Raises:
            ConfigurationError: there is no vault or no public address, or its keyring cannot work.
        """
        from hardpoint.hub.accounts import Accounts
        from hardpoint.oauth.keyring import Keyring

        where = self._configured()
        if public_url is None and self.oauth:
            raise ConfigurationError(
                "public_url", "is missing", fix='Write public_url = "https://shop.example"'
            )
        return Accounts(
            where.path,
            Keyring(where.keyring),
            tuple(self.oauth.values()),
            public_url=public_url or "http://localhost",  # without clients nobody comes back
            listeners=listeners,
            file=where.database(listeners),
        )

    def keeper(
        self,
        *,
        work: "Work",
        public_url: str | None = None,
        listeners: "Listeners | None" = None,
    ) -> "Vault":
        """The vault alone.

        Args:
            work: where blocking work is done.
            public_url: with it come the clients of providers that we describe; without, it can be
                looked into and have its keys changed, but refreshes nothing.
            listeners: told what it does.

        Raises:
            ConfigurationError: there is no vault, or its keyring or a registration cannot work.
        """
        from hardpoint.oauth.keyring import Keyring
        from hardpoint.oauth.vault import Vault

        where = self._configured()
        clients = {
            name: one.client("connect", one.entry("connect"), public_url)
            for name, one in self.oauth.items()
            if public_url is not None and one.connect and one.issuer is None
        }
        return Vault(
            where.path,
            Keyring(where.keyring),
            clients,
            work=work,
            listeners=listeners,
            file=where.database(listeners),
        )

    def _configured(self) -> VaultSettings:
        if self.vault is None:
            raise ConfigurationError(
                "vault", "is not configured", fix='Add [vault] with keyring = "env:NAME"'
            )
        return self.vault


KEEP_ALIVE_SECONDS = 3600.0
"""Between two looks for refresh tokens that their providers would soon forget."""


class IssuerUnavailable(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenID provider does not say what it is; nobody signs in there until it does."""

    severity: ClassVar[str] = "error"
    error: str


class KeepAliveFailed(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts could not be looked through for idle grants, or one of them not be renewed."""

    severity: ClassVar[str] = "warning"
    error: str


async def keep_alive(accounts: "Accounts", listeners: "Listeners") -> None:
    """Use refresh tokens before their providers forget them, for as long as the worker works.

    Args:
        accounts: whose vault it is.
        listeners: told of a round that failed; the next comes all the same.
    """
    while True:
        try:
            await accounts.vault.keep_alive()
        except HardpointError as error:
            listeners.emit(KeepAliveFailed(error=str(error)))
        await asyncio.sleep(KEEP_ALIVE_SECONDS)


async def meet_issuers(accounts: "Accounts", listeners: "Listeners", asked: asyncio.Event) -> None:
    """Ask the issuers that describe themselves, until all have; one that is down stops nothing.

    Args:
        accounts: whose they are.
        listeners: told of one that does not answer.
        asked: set when all have answered, or failed to once.
    """
    wait = ISSUER_SECONDS
    while True:
        try:
            return await accounts.open()
        except HardpointError as error:
            listeners.emit(IssuerUnavailable(error=str(error)))
        finally:
            asked.set()
        await asyncio.sleep(wait)
        wait = min(2 * wait, ISSUER_SECONDS_MAX)


def identity_settings(root: TomlTable, folder: Path, store: StoreSettings) -> IdentitySettings:
    """`[vault]` and every `[oauth.<name>]`.

    The vault is in the store's database if that is PostgreSQL and the vault's path is not written.

    Raises:
        ConfigurationError: any key or value that we do not know, or registrations without a
            vault to keep what they bring.
    """
    oauth = {name: _oauth(name, root.table("oauth", None), folder) for name in root.names("oauth")}
    if not root.has("vault"):
        if oauth:
            root.refuse("vault", "is missing", 'Add [vault] with keyring = "env:NAME"')
        return IdentitySettings()
    table = root.table("vault", {"path", "keyring"})
    written = table.has("path")
    vault = VaultSettings(
        path=folder / (table.get("path", str) if written else "vault.db"),
        keyring=table.secret("keyring", folder),
        store=None if written or store.file is not None else store,
    )
    return IdentitySettings(vault=vault, oauth=oauth)


def _oauth(name: str, tables: TomlTable, folder: Path) -> OAuthSettings:
    table = tables.table(name, _KEYS)
    traits = table.written(sorted(TRAITS))
    described = bool(traits) and not (table.has("provider") or table.has("issuer"))
    return OAuthSettings(
        name=name,
        client_id=table.get("client_id", str),
        client_secret=_reference(table, "client_secret", folder),
        client_key=_reference(table, "client_key", folder),
        client_key_id=_optional(table, "client_key_id"),
        grant=_grant(table),
        provider=_optional(table, "provider"),
        issuer=_optional(table, "issuer"),
        traits=traits,
        internal=_flag(table, "internal", default=False),
        inputs=_texts_by_name(table, "inputs"),
        scopes=_texts(table, "scopes"),
        login_scopes=_texts(table, "login_scopes"),
        tenants=_texts(table, "tenants"),
        login=_flag(table, "login", default=not described or "subject_field" in traits),
        connect=_flag(table, "connect"),
        authorize_params=_texts_by_name(table, "authorize_params"),
        client_auth=_optional(table, "client_auth"),
        logout=_flag(table, "logout", default=False),
        id_token_hint=_flag(table, "id_token_hint", default=False),
    )


def _grant(table: TomlTable) -> Grant:
    grants: Mapping[str, Grant] = {one: one for one in get_args(Grant)}
    said = _optional(table, "grant") or "authorization_code"
    if said not in grants:
        table.refuse("grant", "is no grant", f"One of {', '.join(grants)}")
    return grants[said]


def _reference(table: TomlTable, key: str, folder: Path) -> Secret | None:
    return table.secret(key, folder) if table.has(key) else None


def _optional(table: TomlTable, key: str) -> str | None:
    return table.get(key, str) if table.has(key) else None


def _flag(table: TomlTable, key: str, *, default: bool = True) -> bool:
    return table.get(key, bool) if table.has(key) else default


def _texts(table: TomlTable, key: str) -> tuple[str, ...]:
    values: list[Any] = table.get(key, list[Any]) if table.has(key) else []
    if not all(isinstance(one, str) for one in values):
        table.refuse(key, "holds something that is not a string", 'Write a list such as ["repo"]')
    return tuple(values)


def _texts_by_name(table: TomlTable, key: str) -> dict[str, str]:
    inner = table.table(key, None)
    return {name: inner.get(name, str) for name in table.names(key)}
