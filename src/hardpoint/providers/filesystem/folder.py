"""A folder's files as objects: replaced as a whole, never half there, and no way out of it.

    invoices/2026/17.pdf                    the object, a plain file
    .hardpoint/lock                         held while a file takes its place
    .hardpoint/parts/<id>                   what is being written
    .hardpoint/facts/<digest>/<version>     content type and metadata of that version

Renaming the file is what commits. Its facts are on the disk before that, under the version that it
will have; facts of a version that never came to be, or is no more, count for nothing.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import final

from hardpoint.core.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionFailedError,
)
from hardpoint.providers.filesystem.facts import FactFiles, FileFacts
from hardpoint.providers.filesystem.paths import (
    OWN,
    file_of,
    opened,
    parent_of,
    version_of,
)
from hardpoint.storage.types import NewObject, ObjectInfo, Piece

STALE_SECONDS = 24 * 3600.0
"""What was being written for so long will not be finished: its process died."""

_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o600


@final
class Folder:
    """One folder. Any number of processes and threads may use it at a time.

    Args:
        path: of the folder, which is there.
        now: Unix seconds.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._parts = path / OWN / "parts"
        facts = path / OWN / "facts"
        for one in (self._parts, facts):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._facts = FactFiles(facts)
        for part in self._parts.iterdir():
            with suppress(FileNotFoundError):
                if part.stat().st_mtime < now() - STALE_SECONDS:
                    part.unlink()

    # Writing

    def begin(self, part: str) -> None:
        """Make room for what is to be written."""
        with opened(self._parts / part, _WRITE | os.O_CREAT | os.O_EXCL, mode=_MODE):
            pass

    def write(self, part: str, offset: int, data: bytes) -> None:
        """Write some of it.

        Raises:
            NotFoundError: nothing was begun under that name.
        """
        with self._part(part) as file:
            left = memoryview(data)
            while left:
                count = os.pwrite(file, left, offset)
                left, offset = left[count:], offset + count

    def commit(self, new: NewObject, part: str) -> ObjectInfo:
        """Let it take its place, if the condition is met.

        Raises:
            NotFoundError: nothing was begun under that name, or it was committed.
            AlreadyExistsError, PreconditionFailedError: the condition is not met.
        """
        with self._part(part) as file:
            os.fsync(file)
            facts = os.fstat(file)
        version = version_of(facts)
        with self._lock():
            self._check(new)
            self._facts.write(new, version)
            self._place(new, part)
            self._facts.keep_only(new.key, version)
        return ObjectInfo(
            key=new.key,
            size=facts.st_size,
            etag=version,
            content_type=new.content_type,
            metadata=new.metadata,
        )

    def discard(self, part: str) -> None:
        """Forget what was written."""
        (self._parts / part).unlink(missing_ok=True)

    def put(self, new: NewObject, part: str, data: bytes) -> ObjectInfo:
        """All of it at once."""
        try:
            self.begin(part)
            self.write(part, 0, data)
            return self.commit(new, part)
        finally:
            self.discard(part)

    def copy(self, source: str, target: str, part: str) -> None:
        """Store it under another key too."""
        try:
            self.begin(part)
            with (
                self._found(source) as (file, info),
                self._part(part) as copied,
                os.fdopen(file, "rb", closefd=False) as reading,
                os.fdopen(copied, "wb", closefd=False) as writing,
            ):
                shutil.copyfileobj(reading, writing)
            content_type = info.content_type or ""
            new = NewObject(key=target, content_type=content_type, metadata=info.metadata)
            self.commit(new, part)
        finally:
            self.discard(part)

    def delete(self, key: str) -> None:
        """See that there is none; folders that only it was in go with it."""
        with self._lock():
            if self._version(key) is not None:
                with parent_of(self.path, key) as (within, name):
                    os.unlink(name, dir_fd=within)
                    os.fsync(within)
            self._facts.forget(key)
            above = key.split("/")[:-1]
            with suppress(OSError):  # not empty, or not there
                while above:
                    with parent_of(self.path, "/".join(above)) as (within, name):
                        os.rmdir(name, dir_fd=within)
                    above.pop()

    # Reading

    def head(self, key: str) -> ObjectInfo:
        """What is known of it.

        Raises:
            NotFoundError: there is none.
        """
        with self._found(key) as (_, info):
            return info

    def read(self, key: str, start: int, length: int, etag: str | None) -> Piece:
        """Some of its bytes.

        Raises:
            NotFoundError: there is none.
            PreconditionFailedError: it is another version.
        """
        with self._found(key) as (file, info):
            if etag not in {None, info.etag}:
                raise PreconditionFailedError
            data = b""  # mostly one read is all of it, and nothing is copied
            while some := os.pread(file, length - len(data), start + len(data)):
                data += some
            return Piece(info=info, data=data)

    @contextmanager
    def _found(self, key: str) -> Generator[tuple[int, ObjectInfo]]:
        """The file, and what is known of it. It may be replaced, and its facts go, meanwhile."""
        while True:
            with file_of(self.path, key) as file:
                stated = os.fstat(file)
                version = version_of(stated)
                facts = self._facts.read(key, version)
                if facts is None and self._version(key) != version:
                    continue
                known = facts or FileFacts()
                yield (
                    file,
                    ObjectInfo(
                        key=key,
                        size=stated.st_size,
                        etag=version,
                        modified=stated.st_mtime,
                        content_type=known.content_type,
                        metadata=known.metadata,
                    ),
                )
                return

    def _version(self, key: str) -> str | None:
        try:
            with file_of(self.path, key) as file:
                return version_of(os.fstat(file))
        except NotFoundError:
            return None

    def _check(self, new: NewObject) -> None:
        current = self._version(new.key)
        if new.if_absent and current is not None:
            raise AlreadyExistsError
        if new.if_match is not None and current != new.if_match:
            raise PreconditionFailedError

    def _place(self, new: NewObject, part: str) -> None:
        """Let it be there.

        Where there must be none it is a link, which never replaces what someone who knows no lock
        has put there since.
        """
        with parent_of(self.path, new.key, make=True) as (within, name):
            if new.if_absent:
                try:
                    os.link(self._parts / part, name, dst_dir_fd=within)
                except FileExistsError as error:
                    raise AlreadyExistsError from error
                self.discard(part)
            else:
                os.rename(self._parts / part, name, dst_dir_fd=within)
            os.fsync(within)

    @contextmanager
    def _part(self, part: str) -> Generator[int]:
        try:
            with opened(self._parts / part, _WRITE) as file:
                yield file
        except FileNotFoundError as error:
            raise NotFoundError from error

    @contextmanager
    def _lock(self) -> Generator[None]:
        """One at a time, in this process and in others."""
        with opened(self.path / OWN / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
