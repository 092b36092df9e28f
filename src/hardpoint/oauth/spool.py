"""Where new tokens wait when the vault cannot be written: one sealed file each, beside it.

A rotated refresh token exists once. Should the commit fail, it is sealed as the vault would have
sealed it, written and synced here, and taken into the vault by whoever next gets to.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import StoreCorruptError, StoreUnavailableError
from hardpoint.runtime.decoding_types import prepared
from hardpoint.store.vault import ConnectionRow, CredentialRow, SlotKey


class Spooled(msgspec.Struct, frozen=True, kw_only=True):
    """What waits: the row as it shall be, and its sealed credential."""

    row: ConnectionRow
    credential: CredentialRow


@final
class Spool:
    """The folder of a vault's file."""

    def __init__(self, vault: Path) -> None:
        self.folder = Path(f"{vault}.spool")

    def write(self, spooled: Spooled) -> None:
        """Keep it, durably.

        Raises:
            StoreUnavailableError: not even that.
        """
        path = self._path(spooled.row.key, spooled.row.version)
        fresh = path.with_suffix(".new")
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
                file.write(msgspec.json.encode(spooled))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            _sync(self.folder)
        except OSError as error:
            raise StoreUnavailableError(f"{self.folder}: {error.strerror}") from error

    def find(self, key: SlotKey, version: int) -> Spooled | None:
        """What waits to become this version.

        Raises:
            StoreCorruptError: the file is damaged.
        """
        return self._read(self._path(key, version))

    def waiting(self) -> tuple[Spooled, ...]:
        """All that waits.

        Raises:
            StoreCorruptError: a file is damaged.
        """
        found = (self._read(path) for path in sorted(self.folder.glob("*.json")))
        return tuple(one for one in found if one is not None)

    def remove(self, key: SlotKey, version: int) -> None:
        """It is in the vault now, or of no use any more."""
        with suppress(FileNotFoundError):
            self._path(key, version).unlink()

    def _path(self, key: SlotKey, version: int) -> Path:
        name = hashlib.sha256("\0".join((*key, str(version))).encode()).hexdigest()[:32]
        return self.folder / f"{name}.json"

    def _read(self, path: Path) -> Spooled | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=prepared(Spooled))
        except FileNotFoundError:
            return None
        except (*UNREADABLE, OSError) as error:
            raise StoreCorruptError(f"{path} cannot be read: {type(error).__name__}") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
