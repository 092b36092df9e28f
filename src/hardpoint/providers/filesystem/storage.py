"""A folder as storage."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar, final

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.effects import Ids
from hardpoint.core.errors import UnsupportedError
from hardpoint.core.identifiers import Uuid7
from hardpoint.providers.filesystem import Filesystem, listing
from hardpoint.providers.filesystem.calls import FolderCalls
from hardpoint.providers.filesystem.errors import problem
from hardpoint.providers.filesystem.folder import Folder
from hardpoint.providers.filesystem.paths import checked
from hardpoint.providers.filesystem.signing import UrlSigner
from hardpoint.storage.driver import StorageCapability, Take
from hardpoint.storage.types import (
    NewObject,
    ObjectInfo,
    ObjectPage,
    Piece,
    PostPolicy,
    SignedPost,
    SignedUse,
)

_SIGNED = {StorageCapability.SIGN_URL, StorageCapability.SIGN_CONTENT_TYPE}
_LIMITS = {"piece_bytes": 1024 * 1024, "pieces": 2**40, "expires_seconds": 7 * 24 * 3600}
_Result = TypeVar("_Result")


@final
class FilesystemStorage:
    """One folder.

    Args:
        calls: does the work.
        settings: which folder, and what signs URLs.
        ids: name what is being written.
        page: how many entries a page of a list has.
    """

    provider = "filesystem"

    def __init__(
        self, calls: FolderCalls, settings: Filesystem, ids: Ids | None = None, *, page: int = 1000
    ) -> None:
        self._calls = calls
        self._ids = ids or Uuid7()
        self._page = page
        self._signer = UrlSigner.of(settings)
        signs = _SIGNED if self._signer else set[StorageCapability]()
        self.capabilities = Capabilities(
            frozenset(signs), idempotency=Idempotency.NATIVE, limits=_LIMITS
        )

    async def put(self, new: NewObject, data: bytes) -> ObjectInfo:
        """Store it whole."""
        checked(new.key)
        part = self._ids()
        return await self._do(lambda folder: folder.put(new, part, data))

    async def start_upload(self, new: NewObject) -> str:
        """Make room for it."""
        checked(new.key)
        part = self._ids()
        await self._do(lambda folder: folder.begin(part))
        return part

    async def upload_piece(
        self, new: NewObject, upload: str, number: int, offset: int, data: bytes
    ) -> str:
        """Write it where it belongs."""
        await self._do(lambda folder: folder.write(upload, offset, data))
        return str(number)

    async def finish_upload(
        self, new: NewObject, upload: str, receipts: Sequence[str], size: int
    ) -> ObjectInfo:
        """Let it take its place."""
        return await self._do(lambda folder: folder.commit(new, upload))

    async def abort_upload(self, new: NewObject, upload: str) -> None:
        """Forget it."""
        await self._do(lambda folder: folder.discard(upload))

    async def read(self, key: str, *, start: int, length: int, etag: str | None) -> Piece:
        """Some of its bytes."""
        checked(key)
        return await self._do(lambda folder: folder.read(key, start, length, etag))

    async def download(
        self, key: str, *, start: int, length: int, etag: str | None, take: Take
    ) -> ObjectInfo:
        """Some of its bytes; a piece of a folder is small."""
        piece = await self.read(key, start=start, length=length, etag=etag)
        await take(piece.data)
        return piece.info

    async def head(self, key: str) -> ObjectInfo:
        """What is known of it."""
        checked(key)
        return await self._do(lambda folder: folder.head(key))

    async def delete(self, key: str) -> None:
        """See that there is none."""
        checked(key)
        await self._do(lambda folder: folder.delete(key))

    async def copy(self, source: str, target: str) -> None:
        """Store it under another key too."""
        checked(source, field="source")
        checked(target, field="target")
        part = self._ids()
        await self._do(lambda folder: folder.copy(source, target, part))

    async def list_page(
        self, *, prefix: str, delimiter: str | None, cursor: str | None
    ) -> ObjectPage:
        """A page of what starts with a prefix."""
        read = partial(
            listing.page, prefix=prefix, delimiter=delimiter, cursor=cursor, most=self._page
        )
        return await self._do(lambda folder: read(folder.path))

    async def sign_url(self, use: SignedUse, *, now: float) -> str:
        """A URL that `FileServer` serves."""
        if self._signer is None:
            raise UnsupportedError("Set secret and public_url to sign URLs; nothing was done")
        return self._signer.url(
            checked(use.key),
            method=use.method,
            until=int(now) + use.expires,
            content_type=use.content_type,
        )

    async def sign_post(self, policy: PostPolicy, *, now: float, expires: int) -> SignedPost:
        """There is none; sign a URL for `PUT`."""
        raise UnsupportedError("A folder takes no forms; nothing was done")

    async def _do(self, work: Callable[[Folder], _Result]) -> _Result:
        try:
            return await self._calls.do(work)
        except OSError as error:
            raise problem(error) from error
