"""The store's file as the system sees it, before SQLite does."""

import os
import sqlite3
import stat
from pathlib import Path

from hardpoint.core.errors import StoreCorruptError, StoreError, StoreUnavailableError
from hardpoint.store.sqlite.faults import WriteFault, fault_of

_SMALLEST = 512
"""Bytes of the smallest database there is: one page."""


def inode_of(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Which file a path leads to, by device and inode; None when there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - Path.stat costs three times as much, at each commit
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def create_private(path: Path) -> None:
    """Make sure of a file that others cannot read; SQLite gives its companions the same mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailableError(f"{path} cannot be created: {error.strerror}") from error
    os.close(descriptor)


def refuse_misfit(path: Path) -> None:
    """Refuse what SQLite would take and should not.

    Raises:
        StoreUnavailableError: no regular file, or one with several names (its log would be found
            under one of them only).
        StoreCorruptError: a file too short to be a database, which SQLite would overwrite.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise StoreUnavailableError(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise StoreUnavailableError(f"{path} is not a regular file; name another")
    if status.st_nlink > 1:
        raise StoreUnavailableError(
            f"{path} has more than one name (hard links), and SQLite would find its log under one "
            "of them only: remove the others"
        )
    if 0 < status.st_size < _SMALLEST:
        raise StoreCorruptError(f"{path} is not a hardpoint store; name another file")


def refuse_unlike(error: sqlite3.Error, path: Path) -> StoreError:
    """The error for a file that SQLite cannot open as a database."""
    if fault_of(error) is WriteFault.BROKEN:
        return StoreCorruptError(
            f"{path} is not a hardpoint store or is damaged ({error}); restore a backup, or name "
            "another file"
        )
    return StoreUnavailableError(f"{path}: {error}")
