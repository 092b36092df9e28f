"""The vault's file: connected accounts and their sealed credentials, for several processes."""

from hardpoint.store.vault.file import VaultFile
from hardpoint.store.vault.rows import ClientRow, ConnectionRow, CredentialRow, SlotKey, VaultRows
from hardpoint.store.vault.tables import VaultTables

__all__ = [
    "ClientRow",
    "ConnectionRow",
    "CredentialRow",
    "SlotKey",
    "VaultFile",
    "VaultRows",
    "VaultTables",
]
