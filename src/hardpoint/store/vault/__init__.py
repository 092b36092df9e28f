"""The vault's file, for several processes: accounts, who is signed in, who may call us."""

from hardpoint.store.vault.api_keys import ApiKeyRow, ApiKeyRows
from hardpoint.store.vault.file import VaultFile
from hardpoint.store.vault.rows import ClientRow, ConnectionRow, CredentialRow, SlotKey, VaultRows
from hardpoint.store.vault.tables import VaultTables

__all__ = [
    "ApiKeyRow",
    "ApiKeyRows",
    "ClientRow",
    "ConnectionRow",
    "CredentialRow",
    "SlotKey",
    "VaultFile",
    "VaultRows",
    "VaultTables",
]
