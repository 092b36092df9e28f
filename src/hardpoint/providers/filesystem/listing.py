"""The keys in a folder, in the order of their bytes, from any key on."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import final

from hardpoint.core.errors import InvalidRequestError
from hardpoint.providers.filesystem.paths import OWN, folder, root_of, version_of
from hardpoint.storage.keys import checked_key
from hardpoint.storage.types import ObjectInfo, ObjectPage, Prefix


def page(
    root: Path, *, prefix: str, delimiter: str | None, cursor: str | None, most: int
) -> ObjectPage:
    """A page of what starts with a prefix, after the cursor."""
    walk = _Walk(prefix, delimiter, cursor)
    with root_of(root) as within:
        entries = list(islice(walk.below(within, ""), most + 1))
    last = entries[most - 1] if len(entries) > most else None
    if last is None:
        return ObjectPage(entries=tuple(entries))
    named = last.prefix if isinstance(last, Prefix) else last.key
    return ObjectPage(entries=tuple(entries[:most]), cursor=named)


@final
class _Walk:
    def __init__(self, prefix: str, delimiter: str | None, after: str | None) -> None:
        self._prefix = prefix
        self._delimiter = delimiter
        self._after = (after or "").encode()

    def below(self, within: int, base: str) -> Iterator[ObjectInfo | Prefix]:
        """What lies in a folder whose keys start with `base`. A folder sorts as its keys do."""
        for name in sorted(_names(within, base), key=str.encode):
            path = base + name
            if name.endswith("/"):
                yield from self._folder(within, name.rstrip("/"), path)
            elif path.startswith(self._prefix) and path.encode() > self._after:
                yield from _object(within, name, path)

    def _folder(self, within: int, name: str, path: str) -> Iterator[ObjectInfo | Prefix]:
        inside = path.startswith(self._prefix)
        if not inside and not self._prefix.startswith(path):
            return
        passed = self._after > path.encode() and not self._after.startswith(path.encode())
        told = inside and path != self._prefix and self._delimiter is not None
        if passed or (told and self._after == path.encode()):
            return
        with suppress(FileNotFoundError, NotADirectoryError), folder(name, within) as here:
            if not told:
                yield from self.below(here, path)
            elif any(True for _ in _Walk(path, None, None).below(here, path)):
                yield Prefix(prefix=path)


def _names(within: int, base: str) -> Iterator[str]:
    """Those that can be part of a key; folders with a slash. Links lead nowhere."""
    with os.scandir(within) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and not entry.is_file(follow_symlinks=False):
                continue
            if not base and entry.name == OWN:
                continue
            try:
                checked_key(base + entry.name)
            except InvalidRequestError:
                continue
            yield f"{entry.name}/" if is_folder else entry.name


def _object(within: int, name: str, key: str) -> Iterator[ObjectInfo]:
    """One, if it is still there."""
    try:
        facts = os.stat(name, dir_fd=within, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISREG(facts.st_mode):
        yield ObjectInfo(
            key=key, size=facts.st_size, etag=version_of(facts), modified=facts.st_mtime
        )
