"""The storage port: what users hold. Checked before any I/O, run under the connection's policy."""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from os import PathLike
from typing import IO, Literal, final

import msgspec

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.core.arguments import KINDS_OF_BYTES, NUMBER, TEXT, expect
from hardpoint.core.errors import (
    InvalidRequestError,
    NotFoundError,
    PreconditionFailedError,
    UnexpectedResponseError,
)
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.storage.driver import StorageDriver
from hardpoint.storage.files import ContentTarget, Data, source_of
from hardpoint.storage.keys import (
    RESERVED,
    checked_content_type,
    checked_key,
    checked_metadata,
    checked_prefix,
    known_key,
)
from hardpoint.storage.signing import check_policy, checked_use
from hardpoint.storage.types import (
    BYTES,
    NewObject,
    ObjectInfo,
    Piece,
    PostPolicy,
    Prefix,
    SignedPost,
    SignedUse,
    StoredObject,
)
from hardpoint.storage.writing import Progress, Writing, unheard

GET_BYTES_MAX = 64 * 1024 * 1024
"""What `get` takes into memory unless told otherwise."""

_READ = Operation("get", Repeat.SAFE)
_DOWNLOAD = Operation("download", Repeat.SAFE)
_HEAD = Operation("head", Repeat.SAFE)
_LIST = Operation("list", Repeat.SAFE)
_DELETE = Operation("delete", Repeat.IDEMPOTENT)
_COPY = Operation("copy", Repeat.IDEMPOTENT)
_SIGN_URL = Operation("sign_url", Repeat.SAFE)
_SIGN_POST = Operation("sign_post", Repeat.SAFE)

_EMPTY: Mapping[str, str] = {}


@final
class ObjectStore:
    """Keeps objects through one connection: bytes under a key.

    A key that is written has to mean the same everywhere (`hardpoint.storage.keys`). One that a
    list shows is taken as it is by whatever reads, copies or deletes: others may have written it.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        NotFoundError: there is no such object (or bucket).
        OutcomeUnknownError: it may have taken effect. Look with `head`, or do it again: only a
            write with `if_absent` or `if_match` is not the same twice.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, driver: StorageDriver, connection: Connection) -> None:
        self.driver = driver
        """The provider's own driver: the way round the port."""
        self.connection = connection
        self._calls = Calls(connection, driver)
        self._writing = Writing(driver, self._calls, connection.ids)
        self._piece_bytes = driver.capabilities.limits["piece_bytes"]

    async def put(
        self,
        key: str,
        data: bytes | bytearray | memoryview,
        *,
        content_type: str = BYTES,
        metadata: Mapping[str, str] = _EMPTY,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> ObjectInfo:
        """Store bytes under a key, whole or not at all.

        Args:
            key: segments between `/`; see `hardpoint.storage.keys`.
            data: the bytes; `upload` takes a file.
            content_type: comes back with the object, and is what a browser is told.
            metadata: yours, up to 2 KB; names in small letters, values printable ASCII.
            if_absent: only where there is none. A repeat of this call's own does not trip over what
                an earlier attempt has stored.
            if_match: only in place of the version with this `etag`.

        Raises:
            AlreadyExistsError: there is one, and `if_absent`.
            PreconditionFailedError: it is another version than `if_match`.
        """
        new = self._new(key, content_type, metadata, if_absent=if_absent, if_match=if_match)
        expect(data, KINDS_OF_BYTES, "data", "bytes: text.encode(), or upload a file")
        return self._ours(await self._writing.store(new, Data(data)))

    async def upload(
        self,
        key: str,
        source: str | PathLike[str] | IO[bytes],
        *,
        content_type: str = BYTES,
        metadata: Mapping[str, str] = _EMPTY,
        if_absent: bool = False,
        if_match: str | None = None,
        progress: Progress = unheard,
    ) -> ObjectInfo:
        """Store a file, whole or not at all, holding no more than two pieces of it in memory.

        Each piece is a call of its own under the policy. A large file whose upload fails leaves
        nothing that can be seen; where the process dies, its pieces stay until the provider clears
        away unfinished uploads.

        Args:
            key: see `put`.
            source: a path to a regular file, or a file object that gives bytes.
            content_type: see `put`.
            metadata: see `put`.
            if_absent: see `put`.
            if_match: see `put`.
            progress: told after each piece how many bytes the provider has by then.

        Raises:
            InvalidRequestError: the file cannot be read (`source`).
            ConflictError: it changed while it was read; nothing was stored.
            AlreadyExistsError, PreconditionFailedError: see `put`.
        """
        new = self._new(key, content_type, metadata, if_absent=if_absent, if_match=if_match)
        if not hasattr(source, "read"):
            expect(source, (str, PathLike), "source", "the path of a file, or an open one")
        opened = source_of(self.connection.runtime, source)
        try:
            return self._ours(await self._writing.store(new, opened, progress))
        finally:
            await opened.close()

    async def get(self, key: str, *, bytes_max: int = GET_BYTES_MAX) -> StoredObject:
        """Read an object into memory.

        Raises:
            InvalidRequestError: it is larger than `bytes_max`; `download` it.
            PreconditionFailedError: it was replaced while it was read.
        """
        known_key(key)
        expect(bytes_max, int, "bytes_max", NUMBER)
        piece = await self._read(key, None)
        if piece.info.size > bytes_max:
            raise InvalidRequestError(
                f"{piece.info.size} bytes are more than bytes_max; use download", field="key"
            )
        data = bytearray(piece.data)
        while len(data) < piece.info.size:
            data += (await self._read(key, piece.info, len(data))).data
        return StoredObject(info=self._ours(piece.info), data=bytes(data))

    async def download(
        self, key: str, path: str | PathLike[str], *, progress: Progress = unheard
    ) -> ObjectInfo:
        """Read an object into a file as it comes, holding no more than a few bytes of it in memory.

        Each piece is a call of its own under the policy, of as many bytes as the provider's driver
        says; one that fails is asked for again.

        The file is written beside its place and renamed when it is whole and on the disk; if that
        fails, nothing is left and an older file stays as it was. `progress` is told after each
        piece how many bytes are there by then.

        Raises:
            InvalidRequestError: nothing can be written there (`path`).
            PreconditionFailedError: it was replaced while it was read.
        """
        known_key(key)
        expect(path, (str, PathLike), "path", "the path of a file")
        target = ContentTarget(self.connection.runtime, path, self.connection.ids())
        try:
            await target.begin()
            info = await self._fetch(key, None, 0, target)
            progress(min(self._piece_bytes, info.size))
            for start in range(self._piece_bytes, info.size, self._piece_bytes):
                await self._fetch(key, info, start, target)
                progress(min(start + self._piece_bytes, info.size))
            await target.keep()
        finally:
            await target.discard()
        return self._ours(info)

    async def head(self, key: str) -> ObjectInfo:
        """What is known of an object, without its bytes."""
        known_key(key)
        return self._ours(await self._calls.run(_HEAD, lambda: self.driver.head(key)))

    async def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            await self.head(key)
        except NotFoundError:
            return False
        return True

    def list(
        self, prefix: str = "", *, delimiter: Literal["/"] | None = None
    ) -> AsyncIterator[ObjectInfo | Prefix]:
        """What starts with a prefix, in the order of the keys' bytes; page by page.

        Args:
            prefix: the beginning of keys, `invoices/2026/`.
            delimiter: with `/`, what lies deeper is told as one `Prefix` each, like a folder.
        """
        checked_prefix(prefix)
        if delimiter not in {None, "/"}:
            raise InvalidRequestError("is neither / nor None", field="delimiter")
        return self._entries(prefix, delimiter)

    async def delete(self, key: str) -> None:
        """See that there is no such object; it need not have been there."""
        known_key(key)
        await self._calls.run(_DELETE, lambda: self.driver.delete(key))

    async def copy(self, source: str, target: str) -> None:
        """Store an object under another key too, in place of what is there.

        It is done at the provider; content type and metadata go along.
        """
        known_key(source, field="source")
        checked_key(target, field="target")
        if source == target:
            raise InvalidRequestError("is the source", field="target")
        await self._calls.run(_COPY, lambda: self.driver.copy(source, target))

    async def sign_url(
        self,
        key: str,
        *,
        method: Literal["GET", "HEAD", "PUT", "DELETE"] = "GET",
        expires: int = 3600,
        content_type: str | None = None,
        filename: str | None = None,
        inline: bool = False,
        cache_control: str | None = None,
    ) -> str:
        """A URL by which anyone may do one thing to one object for a while; treat it as a secret.

        Args:
            key: which object.
            method: what they may do.
            expires: seconds, at most 7 days.
            content_type: for `PUT`: what they must send as `content-type`.
            filename: for `GET`: the name by which a browser keeps it, `Rechnung 17.pdf`.
            inline: whether a browser shows it rather than keep it, where there is a `filename`.
            cache_control: for `GET`: the answer's `Cache-Control`, `private, max-age=60`.
        """
        use = checked_use(
            self.driver,
            SignedUse(
                key=key,
                method=method,
                expires=expires,
                content_type=content_type,
                cache_control=cache_control,
            ),
            filename=filename,
            inline=inline,
        )
        now = self.connection.clock.now()
        return await self._calls.run(_SIGN_URL, lambda: self.driver.sign_url(use, now=now))

    async def sign_post(
        self,
        key: str,
        *,
        size_max: int,
        size_min: int = 0,
        expires: int = 3600,
        content_type: str | None = None,
    ) -> SignedPost:
        """A form by which a browser may store one object; unlike a signed URL it bounds the size.

        Args:
            key: which object.
            size_max: bytes at most.
            size_min: bytes at least.
            expires: seconds, at most 7 days.
            content_type: the one it is stored with.
        """
        policy = PostPolicy(
            key=key, size_min=size_min, size_max=size_max, content_type=content_type
        )
        check_policy(self.driver, policy, expires)
        now = self.connection.clock.now()
        return await self._calls.run(
            _SIGN_POST, lambda: self.driver.sign_post(policy, now=now, expires=expires)
        )

    async def _entries(
        self, prefix: str, delimiter: str | None
    ) -> AsyncIterator[ObjectInfo | Prefix]:
        cursor: str | None = None
        while True:
            read = partial(self.driver.list_page, prefix=prefix, delimiter=delimiter, cursor=cursor)
            page = await self._calls.run(_LIST, read)
            for entry in page.entries:
                yield entry
            cursor = page.cursor
            if cursor is None:
                return

    async def _fetch(
        self, key: str, whole: ObjectInfo | None, start: int, target: ContentTarget
    ) -> ObjectInfo:
        """A piece into a file, as it comes; an attempt that fails is written over by the next."""
        etag, length = None if whole is None else whole.etag, self._piece_bytes

        async def attempt() -> ObjectInfo:
            with target.section(start) as section:
                info = await self.driver.download(
                    key, start=start, length=length, etag=etag, take=section.take
                )
            self._check_piece(info, whole, start, section.taken)
            return info

        return await self._calls.run(_DOWNLOAD, attempt)

    async def _read(self, key: str, whole: ObjectInfo | None, start: int = 0) -> Piece:
        """A piece into memory."""
        etag, length = None if whole is None else whole.etag, self._piece_bytes

        async def attempt() -> Piece:
            piece = await self.driver.read(key, start=start, length=length, etag=etag)
            self._check_piece(piece.info, whole, start, len(piece.data))
            return piece

        return await self._calls.run(_READ, attempt)

    def _check_piece(
        self, info: ObjectInfo, whole: ObjectInfo | None, start: int, count: int
    ) -> None:
        """It has to be exactly the bytes that are there, of the version that `whole` is."""
        if whole is not None and info.etag != whole.etag:  # not every server heeds If-Match
            raise PreconditionFailedError("it was replaced while it was read")
        size = info.size if whole is None else whole.size
        if count != min(self._piece_bytes, size - start):
            raise UnexpectedResponseError(
                f"{count} bytes came from {start} on, of {size}", outcome_known=False
            )

    def _ours(self, info: ObjectInfo) -> ObjectInfo:
        """Without what we store for ourselves."""
        metadata = {
            name: value for name, value in info.metadata.items() if not name.startswith(RESERVED)
        }
        return msgspec.structs.replace(info, metadata=metadata)

    # Checks, all before any I/O

    def _new(
        self,
        key: str,
        content_type: str,
        metadata: Mapping[str, str],
        *,
        if_absent: bool,
        if_match: str | None,
    ) -> NewObject:
        if if_absent and if_match is not None:
            raise InvalidRequestError("and if_absent exclude each other", field="if_match")
        expect(if_match or "", str, "if_match", TEXT)
        if if_match is not None and not (if_match.isascii() and if_match.isprintable()):
            raise InvalidRequestError("is not the etag of an object", field="if_match")
        return NewObject(
            key=checked_key(key),
            content_type=checked_content_type(content_type),
            metadata=checked_metadata(metadata),
            if_absent=if_absent,
            if_match=if_match,
        )
