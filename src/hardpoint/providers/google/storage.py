"""Cloud Storage over its JSON API: objects of one bucket, large ones in pieces, reads in ranges.

A piece of an upload has a multiple of 256 KiB, unless it is the last one, and a driver does not
know which that is: what a piece has beyond goes with its receipt, and is sent when the upload ends.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final, final
from urllib.parse import quote, urlsplit

import msgspec

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionFailedError,
    ProviderError,
    UnavailableError,
    UnexpectedResponseError,
    UnsupportedError,
)
from hardpoint.core.identifiers import Uuid7
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.http.messages import Response, StreamingTransport
from hardpoint.providers.google import wire
from hardpoint.providers.google.bucket import CloudStorage
from hardpoint.providers.google.credentials import GoogleTokens
from hardpoint.providers.google.errors import ERRORS
from hardpoint.providers.google.signing import BucketSigner, IamSigner, KeySigner
from hardpoint.providers.google.storage_api import StorageApi
from hardpoint.runtime.clocks import SystemClock
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

PIECE_BYTES: Final = 8 * 1024 * 1024
UNIT_BYTES: Final = 256 * 1024
"""A piece that is not the last one has a multiple of these."""

_SIGNED: Final = frozenset(
    {
        StorageCapability.SIGN_URL,
        StorageCapability.SIGN_POST,
        StorageCapability.SIGN_CONTENT_TYPE,
        StorageCapability.SIGN_FILENAME,
    }
)
_GONE: Final = {404, 410}
_COPIES_MOST: Final = 10_000
_HASHES_MOST: Final = 1000
"""Uploads under way whose bytes are compared at the end."""


@final
class UploadHash:
    """What the bytes of an upload add up to, by which the vendor notices damage on the way."""

    def __init__(self) -> None:
        self._hash = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def take(self, offset: int, data: bytes) -> None:
        """The next bytes; those of a piece that is sent again are in it already."""
        if offset == self.size:
            self._hash.update(data)
            self.size += len(data)

    def text(self) -> str:
        """As the vendor writes it."""
        return b64encode(self._hash.digest()).decode("ascii")


@final
class GoogleStorage:
    """One bucket.

    Args:
        transport: how requests are sent.
        settings: which bucket, and who asks.
        clock: how long tokens last.
        ids: separate what is sent from what is said of it.
        page: how many entries a page of a list has, 1000 at most.
    """

    provider = "google"
    capabilities = Capabilities(
        _SIGNED,
        idempotency=Idempotency.NATIVE,
        limits={"piece_bytes": PIECE_BYTES, "pieces": 655_360, "expires_seconds": 7 * 24 * 3600},
    )

    def __init__(
        self,
        transport: StreamingTransport,
        settings: CloudStorage,
        clock: Clock | None = None,
        ids: Ids | None = None,
        *,
        page: int = 1000,
    ) -> None:
        self._ids = ids or Uuid7()
        self._page = page
        self._bucket = settings.bucket
        self._host = urlsplit(settings.base_url).netloc
        self._objects = f"{settings.base_url}/storage/v1/b/{settings.bucket}/o"
        self._uploads = f"{settings.base_url}/upload/storage/v1/b/{settings.bucket}/o"
        self._bucket_url = f"{settings.base_url}/{settings.bucket}"
        self._api = StorageApi(transport, _authorization(settings, clock or SystemClock()))
        self._hashes: dict[str, UploadHash] = {}
        self._signer: BucketSigner | None = None
        if settings.signer is not None:
            self._signer = BucketSigner(IamSigner(self._api, settings.signer), self._bucket_url)
        elif isinstance(settings.credentials, Secret):
            self._signer = BucketSigner(KeySigner(settings.credentials), self._bucket_url)
        else:  # what could sign is not known before it is asked for
            self.capabilities = Capabilities(
                frozenset(),
                idempotency=Idempotency.NATIVE,
                limits=self.capabilities.limits,
            )

    async def put(self, new: NewObject, data: bytes) -> ObjectInfo:
        """`Objects: insert`, what is said of it and its bytes in one body."""
        digest = UploadHash()
        digest.take(0, data)
        described = msgspec.json.encode(wire.described(new, md5Hash=digest.text()))
        edge = f"hardpoint-{self._ids()}".encode()
        body = b"".join(
            [
                b"--%b\r\ncontent-type: application/json; charset=utf-8\r\n\r\n" % edge,
                described,
                b"\r\n--%b\r\ncontent-type: %b\r\n\r\n" % (edge, new.content_type.encode()),
                data,
                b"\r\n--%b--\r\n" % edge,
            ]
        )
        kind = f"multipart/related; boundary={edge.decode()}"
        try:
            reply = await self._api.send(
                "POST",
                self._uploads,
                query=[("uploadType", "multipart"), *wire.condition(new)],
                headers=(("content-type", kind),),
                body=body,
            )
        except ProviderError as error:
            raise _conditional(new, error) from error
        return _just_written(self._facts(reply))

    async def start_upload(self, new: NewObject) -> str:
        """A resumable upload; its address, which nobody else knows."""
        try:
            reply = await self._api.send(
                "POST",
                self._uploads,
                query=[("uploadType", "resumable"), *wire.condition(new)],
                headers=(
                    ("content-type", "application/json; charset=utf-8"),
                    ("x-upload-content-type", new.content_type),
                ),
                body=msgspec.json.encode(wire.described(new)),
            )
        except ProviderError as error:  # the condition is looked at here already
            raise _conditional(new, error) from error
        address = reply.headers.get("location", "")
        if urlsplit(address).netloc != self._host:
            raise ERRORS.unreadable(reply)
        while len(self._hashes) >= _HASHES_MOST:
            del self._hashes[next(iter(self._hashes))]
        self._hashes[address] = UploadHash()
        return address

    async def upload_piece(
        self, new: NewObject, upload: str, number: int, offset: int, data: bytes
    ) -> str:
        """Its bytes, up to a multiple of 256 KiB; the rest is the receipt."""
        whole = len(data) - len(data) % UNIT_BYTES
        if whole:
            span = f"bytes {offset}-{offset + whole - 1}/*"
            reply = await self._api.send(
                "PUT",
                upload,
                headers=(("content-range", span),),
                body=data[:whole],
                success={308},
            )
            kept = reply.headers.get("range", "").rpartition("-")[2]
            if not kept.isdecimal() or int(kept) < offset + whole - 1:
                raise UnavailableError("only some of a piece was kept", status=reply.status)
        if (hashed := self._hashes.get(upload)) is not None:
            hashed.take(offset, data)
        return b64encode(data[whole:]).decode("ascii")

    async def finish_upload(
        self, new: NewObject, upload: str, receipts: Sequence[str], size: int
    ) -> ObjectInfo:
        """The rest of the last piece, and with it how long the object is, and its hash."""
        rest = b64decode(receipts[-1])
        span = f"bytes {size - len(rest)}-{size - 1}/{size}" if rest else f"bytes */{size}"
        headers = [("content-range", span)]
        hashed = self._hashes.get(upload)
        digest = hashed.text() if hashed is not None and hashed.size == size else None
        if digest is not None:
            headers.append(("x-goog-hash", f"md5={digest}"))
        try:
            reply = await self._api.send(
                "PUT", upload, headers=headers, body=rest, success={200, 201}
            )
        except ProviderError as error:
            raise _conditional(new, error) from error
        facts = self._api.read(reply, wire.StoredFacts)
        if digest is not None and facts.md5_hash not in {None, digest}:
            raise UnexpectedResponseError(
                "what was stored is not what was sent: write it again",
                provider=self.provider,
                status=reply.status,
                outcome_known=True,
            )
        self._hashes.pop(upload, None)
        return _just_written(self._facts(reply))

    async def abort_upload(self, new: NewObject, upload: str) -> None:
        """The vendor says 499 to that."""
        self._hashes.pop(upload, None)
        await self._api.send("DELETE", upload, success={204, 499, *_GONE})

    async def read(self, key: str, *, start: int, length: int, etag: str | None) -> Piece:
        """Some of its bytes."""
        data = bytearray()

        async def take(some: bytes) -> None:
            data.extend(some)

        info = await self.download(key, start=start, length=length, etag=etag, take=take)
        return Piece(info=info, data=bytes(data))

    async def download(
        self, key: str, *, start: int, length: int, etag: str | None, take: Take
    ) -> ObjectInfo:
        """What is known of it, and then its bytes as they come, of that very version."""
        info: ObjectInfo | None = None
        if etag is None:
            info = await self.head(key)
            if start >= info.size:
                return info
        version = wire.generation(etag or (info.etag if info else ""))
        query = [("alt", "media"), ("ifGenerationMatch", version)]
        # What others have stored in gzip comes as it is stored only to those who take gzip.
        headers = (
            ("accept-encoding", "gzip"),
            ("range", f"bytes={start}-{start + length - 1}"),
        )
        async with self._api.stream(
            self._url(key), query=query, headers=headers, bytes_max=length
        ) as reply:
            answer = Response(status=reply.status, headers=reply.headers, body=b"")
            async for some in reply:
                await take(some)
        try:
            return info or wire.piece_info(key, answer.headers)
        except (ValueError, ProviderError) as error:
            raise ERRORS.unreadable(answer) from error

    async def head(self, key: str) -> ObjectInfo:
        """`Objects: get`."""
        return self._facts(await self._api.send("GET", self._url(key)))

    async def delete(self, key: str) -> None:
        """`Objects: delete`."""
        try:
            await self._api.send("DELETE", self._url(key), success={200, 204})
        except NotFoundError:
            return

    async def copy(self, source: str, target: str) -> None:
        """`Objects: rewrite`, which may have to be asked to go on."""
        url = f"{self._url(source)}/rewriteTo/b/{self._bucket}/o/{_encoded(target)}"
        query: list[tuple[str, str]] = []
        for _ in range(_COPIES_MOST):
            rewritten = await self._api.ask("POST", url, wire.Rewritten, query=query, document=None)
            if rewritten.done or not rewritten.rewrite_token:
                return
            query = [("rewriteToken", rewritten.rewrite_token)]
        raise UnavailableError("it is being copied")

    async def list_page(
        self, *, prefix: str, delimiter: str | None, cursor: str | None
    ) -> ObjectPage:
        """`Objects: list`."""
        asked = {"prefix": prefix or None, "delimiter": delimiter, "pageToken": cursor}
        query = [("maxResults", str(self._page))]
        query += [(name, value) for name, value in asked.items() if value is not None]
        reply = await self._api.send("GET", self._objects, query=query)
        return self._api.read(reply, wire.Listed).page()

    async def sign_url(self, use: SignedUse, *, now: float) -> str:
        """A V4 signature; the content type is signed with it, so it must be sent as given."""
        headers = {} if use.content_type is None else {"content-type": use.content_type}
        query = {} if use.disposition is None else {"response-content-disposition": use.disposition}
        return await self._signing().url(
            use.method, use.key, now=now, expires=use.expires, headers=headers, query=query
        )

    async def sign_post(self, policy: PostPolicy, *, now: float, expires: int) -> SignedPost:
        """A form with a signed policy."""
        stored = {} if policy.content_type is None else {"Content-Type": policy.content_type}
        conditions: list[Any] = [
            ["content-length-range", policy.size_min, policy.size_max],
            *([stored] if stored else []),
            {"bucket": self._bucket},
            {"key": policy.key},
        ]
        fields = {"key": policy.key, **stored}
        signed = await self._signing().post(fields, conditions, now=now, expires=expires)
        return SignedPost(url=f"{self._bucket_url}/", fields=signed)

    def _signing(self) -> BucketSigner:
        if self._signer is None:
            raise UnsupportedError("Nobody is named who signs: set signer; nothing was sent")
        return self._signer

    def _url(self, key: str) -> str:
        return f"{self._objects}/{_encoded(key)}"

    def _facts(self, reply: Response) -> ObjectInfo:
        facts = self._api.read(reply, wire.StoredFacts)
        try:
            return facts.info()
        except ValueError as error:
            raise ERRORS.unreadable(reply) from error


def _authorization(settings: CloudStorage, clock: Clock) -> Authorization:
    if settings.credentials is not None:
        return GoogleTokens(settings.credentials, clock, token_url=settings.token_url)
    from hardpoint.http.auth import Unproven  # an emulator asks for nothing

    return Unproven()


def _just_written(info: ObjectInfo) -> ObjectInfo:
    return msgspec.structs.replace(info, modified=None)


def _encoded(key: str) -> str:
    return quote(key, safe="")


def _conditional(new: NewObject, error: ProviderError) -> ProviderError:
    """What an error means to a write that must not replace anything."""
    if not new.if_absent or not isinstance(error, PreconditionFailedError):
        return error
    return AlreadyExistsError(
        status=error.status, vendor_code=error.vendor_code, request_id=error.request_id
    )
