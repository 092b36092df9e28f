"""Many files: in several processes, and none twice that has not changed."""

import gc
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from hardpoint.audit.examining import UNREADABLE_RULE, examine
from hardpoint.audit.files import UnreadableFileError, content_of, python_files
from hardpoint.audit.findings import Confidence, Edit, Finding, FindingVerdict

_FEW: Final = 200
"""So many files are done before a second process has started."""
_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All that was found, whatever its verdict; what is shown is chosen later."""

    findings: Sequence[Finding]
    files: int
    from_cache: int

    @property
    def unread(self) -> Sequence[Finding]:
        """The files that could not be looked at."""
        return [one for one in self.findings if one.rule == UNREADABLE_RULE]


def scan(
    paths: Sequence[Path],
    *,
    root: Path,
    cache_folder: Path | None = None,
    processes: int | None = None,
) -> AuditReport:
    """Look at all Python files below some paths, with every rule.

    Args:
        paths: files and folders.
        root: findings name files relative to it.
        cache_folder: what was found is kept there; None keeps nothing.
        processes: at most so many; by default one for each CPU.
    """
    known = _Cache(cache_folder, root)
    files = [(path, _named(path, root)) for path in python_files(paths)]
    found: dict[str, list[Finding]] = {}
    fresh: list[tuple[str, str, str]] = []
    for path, name in files:
        stamp = _stamp(path)
        before = known.get(name, stamp)
        if before is None:
            fresh.append((str(path), name, stamp))
        else:
            found[name] = before
    for (_, name, stamp), findings in zip(fresh, _examined(fresh, processes), strict=True):
        found[name] = findings
        known.keep(name, stamp, findings)
    known.save({name for _, name in files} if fresh else None)
    return AuditReport(
        [one for _, name in files for one in found[name]], len(files), len(files) - len(fresh)
    )


def _named(path: Path, root: Path) -> str:
    try:
        return (
            path.resolve().relative_to(root).as_posix() if path.is_absolute() else path.as_posix()
        )
    except ValueError:
        return path.as_posix()


def _stamp(path: Path) -> str:
    try:
        seen = path.stat()
    except OSError:
        return ""
    return f"{seen.st_mtime_ns}:{seen.st_size}:{seen.st_ino}"


def _examined(
    fresh: Sequence[tuple[str, str, str]], processes: int | None
) -> Iterable[list[Finding]]:
    workers = min(processes or os.cpu_count() or 1, len(fresh) // _FEW + 1)
    pairs = [(path, name) for path, name, _ in fresh]
    if workers < 2:
        yield from map(_one, pairs)
        return
    # Not `fork`: whoever calls us may have threads.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=gc.disable
    ) as pool:
        chunks = [pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
        for findings in pool.map(_chunk, chunks):
            yield from findings


def _chunk(pairs: Sequence[tuple[str, str]]) -> list[list[Finding]]:
    """Trees are many small objects: collecting between files costs a third of the time."""
    found = [_one(pair) for pair in pairs]
    gc.collect()
    return found


def _one(pair: tuple[str, str]) -> list[Finding]:
    path, name = pair
    try:
        return examine(name, content_of(Path(path)))
    except UnreadableFileError as error:
        return [
            Finding(
                rule=UNREADABLE_RULE,
                path=name,
                line=1,
                column=0,
                message=f"not looked at: {error}",
                verdict=FindingVerdict.UNPROVEN,
                confidence=Confidence.MEDIUM,
            )
        ]


def default_cache() -> Path:
    """Where findings are kept: `$XDG_CACHE_HOME/hardpoint/audit`, else below `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "hardpoint" / "audit"


@cache
def rules_version() -> str:
    """Changes whenever a rule, or what is known of packages, does."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in {".py", ".toml"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class _Cache:
    """One file for each root; whatever is wrong with it, everything is looked at again."""

    def __init__(self, folder: Path | None, root: Path) -> None:
        own = hashlib.sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:16]
        self._path = None if folder is None else folder / f"{own}.json"
        self._entries: dict[str, Any] = self._read()

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            told = json.loads(self._path.read_bytes())
            return dict(told["files"]) if told["version"] == rules_version() else {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}

    def get(self, name: str, stamp: str) -> list[Finding] | None:
        entry = self._entries.get(name)
        if entry is None or not stamp or entry[0] != stamp:
            return None
        return [_finding(one) for one in entry[1]]

    def keep(self, name: str, stamp: str, findings: Sequence[Finding]) -> None:
        self._entries[name] = [stamp, [asdict(one) for one in findings]]

    def save(self, seen: set[str] | None) -> None:
        """Written beside and moved, so that a reader never sees half of it."""
        if self._path is None or seen is None:
            return
        beside = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({"version": rules_version(), "files": self._entries}))
            beside.replace(self._path)
        except OSError:
            with suppress(OSError):
                beside.unlink()


def _finding(told: dict[str, Any]) -> Finding:
    given: dict[str, Any] = {
        **told,
        "verdict": FindingVerdict(told["verdict"]),
        "confidence": Confidence(told["confidence"]),
        "edits": tuple(Edit(**one) for one in told["edits"]),
    }
    return Finding(**given)
