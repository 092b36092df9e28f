"""What a file cannot say itself, its content type and metadata, kept per version beside it."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import final

import msgspec

from hardpoint.providers.filesystem.paths import opened
from hardpoint.runtime.decoding_types import prepared
from hardpoint.storage.types import BYTES, NewObject

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class FileFacts(msgspec.Struct, frozen=True):
    """Of a file that others put there nothing is known."""

    content_type: str = BYTES
    metadata: dict[str, str] = {}


@final
class FactFiles:
    """`<digest of the key>/<version>`, each written once, before the version is there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, new: NewObject, version: str) -> None:
        """Keep them, on the disk."""
        folder = self._folder(new.key)
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = FileFacts(new.content_type, dict(new.metadata))
        with opened(folder / version, _NEW) as file:
            os.write(file, msgspec.json.encode(facts))
            os.fsync(file)
        for one in (folder, self._path):
            with opened(one, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as descriptor:
                os.fsync(descriptor)

    def read(self, key: str, version: str) -> FileFacts | None:
        """Those of a version, if there are any."""
        try:
            return msgspec.json.decode(
                (self._folder(key) / version).read_bytes(), type=prepared(FileFacts)
            )
        except FileNotFoundError:
            return None

    def keep_only(self, key: str, version: str) -> None:
        """Forget those of versions that are no more."""
        for one in self._folder(key).iterdir():
            if one.name != version:
                one.unlink()

    def forget(self, key: str) -> None:
        """Forget all."""
        shutil.rmtree(self._folder(key), ignore_errors=True)

    def _folder(self, key: str) -> Path:
        return self._path / hashlib.sha256(key.encode()).hexdigest()
