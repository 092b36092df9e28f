"""The lock file: one accepting process per store."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.forks import forget_in_child
from hardpoint.store.sqlite.files import inode_of

_POLL = 0.05


class LockFile:
    """`<database>.lock`, held with flock while the store is open; it names its holder's pid.

    The file stays when the lock is let go: removing it would let two processes hold two files.
    """

    def __init__(self, database: Path) -> None:
        self.path = Path(f"{database}.lock")
        self._database = database
        self._descriptor: int | None = None
        forget_in_child(self)

    def acquire(self, wait: float) -> None:
        """Take the lock, looking again until `wait` seconds have passed.

        Raises:
            StoreUnavailableError: another process has it still.
        """
        for _ in range(max(0, round(wait / _POLL))):
            if self._take():
                return
            time.sleep(_POLL)
        if not self._take():
            raise StoreUnavailableError(
                f"{self._database} is in use by {self._holder()}: one process receives into a "
                "SQLite store. Of several workers (--workers) let each only call out, and run one "
                "`hardpoint serve app:hub` that receives"
            )

    def release(self) -> None:
        """Let the lock go; does nothing when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def forget(self) -> None:
        """A forked child shares the lock; were it to outlive us, nobody could take the store."""
        self.release()

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
        return True

    def _holder(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return f"process {int(self.path.read_text())}"
        return "another process"
