"""Files on the caller's side: read and written in bounded pieces, where blocking does no harm.

Each has a lock, since a thread may still be at work for a caller who was cancelled and closes it.
"""

import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar, final

from hardpoint.core.errors import ConflictError, InvalidRequestError
from hardpoint.runtime.connection import Runtime

_Result = TypeVar("_Result")


class Source(Protocol):
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
    """A file by its path, opened by `open_source`; it must not change while it is read."""

    def __init__(self, runtime: Runtime, file: IO[bytes]) -> None:
        self._runtime = runtime
        self._file = file
        self._lock = threading.Lock()
        self._before = _version(file)
        self._read = 0

    async def read(self, size: int) -> bytes:
        """The next so many bytes."""
        found = await self._runtime.work(self._locked(lambda: _filled(self._file, size)))
        self._read += len(found)
        return found

    async def check(self) -> None:
        """Compare size and times with those before the first byte was read."""
        now = await self._runtime.work(self._locked(lambda: _version(self._file)))
        if now != self._before or now[0] != self._read:
            raise ConflictError("The file changed while it was read; nothing was stored")

    async def close(self) -> None:
        """Close it."""
        await self._runtime.work(self._locked(self._file.close))

    def _locked(self, function: Callable[[], _Result]) -> Callable[[], _Result]:
        def run() -> _Result:
            with self._lock:
                return function()

        return run


async def open_source(runtime: Runtime, source: str | os.PathLike[str] | IO[bytes]) -> Source:
    """Open what is to be stored.

    Raises:
        InvalidRequestError: no such file, not a regular one, or not readable.
    """
    if isinstance(source, str | os.PathLike):
        return LocalFile(runtime, await runtime.work(lambda: _opened(Path(source))))
    return OpenFile(runtime, source)


@final
class Target:
    """A file that is to be replaced as a whole: written beside it, then renamed over it."""

    def __init__(self, runtime: Runtime, path: Path, beside: Path, descriptor: int) -> None:
        self._runtime = runtime
        self._path = path
        self._beside = beside
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._open = True

    @classmethod
    async def beside(cls, runtime: Runtime, path: str | os.PathLike[str], name: str) -> "Target":
        """Begin in the path's folder, under another name.

        Raises:
            InvalidRequestError: nothing can be written there.
        """
        where = Path(path)
        beside = where.parent / f".{name}.part"

        def begin() -> int:
            if where.is_dir():
                raise InvalidRequestError("is a folder", field="path")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return os.open(beside, flags, 0o666)

        return cls(runtime, where, beside, await runtime.work(lambda: _local(begin)))

    async def write(self, data: bytes) -> None:
        """Add bytes."""
        await self._runtime.work(lambda: _local(lambda: self._write(data)))

    async def keep(self) -> None:
        """Put it in its place: whole and on the disk, or not at all."""
        await self._runtime.work(lambda: _local(self._keep))

    async def discard(self) -> None:
        """Leave nothing behind, unless it was kept."""
        await self._runtime.work(self._discard)

    def _write(self, data: bytes) -> None:
        with self._lock:
            left = memoryview(data)
            while left:
                left = left[os.write(self._descriptor, left) :]

    def _keep(self) -> None:
        with self._lock:
            os.fsync(self._descriptor)
            self._beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _discard(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._descriptor)
                with suppress(FileNotFoundError):
                    self._beside.unlink()


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
