"""Who may call our own endpoints, as a configuration has it.

[api_keys]
brand = "acme"      # every key begins with it; hpk if nothing is said
rate = 20           # calls a second of one key, in one process
burst = 40
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.identity import IdentitySettings
from hardpoint.hub.stores import StoreSettings
from hardpoint.hub.tables import TomlTable

if TYPE_CHECKING:
    from hardpoint.api_keys.api import ApiKeys
    from hardpoint.runtime.work import Work
    from hardpoint.store.vault import VaultTables

BRAND = "hpk"
_BURST_MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeySettings:
    """Where keys are kept, what they look like, and how much one may call.

    Attributes:
        brand: what every key begins with.
        rate: calls a second of one key, in each process; None for no limit.
        burst: how many of them may come at once.
        path: of the file that has them, the vault's.
        store: whose database has them in place of a file.
    """

    brand: str = BRAND
    rate: float | None = None
    burst: int = 1
    path: Path = Path("vault.db")
    store: StoreSettings | None = None

    def keys(self, *, work: "Work | None" = None, **effects: Any) -> "ApiKeys":
        """The keys; nothing is opened yet.

        Args:
            work: where blocking work is done.
            effects: see `ApiKeys`.

        Raises:
            ConfigurationError: the brand is none, or the database's URL cannot be trusted.
        """
        from hardpoint.api_keys.api import ApiKeys
        from hardpoint.resilience.ratelimit import RateLimit

        limit = None
        if self.rate is not None:
            limit = RateLimit(self.rate, burst=self.burst, queue=0)
        tables = self._tables(effects.get("listeners"))
        return ApiKeys(tables, brand=self.brand, limit=limit, work=work, **effects)

    def _tables(self, listeners: Any) -> "VaultTables":
        from hardpoint.store.opening import vault_database
        from hardpoint.store.vault import VaultFile

        if self.store is None:
            return VaultFile(self.path, listeners=listeners)
        return vault_database(self.store.url, spool=self.path, listeners=listeners)


def api_key_settings(
    root: TomlTable, folder: Path, store: StoreSettings, identity: IdentitySettings
) -> ApiKeySettings:
    """`[api_keys]`; they are kept where the vault is, or would be.

    Raises:
        ConfigurationError: any key or value that we do not know.
    """
    from hardpoint.api_keys.writing import checked_brand

    table = root.table("api_keys", {"brand", "rate", "burst"})
    vault = identity.vault
    where = partial(
        ApiKeySettings,
        path=folder / "vault.db" if vault is None else vault.path,
        store=vault.store if vault else store if store.file is None else None,
    )
    brand = table.get("brand", str) if table.has("brand") else BRAND
    rate = table.seconds("rate", None)
    if rate is None and table.has("burst"):
        raise ConfigurationError(table.key("burst"), "is set without rate", fix="Set both")
    return where(
        brand=checked_brand(brand, key=table.key("brand")),
        rate=rate,
        burst=table.count("burst", 1, most=_BURST_MOST),
    )
