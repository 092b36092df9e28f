"""Who may call our own endpoints, as a configuration has it.

[api_keys]
brand = "acme"      # every key begins with it; hpk if nothing is said
rate = 20           # calls a second of one key, in one process
burst = 40

[api_keys.jwt.login]  # tokens of an issuer
issuer = "https://login.example"
audience = "https://api.shop.example"
jwks_url = "https://login.example/keys"

[api_keys.signed.acme]  # requests that a partner signs
secrets = ["env:ACME_SECRET"]
scopes = ["orders:read"]
tenant = "acme"
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.hub.identity import IdentitySettings
from hardpoint.hub.stores import StoreSettings
from hardpoint.hub.tables import TomlTable

if TYPE_CHECKING:
    from hardpoint.api_keys.api import ApiKeys
    from hardpoint.runtime.work import Work
    from hardpoint.store.vault import VaultTables

BRAND = "hpk"
_BURST_MOST = 1_000_000
_OF_JWT = ("issuer", "audience", "jwks_url")
_OF_JWT_BESIDE = ("algorithms", "scope_claim", "tenant_claim", "tenant")
_OF_SIGNED = ("scheme", "scopes", "tenant")
_LISTS = frozenset({"algorithms", "scopes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeySettings:
    """Where keys are kept, what they look like, and how much one may call.

    Attributes:
        brand: what every key begins with.
        rate: calls a second of one key, in each process; None for no limit.
        burst: how many of them may come at once.
        path: of the file that has them, the vault's.
        store: whose database has them in place of a file.
        issuers: whose tokens are taken besides: the fields of a `TokenIssuer`, by its name.
        signers: whose signed requests are taken besides: those of a `SigningCaller`.
        url: our address, which signatures cover.
    """

    brand: str = BRAND
    rate: float | None = None
    burst: int = 1
    path: Path = Path("vault.db")
    store: StoreSettings | None = None
    issuers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    signers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    url: str | None = None

    @property
    def fixed(self) -> tuple[object, ...]:
        """What cannot change while a hub runs; where keys are follows the vault and the store."""
        of_signers = (self.signers, self.url) if self.signers else ()
        return self.brand, self.rate, self.burst, self.issuers, of_signers

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every secret, after the path of its key."""
        for name, one in self.signers.items():
            for index, secret in enumerate(one["secrets"]):
                yield f"api_keys.signed.{name}.secrets[{index}]", secret

    def keys(self, *, work: "Work | None" = None, **effects: Any) -> "ApiKeys":
        """The keys; nothing is opened yet.

        Args:
            work: where blocking work is done.
            effects: see `ApiKeys`.

        Raises:
            ConfigurationError: the brand is none, or the database's URL cannot be trusted.
        """
        from hardpoint.api_keys.api import ApiKeys
        from hardpoint.api_keys.signatures import SigningCaller
        from hardpoint.api_keys.tokens import TokenIssuer
        from hardpoint.resilience.ratelimit import RateLimit

        limit = None
        if self.rate is not None:
            limit = RateLimit(self.rate, burst=self.burst, queue=0)
        tables = self._tables(effects.get("listeners"))
        return ApiKeys(
            tables,
            brand=self.brand,
            limit=limit,
            work=work,
            issuers=_all(TokenIssuer, "jwt", self.issuers),
            signers=_all(SigningCaller, "signed", self.signers),
            url=self.url,
            **effects,
        )

    def _tables(self, listeners: Any) -> "VaultTables":
        from hardpoint.store.opening import vault_database
        from hardpoint.store.vault import VaultFile

        if self.store is None:
            return VaultFile(self.path, listeners=listeners)
        return vault_database(self.store.url, spool=self.path, listeners=listeners)


def api_key_settings(
    root: TomlTable,
    folder: Path,
    *,
    store: StoreSettings,
    identity: IdentitySettings,
    public_url: str | None,
) -> ApiKeySettings:
    """`[api_keys]`; they are kept where the vault is, or would be.

    Raises:
        ConfigurationError: any key or value that we do not know.
    """
    from hardpoint.api_keys.writing import checked_brand

    table = root.table("api_keys", {"brand", "rate", "burst", "jwt", "signed"})
    vault = identity.vault
    beside = None if store.file is not None else store
    brand = table.get("brand", str) if table.has("brand") else BRAND
    rate = table.seconds("rate", None)
    if rate is None and table.has("burst"):
        table.refuse("burst", "is set without rate", "Set both")
    if table.has("signed") and public_url is None:
        fix = 'Write public_url = "https://shop.example"'
        raise ConfigurationError("public_url", "is missing, and signatures cover it", fix=fix)
    return ApiKeySettings(
        brand=checked_brand(brand, key=table.key("brand")),
        rate=rate,
        burst=table.count("burst", 1, most=_BURST_MOST),
        path=folder / "vault.db" if vault is None else vault.path,
        store=beside if vault is None else vault.store,
        issuers={name: _issuer(name, table) for name in table.names("jwt")},
        signers={name: _signer(name, table, folder) for name in table.names("signed")},
        url=public_url,
    )


def _issuer(name: str, root: TomlTable) -> Mapping[str, Any]:
    table = root.table("jwt", None).table(name, {*_OF_JWT, *_OF_JWT_BESIDE})
    return {key: table.get(key, str) for key in _OF_JWT} | _written(table, _OF_JWT_BESIDE)


def _signer(name: str, root: TomlTable, folder: Path) -> Mapping[str, Any]:
    table = root.table("signed", None).table(name, {"secrets", *_OF_SIGNED})
    references: list[Any] = table.get("secrets", list[Any])
    if not references or not all(isinstance(one, str) for one in references):
        table.refuse("secrets", "is no list of references", 'Write secrets = ["env:NAME"]')
    secrets = tuple(
        Secret.parse(one, key=f"{table.path}.secrets[{index}]", folder=folder)
        for index, one in enumerate(references)
    )
    return {"secrets": secrets, **_written(table, _OF_SIGNED)}


def _written(table: TomlTable, keys: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in filter(table.has, keys):
        found[key] = table.get(key, list[Any] if key in _LISTS else str)
        if key in _LISTS and not all(isinstance(one, str) for one in found[key]):
            table.refuse(key, "holds something that is not text", 'Write a list such as ["a"]')
    return found


def _all(kind: Any, part: str, described: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """What settings describe, each with the path of what is wrong with it."""
    made: list[Any] = []
    for name, facts in described.items():
        key = f"api_keys.{part}.{name}"
        try:
            made.append(kind(name=name, **facts))
        except ConfigurationError as error:
            raise ConfigurationError(f"{key}.{error.key}", error.problem, fix=error.fix) from None
        except InvalidRequestError as error:
            raise ConfigurationError(f"{key}.{error.field}", f"is not {error}") from None
    return made
