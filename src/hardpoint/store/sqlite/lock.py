"""The lock file: one accepting process per store."""

import asyncio
import contextlib
import fcntl
import os
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.sqlite.files import inode_of

_POLL = 0.05

_held: "weakref.WeakSet[LockFile]" = weakref.WeakSet()


class LockFile:
    """`<database>.lock`, held with flock while the store is open; it names its holder's pid.

    The file stays when the lock is let go: removing it would let two processes hold two files.
    """

    def __init__(self, database: Path) -> None:
        self.path = Path(f"{database}.lock")
        self._database = database
        self._descriptor: int | None = None

    async def acquire(
        self, wait: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Take the lock, looking again until `wait` seconds have passed.

        Args:
            wait: seconds.
            sleep: how to wait between two looks.

        Raises:
            StoreUnavailableError: another process has it still.
        """
        for _ in range(max(0, round(wait / _POLL))):
            if self._take():
                return
            await sleep(_POLL)
        if not self._take():
            raise StoreUnavailableError(
                f"{self._database} is in use by {self._holder()}. One process accepts into a "
                "SQLite store: stop that one, or give this one a file of its own"
            )

    def release(self) -> None:
        """Let the lock go; does nothing when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _held.discard(self)

    def _take(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailableError(f"{self.path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        status = os.fstat(descriptor)
        if inode_of(self.path) != (status.st_dev, status.st_ino):
            os.close(descriptor)  # someone removed the file between our open and our lock
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        _held.add(self)
        return True

    def _holder(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return f"process {int(self.path.read_text())}"
        return "another process"


def _let_go_in_child() -> None:
    """A forked child shares the lock; were it to outlive us, nobody could take the store."""
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_let_go_in_child)
