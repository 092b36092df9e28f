"""What a provider's storage must offer: one attempt each, errors mapped, nothing decided."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.storage.types import (
    NewObject,
    ObjectInfo,
    ObjectPage,
    Piece,
    PostPolicy,
    SignedPost,
    SignedUse,
)

Take = Callable[[bytes], Awaitable[None]]
"""Takes the next bytes of an object; the driver waits for it, and so does the provider."""


class StorageCapability(StrEnum):
    """What not every provider can do."""

    SIGN_URL = "sign_url"
    """Whoever holds a signed URL may do one thing to one object, for a while."""
    SIGN_POST = "sign_post"
    """A browser's form may store one object, of a bounded size."""
    SIGN_CONTENT_TYPE = "sign_content_type"
    """A signed URL for `PUT` says which content type must be sent."""
    SIGN_FILENAME = "sign_filename"
    """A signed URL for `GET` says by which name a browser keeps what it gets."""
    SIGN_CACHE_CONTROL = "sign_cache_control"
    """A signed URL for `GET` says how long the answer may be kept."""


class StorageDriver(Driver, Protocol):
    """A provider's objects; what is written is checked by the port, keys among it.

    A key that is read, copied or deleted may be as others have written it (`known_key`).

    Limits read by the port: `piece_bytes` (what one `put` or `upload_piece` carries, and one `read`
    gives, or one `download`), `pieces`, `expires_seconds`.
    """

    async def put(self, new: NewObject, data: bytes) -> ObjectInfo:
        """Store it whole, or not at all.

        Raises:
            AlreadyExistsError: there is one, and `if_absent`.
            PreconditionFailedError: it is not the version `if_match`.
        """
        ...

    async def start_upload(self, new: NewObject) -> str:
        """Begin an object that comes in pieces; the upload's id. Nothing can be seen of it yet."""
        ...

    async def upload_piece(
        self, new: NewObject, upload: str, number: int, offset: int, data: bytes
    ) -> str:
        """Hand over piece `number` (from 1), all but the last of the same size; its receipt."""
        ...

    async def finish_upload(
        self, new: NewObject, upload: str, receipts: Sequence[str], size: int
    ) -> ObjectInfo:
        """Let the object be there, whole.

        Raises:
            AlreadyExistsError, PreconditionFailedError: as `put` does.
            NotFoundError: there is no such upload; it may have been finished.
        """
        ...

    async def abort_upload(self, new: NewObject, upload: str) -> None:
        """Forget the pieces; of an upload that is not known there are none."""
        ...

    async def read(self, key: str, *, start: int, length: int, etag: str | None) -> Piece:
        """Up to `length` bytes from `start` on, fewer only at the end.

        Raises:
            NotFoundError: there is none.
            PreconditionFailedError: it is not the version `etag` any more.
        """
        ...

    async def download(
        self, key: str, *, start: int, length: int, etag: str | None, take: Take
    ) -> ObjectInfo:
        """The same bytes, handed to `take` as they come: no more of them than a few in memory.

        Raises:
            NotFoundError, PreconditionFailedError: as `read` does; nothing was taken.
        """
        ...

    async def head(self, key: str) -> ObjectInfo:
        """What is known of it.

        Raises:
            NotFoundError: there is none.
        """
        ...

    async def delete(self, key: str) -> None:
        """See that there is none."""
        ...

    async def copy(self, source: str, target: str) -> None:
        """Store it under another key too, with its content type and metadata.

        Raises:
            NotFoundError: there is no source.
        """
        ...

    async def list_page(
        self, *, prefix: str, delimiter: str | None, cursor: str | None
    ) -> ObjectPage:
        """A page of what starts with a prefix, in the order of the keys' bytes."""
        ...

    async def sign_url(self, use: SignedUse, *, now: float) -> str:
        """A URL that does this to the object until so many seconds from now."""
        ...

    async def sign_post(self, policy: PostPolicy, *, now: float, expires: int) -> SignedPost:
        """A form that stores the object within so many seconds."""
        ...
