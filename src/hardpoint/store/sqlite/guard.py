"""What must not happen to the file in this process: a raw open, or a second SQLite library.

POSIX file locks belong to process and file: closing *any* descriptor of the file drops the locks
that SQLite holds through another one. Two SQLite libraries do that to each other (measured: rows
lost and the file damaged within seconds), and so does `open(path).close()`.
"""

import gc
import os
import sqlite3
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.core.forks import interrupted
from hardpoint.store.sqlite.database import Database
from hardpoint.store.sqlite.files import inode_of

Inode = tuple[int, int]

FOREIGN = ("apsw", "libsql", "pysqlcipher3", "pysqlite2", "pysqlite3", "sqlcipher3", "sqlean")
"""Modules that bring a SQLite library of their own."""

_DESCRIPTORS = Path("/dev/fd")

_watched: dict[Inode, Path] = {}
_connects: Counter[Inode | None] = Counter()
"""How often the standard library's sqlite3 was asked to open a file, since a store was opened."""


_inherited: dict[Inode, Path] = {}
"""The files that were open when this process was forked from another."""


def refuse_interrupted(path: Path) -> None:
    """Refuse every file where SQLite was at work in another thread when this process was forked.

    Its locks, on files and between threads, are as that thread had them, for ever.

    Raises:
        StoreUnavailableError: it was.
    """
    if interrupted():
        raise StoreUnavailableError(
            f"{path}: another thread was using SQLite when this process was forked, and did not "
            "end in time, which SQLite does not survive: fork anew, or start this process afresh "
            "(multiprocessing: `spawn`)"
        )


def refuse_inherited(path: Path) -> None:
    """Refuse a file that was open before the fork, or every file; see `refuse_interrupted`.

    SQLite keeps what it has locked in memory, and a fork copies that but not the locks: whoever
    opens the file in the child goes on without them, and damages it.

    Raises:
        StoreUnavailableError: it was.
    """
    refuse_interrupted(path)
    if inode_of(path) in _inherited:
        raise StoreUnavailableError(
            f"{path} was open as a store when this process was forked, which SQLite does not "
            "survive: start the hub after the fork, in each worker, or not at all before it"
        )


class FileGuard:
    """Watches one store's file, and the index of its log, until it is closed.

    It needs an audit hook, which every process keeps that has opened a store once.

    Raises (from the constructor):
        StoreUnavailableError: another SQLite library holds the file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        index = inode_of(f"{database.path}-shm")
        self._inodes = [one for one in (database.inode, index) if one is not None]
        _install()
        _watched.update(dict.fromkeys(self._inodes, database.path))
        # What was opened before was not counted: no more than the connections that there are now.
        self._held = _connections() if _loaded() else 0
        self._made = _connects[database.inode]
        try:
            self.check()
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Look whether anything but sqlite3 has opened the file, if something could have.

        SQLite keeps a closed connection's descriptor for the next one while others hold locks; so
        there may be as many as before and one more for each connection made since.

        Raises:
            StoreUnavailableError: another SQLite library holds it; the store is broken.
        """
        loaded = _loaded()
        if not loaded:
            return
        held, made = _descriptors_of(self._database.inode), _connects[self._database.inode]
        if held > self._held + made - self._made:
            self._database.break_down(
                f"another SQLite library ({', '.join(loaded)}) has it open in this process, and "
                "the two would undo each other's locks; use the standard library's sqlite3"
            )
        self._held, self._made = held, made

    def close(self) -> None:
        """Watch no longer."""
        for inode in self._inodes:
            _watched.pop(inode, None)


def _loaded() -> list[str]:
    return [name for name in FOREIGN if name in sys.modules]


def _connections() -> int:
    """How many connections of sqlite3 are open in this process, to whatever file."""
    # By type: what stands in for something else, as Django's settings do, may fail when asked.
    found = (one for one in gc.get_objects() if issubclass(type(one), sqlite3.Connection))
    return sum(map(_is_open, found))


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        return connection.total_changes >= 0
    except sqlite3.ProgrammingError:
        return False


def _descriptors_of(inode: Inode | None) -> int:
    """How many of this process's descriptors lead to a file; 0 where the system does not say."""
    found = 0
    for entry in _DESCRIPTORS.iterdir() if _DESCRIPTORS.is_dir() else ():
        try:
            status = os.fstat(int(entry.name))
        except OSError:  # the listing's own
            continue
        found += (status.st_dev, status.st_ino) == inode
    return found


@cache
def _install() -> None:
    setattr(_audit, "__cantrace__", True)  # noqa: B010 - lets debuggers and coverage in
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched:
        return
    if event == "open":
        if isinstance(arguments[0], str | bytes):
            _refuse_raw(os.fsdecode(arguments[0]))
    elif event == "sqlite3.connect":
        _connects[inode_of(_path_of(os.fsdecode(arguments[0])))] += 1


def _refuse_raw(path: str) -> None:
    store = _watched.get(inode_of(path) or (0, 0))
    if store is not None:
        raise StoreError(
            f"{store} is open as a store in this process: to open it by other means than sqlite3 "
            "would drop its locks. Use sqlite3, or its backup"
        )


def _path_of(database: str) -> str:
    """The path behind what `sqlite3.connect` was given, which may be a URI."""
    if database.startswith("file:"):
        return unquote(database[5:].partition("?")[0].removeprefix("//"))
    return database


def _in_child() -> None:
    _inherited.update(_watched)
    _watched.clear()


os.register_at_fork(after_in_child=_in_child)
