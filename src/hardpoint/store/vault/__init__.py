"""The vault's file: connected accounts and their sealed credentials, for several processes."""

from hardpoint.store.vault.file import VaultFile
from hardpoint.store.vault.rows import ClientRow, ConnectionRow, CredentialRow, Key, Rows

__all__ = ["ClientRow", "ConnectionRow", "CredentialRow", "Key", "Rows", "VaultFile"]
