"""Signs of life: each process that keeps a journal holds a lock on a file of its own.

The kernel lets the lock go when the process is gone, however it ended, and not before. So whether
the one that has begun a call can still be sending it is a question with an answer, and nobody has
to send beats.
"""

import fcntl
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.forks import forget_in_child
from hardpoint.store.sqlite.files import inode_of

_TRIES: Final = 20
_NEW: Final = ".new"


@final
class LiveSession:
    """This process, as the others of its store see it: `<database>.live/<name>`.

    Args:
        database: the store's file.

    Attributes:
        name: what goes into the rows of its calls. A forked child has another.
    """

    def __init__(self, database: Path) -> None:
        self._folder = Path(f"{database}.live")
        self._descriptor: int | None = None
        self._inode: tuple[int, int] | None = None
        self._begin()
        forget_in_child(self)

    def _begin(self) -> None:
        self.name = secrets.token_hex(8)
        self._mutex = threading.Lock()

    def hold(self) -> None:
        """Be seen to live from here on.

        Raises:
            StoreUnavailableError: the file cannot be made.
        """
        with self._mutex:
            if self._descriptor is None:
                self._descriptor, self._inode = self._made()

    def check(self) -> None:
        """Make the file anew when somebody has removed it: without it, it would seem dead."""
        with self._mutex, suppress(StoreUnavailableError):  # in a second once more
            held = self._descriptor
            if held is not None and inode_of(self._path) != self._inode:
                self._descriptor, self._inode = self._made()
                os.close(held)

    def release(self) -> None:
        """It holds no calls any more."""
        with self._mutex:
            held, self._descriptor = self._descriptor, None
            if held is not None:
                if inode_of(self._path) == self._inode:
                    self._path.unlink(missing_ok=True)
                os.close(held)
                with suppress(OSError):  # others are in it
                    self._folder.rmdir()

    def forget(self) -> None:
        """A forked child is another: the parent's calls are not its own."""
        held, self._descriptor = self._descriptor, None
        if held is not None:
            os.close(held)
        self._begin()

    def lives(self, name: str) -> bool | None:
        """Whether a session's process is there; None: its file is not, and nobody can tell."""
        if name == self.name:
            return True
        path = self._folder / name
        if path.parent != self._folder:
            return None
        free = _free(path)
        return None if free is None else not free

    def sweep(self) -> None:
        """Remove the files of those that are gone."""
        with suppress(OSError):  # there is no folder
            for path in self._folder.iterdir():
                if _free(path):
                    path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return self._folder / self.name

    def _made(self) -> tuple[int, tuple[int, int]]:
        """A file that is locked before anybody can see it under its name."""
        left = _TRIES
        while True:
            try:
                return self._make()
            except OSError as error:  # whoever sweeps may have taken the draft, or the folder
                left -= 1
                if not left:
                    raise StoreUnavailableError(f"{self._path} cannot be made: {error}") from error

    def _make(self) -> tuple[int, tuple[int, int]]:
        draft = self._folder / f"{self.name}{_NEW}"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            draft.rename(self._path)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor, (status.st_dev, status.st_ino)


def _free(path: Path) -> bool | None:
    """Whether nobody holds a file; None when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:  # no descriptors left, say: nobody is buried for that
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
