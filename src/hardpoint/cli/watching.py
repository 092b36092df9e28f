"""Seeing that the files of an application have changed."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, final

FILES_MAX: Final = 20_000
"""More are not looked at: a folder that is no project."""
_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})

_Stamp = tuple[int, int]


@final
class SourceFiles:
    """The Python files below a folder, and one more.

    Hidden folders and virtual environments are left out.

    Args:
        folder: the project's.
        also: the configuration, wherever it is.
    """

    def __init__(self, folder: Path, also: Path) -> None:
        self._folder = folder
        self._also = also
        self._seen = self._stamps()

    def changed(self) -> Path | None:
        """One that is new, gone or other than it was when asked last; None where there is none."""
        before, self._seen = self._seen, self._stamps()
        for path in before.keys() | self._seen.keys():
            if before.get(path) != self._seen.get(path):
                return Path(path)
        return None

    def _stamps(self) -> dict[str, _Stamp]:
        found: dict[str, _Stamp] = {}
        with suppress(OSError):  # it is gone, or is written just now
            found[str(self._also)] = _stamp(self._also.stat())
        folders = [str(self._folder)]
        while folders and len(found) < FILES_MAX:
            with suppress(OSError), os.scandir(folders.pop()) as listed:
                entries = [*listed]
                if any(one.name == "pyvenv.cfg" for one in entries):
                    continue
                for one in entries:
                    if one.is_dir(follow_symlinks=False):
                        if not (one.name.startswith(".") or one.name in _SKIPPED):
                            folders.append(one.path)
                    elif one.name.endswith(".py"):
                        found[one.path] = _stamp(one.stat())
        return found


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size
