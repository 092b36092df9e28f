"""Storage in memory: the reference that says what every driver has to mean."""

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import final
from urllib.parse import quote, urlencode

import msgspec

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionFailedError,
)
from hardpoint.fakes.memory import MemoryAccount
from hardpoint.storage.driver import StorageCapability, Take
from hardpoint.storage.types import (
    NewObject,
    ObjectInfo,
    ObjectPage,
    Piece,
    PostPolicy,
    Prefix,
    SignedPost,
    SignedUse,
)

EXPIRES_SECONDS_MAX = 7 * 24 * 3600


@final
class MemoryStorage(MemoryAccount[object]):
    """A bucket that lives as long as this object.

    Args:
        now: Unix seconds.
        capabilities: what it can do; all, unless a test wants less.
        piece_bytes: how much goes at a time.
        page: how many entries a page of a list has.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        capabilities: AbstractSet[StorageCapability] = frozenset(StorageCapability),
        piece_bytes: int = 64 * 1024,
        page: int = 50,
    ) -> None:
        limits = {
            "piece_bytes": piece_bytes,
            "pieces": 10_000,
            "expires_seconds": EXPIRES_SECONDS_MAX,
        }
        super().__init__(capabilities, Idempotency.NATIVE, limits, now)
        self._page = page
        self._objects: dict[str, Piece] = {}
        self._uploads: dict[str, dict[int, bytes]] = {}
        self._count = 0

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The uploads that were neither finished nor aborted."""
        return tuple(self._uploads)

    async def put(self, new: NewObject, data: bytes) -> ObjectInfo:
        """Store it."""
        self.requests += 1
        return self._kept(new, data)

    async def start_upload(self, new: NewObject) -> str:
        """Begin an object that comes in pieces."""
        self.requests += 1
        upload = f"upload-{self._next()}"
        self._uploads[upload] = {}
        return upload

    async def upload_piece(
        self, new: NewObject, upload: str, number: int, offset: int, data: bytes
    ) -> str:
        """Keep a piece."""
        self.requests += 1
        self._upload(upload)[number] = data
        return str(number)

    async def finish_upload(
        self, new: NewObject, upload: str, receipts: Sequence[str], size: int
    ) -> ObjectInfo:
        """Put the pieces together."""
        self.requests += 1
        pieces = self._upload(upload)
        info = self._kept(new, b"".join(pieces[int(one)] for one in receipts))
        del self._uploads[upload]
        return info

    async def abort_upload(self, new: NewObject, upload: str) -> None:
        """Forget the pieces."""
        self.requests += 1
        self._uploads.pop(upload, None)

    async def read(self, key: str, *, start: int, length: int, etag: str | None) -> Piece:
        """Some of its bytes."""
        self.requests += 1
        piece = self._found(key)
        if etag not in {None, piece.info.etag}:
            raise PreconditionFailedError(status=412)
        return msgspec.structs.replace(piece, data=piece.data[start : start + length])

    async def download(
        self, key: str, *, start: int, length: int, etag: str | None, take: Take
    ) -> ObjectInfo:
        """Some of its bytes."""
        piece = await self.read(key, start=start, length=length, etag=etag)
        await take(piece.data)
        return piece.info

    async def head(self, key: str) -> ObjectInfo:
        """What is known of it."""
        self.requests += 1
        return self._found(key).info

    async def delete(self, key: str) -> None:
        """See that there is none."""
        self.requests += 1
        self._objects.pop(key, None)

    async def copy(self, source: str, target: str) -> None:
        """Store it under another key too."""
        self.requests += 1
        found = self._found(source)
        new = NewObject(
            key=target,
            content_type=found.info.content_type or "",
            metadata=found.info.metadata,
        )
        self._kept(new, found.data)

    async def list_page(
        self, *, prefix: str, delimiter: str | None, cursor: str | None
    ) -> ObjectPage:
        """A page, in the order of the keys' bytes."""
        self.requests += 1
        found: dict[str, ObjectInfo | Prefix] = {}
        for key in sorted(self._objects, key=str.encode):
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter is not None and delimiter in rest:
                name = prefix + rest.partition(delimiter)[0] + delimiter
                found[name] = Prefix(prefix=name)
            else:
                found[key] = _bare(self._objects[key].info)
        names = list(found)
        first = 0 if cursor is None else bisect_right(names, cursor.encode(), key=str.encode)
        page = names[first : first + self._page]
        more = len(names) > first + self._page
        return ObjectPage(
            entries=tuple(found[name] for name in page), cursor=page[-1] if more else None
        )

    async def sign_url(self, use: SignedUse, *, now: float) -> str:
        """A URL that nobody serves."""
        query = {"method": use.method, "until": int(now) + use.expires}
        told = {
            "type": use.content_type,
            "disposition": use.disposition,
            "cache": use.cache_control,
        }
        query |= {name: value for name, value in told.items() if value is not None}
        return f"https://memory.invalid/{quote(use.key)}?{urlencode(query)}"

    async def sign_post(self, policy: PostPolicy, *, now: float, expires: int) -> SignedPost:
        """A form that nobody takes."""
        fields = {"key": policy.key, "until": str(int(now) + expires)}
        if policy.content_type is not None:
            fields["Content-Type"] = policy.content_type
        return SignedPost(url="https://memory.invalid/", fields=fields)

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _found(self, key: str) -> Piece:
        if key not in self._objects:
            raise NotFoundError(status=404)
        return self._objects[key]

    def _upload(self, upload: str) -> dict[int, bytes]:
        if upload not in self._uploads:
            raise NotFoundError(status=404)
        return self._uploads[upload]

    def _kept(self, new: NewObject, data: bytes) -> ObjectInfo:
        known = self._objects.get(new.key)
        if new.if_absent and known is not None:
            raise AlreadyExistsError(status=412)
        if new.if_match is not None and (known is None or known.info.etag != new.if_match):
            raise PreconditionFailedError(status=412)
        info = ObjectInfo(
            key=new.key,
            size=len(data),
            etag=f'"{self._next()}"',
            modified=self._now(),
            content_type=new.content_type,
            metadata=new.metadata,
        )
        self._objects[new.key] = Piece(info=info, data=data)
        return msgspec.structs.replace(info, modified=None)


def _bare(info: ObjectInfo) -> ObjectInfo:
    return msgspec.structs.replace(info, content_type=None, metadata={})
