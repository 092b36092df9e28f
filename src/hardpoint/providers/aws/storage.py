"""S3 over REST: objects of one bucket, large ones in parts, reads in ranges."""

from collections.abc import Sequence
from typing import Any, final
from urllib.parse import urlsplit

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    PreconditionFailedError,
    ProviderError,
)
from hardpoint.http.messages import Response, StreamingTransport
from hardpoint.http.xml_api import XmlApi, XmlUnreadableError
from hardpoint.providers.aws import S3, wire
from hardpoint.providers.aws.credentials import AwsSigners
from hardpoint.providers.aws.errors import ERRORS
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

PIECE_BYTES = 8 * 1024 * 1024
"""A part has 5 MiB at least and an upload 10,000 parts at most, so an object 78 GiB."""

_RAW = (("response-content-encoding", "identity"),)
"""An object may have been stored by others with an encoding; its bytes are wanted as they are."""


@final
class S3Storage:
    """One bucket.

    Args:
        transport: how requests are sent.
        settings: which bucket.
        clock: its time is signed.
        page: how many entries a page of a list has, 1000 at most.
    """

    provider = "aws"
    capabilities = Capabilities(
        frozenset(StorageCapability),
        idempotency=Idempotency.NATIVE,
        limits={"piece_bytes": PIECE_BYTES, "pieces": 10_000, "expires_seconds": 7 * 24 * 3600},
    )

    def __init__(
        self,
        transport: StreamingTransport,
        settings: S3,
        clock: Clock | None = None,
        *,
        page: int = 1000,
    ) -> None:
        self._page = page
        self._base = settings.base_url
        self._bucket = settings.bucket
        clock = clock or SystemClock()
        self._signers = AwsSigners(settings, "s3", clock, region=settings.region, path_as_sent=True)
        self._api = XmlApi(transport, self._signers, ERRORS, clock)

    async def put(self, new: NewObject, data: bytes) -> ObjectInfo:
        """Store it whole."""
        headers = (*_described(new), *_conditions(new))
        try:
            reply = await self._api.send("PUT", self._url(new.key), headers=headers, body=data)
        except ProviderError as error:
            raise _conditional(new, error) from error
        return self._written(new, self._etag(reply), len(data))

    async def start_upload(self, new: NewObject) -> str:
        """`CreateMultipartUpload`."""
        reply = await self._api.send(
            "POST", self._url(new.key), query=[("uploads", "")], headers=_described(new)
        )
        upload = self._api.document(reply, "InitiateMultipartUploadResult").text("UploadId")
        if not upload:
            raise self._api.unexpected(reply)
        return upload

    async def upload_piece(
        self, new: NewObject, upload: str, number: int, offset: int, data: bytes
    ) -> str:
        """`UploadPart`."""
        reply = await self._api.send(
            "PUT",
            self._url(new.key),
            query=[("partNumber", str(number)), ("uploadId", upload)],
            body=data,
        )
        return self._etag(reply)

    async def finish_upload(
        self, new: NewObject, upload: str, receipts: Sequence[str], size: int
    ) -> ObjectInfo:
        """`CompleteMultipartUpload`."""
        try:
            reply = await self._api.send(
                "POST",
                self._url(new.key),
                query=[("uploadId", upload)],
                headers=(("content-type", "application/xml"), *_conditions(new)),
                body=wire.completion(receipts),
            )
            document = self._api.document(reply, "CompleteMultipartUploadResult")
        except ProviderError as error:
            if error.vendor_code == "ConditionalRequestConflict":  # the upload is lost with it
                raise ConflictError(
                    "another write to the key was under way; upload it again",
                    status=error.status,
                    vendor_code=error.vendor_code,
                    request_id=error.request_id,
                ) from error
            raise _conditional(new, error) from error
        etag = document.text("ETag")
        if not etag:
            raise self._api.unexpected(reply)
        return self._written(new, etag, size)

    async def abort_upload(self, new: NewObject, upload: str) -> None:
        """`AbortMultipartUpload`."""
        try:
            await self._api.send("DELETE", self._url(new.key), query=[("uploadId", upload)])
        except NotFoundError:
            return

    async def read(self, key: str, *, start: int, length: int, etag: str | None) -> Piece:
        """`GetObject` with a range."""
        data = bytearray()

        async def take(some: bytes) -> None:
            data.extend(some)

        info = await self.download(key, start=start, length=length, etag=etag, take=take)
        return Piece(info=info, data=bytes(data))

    async def download(
        self, key: str, *, start: int, length: int, etag: str | None, take: Take
    ) -> ObjectInfo:
        """The same as it comes. An empty object has no range, and says so with 416."""
        headers = [("range", f"bytes={start}-{start + length - 1}")]
        if etag is not None:
            headers.append(("if-match", etag))
        url, taken = self._url(key), 0
        try:
            async with self._api.stream(
                "GET", url, query=_RAW, headers=headers, bytes_max=length
            ) as reply:
                answer = Response(status=reply.status, headers=reply.headers, body=b"")
                async for some in reply:
                    taken += len(some)
                    await take(some)
        except ProviderError as error:
            if error.status == 416 and start == 0:
                return await self.head(key)
            raise
        try:
            whole = answer.headers.get("content-range")
            return wire.info(key, taken if whole is None else wire.size_of(whole), answer.headers)
        except XmlUnreadableError as error:
            raise self._api.unexpected(answer) from error

    async def head(self, key: str) -> ObjectInfo:
        """`HeadObject`."""
        reply = await self._api.send("HEAD", self._url(key))
        length = reply.headers.get("content-length", "")
        if not length.isdecimal():
            raise self._api.unexpected(reply)
        try:
            return wire.info(key, int(length), reply.headers)
        except XmlUnreadableError as error:
            raise self._api.unexpected(reply) from error

    async def delete(self, key: str) -> None:
        """`DeleteObject`, which does not tell whether there was one."""
        await self._api.send("DELETE", self._url(key))

    async def copy(self, source: str, target: str) -> None:
        """`CopyObject`."""
        headers = (("x-amz-copy-source", f"/{self._bucket}/{wire.encoded(source)}"),)
        reply = await self._api.send("PUT", self._url(target), headers=headers)
        if not self._api.document(reply, "CopyObjectResult").text("ETag"):
            raise self._api.unexpected(reply)

    async def list_page(
        self, *, prefix: str, delimiter: str | None, cursor: str | None
    ) -> ObjectPage:
        """`ListObjectsV2`."""
        query = [
            ("list-type", "2"),
            ("encoding-type", "url"),
            ("max-keys", str(self._page)),
            ("prefix", prefix),
        ]
        if delimiter is not None:
            query.append(("delimiter", delimiter))
        if cursor is not None:
            query.append(("continuation-token", cursor))
        reply = await self._api.send("GET", self._bucket_url, query=query)
        document = self._api.document(reply, "ListBucketResult")
        try:
            return wire.page(document)
        except XmlUnreadableError as error:
            raise self._api.unexpected(reply) from error

    async def sign_url(self, use: SignedUse, *, now: float) -> str:
        """A presigned URL; the content type is signed with it, so it must be sent as given."""
        headers = {} if use.content_type is None else {"content-type": use.content_type}
        signer = await self._signers.current()
        return signer.url(
            use.method,
            self._url(use.key),
            now=now,
            expires=use.expires,
            headers=headers,
            query=wire.answered(use),
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
        signer = await self._signers.current()
        signed = signer.post(fields, conditions, now=now, expires=expires)
        return SignedPost(url=self._bucket_url, fields=signed)

    def _url(self, key: str) -> str:
        return f"{self._base}/{wire.encoded(key)}"

    @property
    def _bucket_url(self) -> str:
        return self._base if urlsplit(self._base).path else f"{self._base}/"

    def _etag(self, reply: Response) -> str:
        etag = reply.headers.get("etag")
        if not etag:
            raise self._api.unexpected(reply)
        return etag

    def _written(self, new: NewObject, etag: str, size: int) -> ObjectInfo:
        return ObjectInfo(
            key=new.key,
            size=size,
            etag=etag,
            content_type=new.content_type,
            metadata=new.metadata,
        )


def _described(new: NewObject) -> tuple[tuple[str, str], ...]:
    metadata = ((f"{wire.METADATA}{name}", value) for name, value in new.metadata.items())
    return (("content-type", new.content_type), *metadata)


def _conditions(new: NewObject) -> tuple[tuple[str, str], ...]:
    if new.if_absent:
        return (("if-none-match", "*"),)
    return () if new.if_match is None else (("if-match", new.if_match),)


def _conditional(new: NewObject, error: ProviderError) -> ProviderError:
    """What an error means to a write that had a condition."""
    facts: dict[str, Any] = {
        "status": error.status,
        "vendor_code": error.vendor_code,
        "request_id": error.request_id,
    }
    if new.if_absent and isinstance(error, PreconditionFailedError):
        return AlreadyExistsError(**facts)
    if new.if_match is not None and error.vendor_code == "NoSuchKey":
        return PreconditionFailedError(**facts)
    return error
