"""From a folder to a file in it, one name at a time (`openat`), and never through a link."""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hardpoint.core.errors import InvalidRequestError, NotFoundError
from hardpoint.storage.keys import checked_key

OWN = ".hardpoint"
"""Where we keep what is ours; no key leads there."""
NAME_BYTES_MAX = 255

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER = _ROOT | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER_MODE = 0o700

NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
"""Why a path leads to no file: missing, a file or a link where a folder should be, a socket."""


def checked(key: str, *, field: str = "key") -> str:
    """A key that can be a path.

    Raises:
        InvalidRequestError: a segment is none of a path or too long for a name, or is ours.
    """
    checked_key(key, field=field)
    first, *_ = segments = key.split("/")
    if first == OWN:
        raise InvalidRequestError(f"starts with {OWN}, which is ours", field=field)
    if any(len(one.encode()) > NAME_BYTES_MAX for one in segments):
        raise InvalidRequestError(f"has a segment of more than {NAME_BYTES_MAX} bytes", field=field)
    return key


@contextmanager
def opened(
    path: str | Path, flags: int, *, within: int | None = None, mode: int = 0o600
) -> Generator[int]:
    """A descriptor, while the block lasts."""
    descriptor = os.open(path, flags, mode, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def root_of(root: Path) -> Generator[int]:
    """The folder itself, which may be a link."""
    with opened(root, _ROOT) as descriptor:
        yield descriptor


@contextmanager
def folder(name: str, within: int) -> Generator[int]:
    """A folder within another."""
    with opened(name, _FOLDER, within=within) as descriptor:
        yield descriptor


@contextmanager
def parent_of(root: Path, key: str, *, make: bool = False) -> Generator[tuple[int, str]]:
    """The folder in which a key's file stands, and the file's name there.

    Raises:
        OSError: there is no such folder, and it was not to be made; or a file or a link stands in
            its place.
    """
    *above, name = key.split("/")
    with ExitStack() as stack:
        here = stack.enter_context(root_of(root))
        for one in above:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(one, _FOLDER_MODE, dir_fd=here)
                    os.fsync(here)
            here = stack.enter_context(folder(one, here))
        yield here, name


@contextmanager
def file_of(root: Path, key: str) -> Generator[int]:
    """The file of a key, open for reading.

    Raises:
        NotFoundError: there is none; a link or a folder is no file.
    """
    with ExitStack() as stack:
        try:
            within, name = stack.enter_context(parent_of(root, key))
            file = stack.enter_context(opened(name, _FILE, within=within))
        except OSError as error:
            if error.errno in NOT_THERE:
                raise NotFoundError from error
            raise
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise NotFoundError
        yield file


def version_of(facts: os.stat_result) -> str:
    """What names a version of a file: each is a file of its own, which is never written again."""
    return f"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}"
