"""Files on the caller's side: read and written in bounded pieces, where blocking does no harm.

Each has a lock, since a thread may still be at work for a caller who was cancelled and closes it.
"""

import os
import stat
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar, final

from hardpoint.core.errors import BulkheadFullError, ConflictError, InvalidRequestError
from hardpoint.runtime.effects import Runtime

_Result = TypeVar("_Result")


class ContentSource(Protocol):
    """Where an object's bytes come from, once, in order."""

    async def read(self, size: int) -> bytes:
        """The next so many bytes; fewer only at the end."""
        ...

    async def check(self) -> None:
        """See that what was read is what is there.

        Raises:
            ConflictError: it changed while it was read.
        """
        ...

    async def close(self) -> None:
        """Give it back."""
        ...


@final
class Data:
    """Bytes at hand."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._view = memoryview(data).cast("B")
        self._position = 0

    async def read(self, size: int) -> bytes:
        """The next so many bytes."""
        found = bytes(self._view[self._position : self._position + size])
        self._position += len(found)
        return found

    async def check(self) -> None:
        """They are what they are."""

    async def close(self) -> None:
        """Nothing to give back."""


@final
class OpenFile:
    """A file object of the caller's, read from where it stands; it stays open."""

    def __init__(self, runtime: Runtime, file: IO[bytes]) -> None:
        self._runtime = runtime
        self._file = file

    async def read(self, size: int) -> bytes:
        """The next so many bytes."""
        return await self._runtime.work(lambda: _filled(self._file, size))

    async def check(self) -> None:
        """A file object may be a pipe or a socket: what it gave is what there was."""

    async def close(self) -> None:
        """It is the caller's."""


@final
class LocalFile:
    """A file by its path; it must not change while it is read."""

    def __init__(self, runtime: Runtime, path: Path) -> None:
        self._runtime = runtime
        self._path = path
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._closed = False
        self._before = (0, 0, 0)
        self._read = 0

    async def read(self, size: int) -> bytes:
        """The next so many bytes; the first time it is opened.

        Raises:
            InvalidRequestError: no such file, not a regular one, or not readable.
        """
        found = await self._runtime.work(lambda: self._filled(size))
        self._read += len(found)
        return found

    async def check(self) -> None:
        """Compare size and times with those before the first byte was read."""
        now = await self._runtime.work(self._version)
        if now != self._before or now[0] != self._read:
            raise ConflictError("The file changed while it was read; nothing was stored")

    async def close(self) -> None:
        """Close it."""
        await self._runtime.work(self._close)

    def _filled(self, size: int) -> bytes:
        with self._lock:
            return _filled(self._opened(), size)

    def _version(self) -> tuple[int, int, int]:
        with self._lock:
            return _version(self._opened())

    def _opened(self) -> IO[bytes]:
        if self._closed:  # a thread that was overtaken by the one that closes
            raise InvalidRequestError("was given up", field="source")
        if self._file is None:
            self._file = _opened(self._path)
            self._before = _version(self._file)
        return self._file

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()


def source_of(runtime: Runtime, source: str | PathLike[str] | IO[bytes]) -> ContentSource:
    """What is to be stored; nothing is opened yet."""
    if isinstance(source, str | PathLike):
        return LocalFile(runtime, Path(source))
    return OpenFile(runtime, source)


@final
class ContentTarget:
    """A file that is to be replaced as a whole: written beside it, then renamed over it.

    Args:
        runtime: where it is written.
        path: of the file.
        name: what is beside it goes by this name until it is whole.
    """

    def __init__(self, runtime: Runtime, path: str | PathLike[str], name: str) -> None:
        self._runtime = runtime
        self._path = Path(path)
        self._beside = self._path.parent / f".{name}.part"
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._section: Section | None = None
        self._over = False

    async def begin(self) -> None:
        """See whether anything can be written.

        Raises:
            InvalidRequestError: it cannot.
        """
        await self._runtime.work(lambda: _local(self._begin))

    @contextmanager
    def section(self, start: int) -> Generator["Section"]:
        """From `start` on, for one attempt at a time to fill.

        A second one beside it (a hedge) would write the same place, perhaps with the bytes of
        another version; one that was cancelled may have a thread still at work.

        Raises:
            BulkheadFullError: another attempt is at it.
        """
        if self._section is not None:
            raise BulkheadFullError("Another attempt at this download is under way")
        self._section = section = Section(self, start)
        try:
            yield section
        finally:
            self._section = None

    async def write(self, section: "Section", data: bytes) -> None:
        """Add bytes to a section, as long as it is the one being filled."""
        await self._runtime.work(lambda: _local(lambda: self._write(section, data)))

    async def keep(self) -> None:
        """Put it in its place: whole and on the disk, or not at all."""
        await self._runtime.work(lambda: _local(self._keep))

    async def discard(self) -> None:
        """Leave nothing behind, unless it was kept."""
        await self._runtime.work(self._discard)

    def _begin(self) -> None:
        with self._lock:
            self._opened()

    def _write(self, section: "Section", data: bytes) -> None:
        with self._lock:
            descriptor, left = self._opened(), memoryview(data)
            if section is not self._section:  # a thread of an attempt that was given up
                raise InvalidRequestError("was given up", field="path")
            while left:
                count = os.pwrite(descriptor, left, section.start + section.taken)
                section.taken += count
                left = left[count:]

    def _opened(self) -> int:
        if self._over:  # a thread that was overtaken by the one that discards
            raise InvalidRequestError("was given up", field="path")
        if self._descriptor is None:
            if self._path.is_dir():
                raise InvalidRequestError("is a folder", field="path")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self._beside, flags, 0o666)
        return self._descriptor

    def _keep(self) -> None:
        with self._lock:
            os.fsync(self._opened())
            self._beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _discard(self) -> None:
        with self._lock:
            self._over = True
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)
                self._beside.unlink(missing_ok=True)


@final
class Section:
    """A part of the file, as far as one attempt has come.

    Attributes:
        taken: bytes from `start` on.
    """

    def __init__(self, target: ContentTarget, start: int) -> None:
        self._target = target
        self.start = start
        self.taken = 0

    async def take(self, data: bytes) -> None:
        """Add bytes."""
        await self._target.write(self, data)


def _local(function: Callable[[], _Result]) -> _Result:
    """Errors of the caller's own disk, as ours."""
    try:
        return function()
    except OSError as error:
        raise InvalidRequestError(f"cannot be written ({error.strerror})", field="path") from error


def _opened(path: Path) -> IO[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise InvalidRequestError(f"cannot be read ({reason})", field="source") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidRequestError("is not a regular file", field="source")
    return os.fdopen(descriptor, "rb", buffering=0)


def _filled(file: IO[Any], size: int) -> bytes:
    """So many bytes, however few the file gives at a time."""
    found: list[bytes] = []
    while size > 0:
        try:
            some: object = file.read(size)
        except (OSError, ValueError) as error:
            raise InvalidRequestError("cannot be read", field="source") from error
        if not isinstance(some, bytes):
            raise InvalidRequestError("is not open for reading bytes", field="source")
        if not some:
            break
        found.append(some)
        size -= len(some)
    return b"".join(found)


def _version(file: IO[bytes]) -> tuple[int, int, int]:
    facts = os.fstat(file.fileno())
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
