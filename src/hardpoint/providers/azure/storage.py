"""Blob storage over REST: block blobs of one container, large ones in blocks, reads in ranges.

There is no handle for an upload: its blocks bear its id in their names, and are put together by
naming them. A write to the same key in between throws them away, which the vendor tells then.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Final, final
from urllib.parse import quote

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.errors import (
    NotFoundError,
    PreconditionFailedError,
    ProviderError,
    UnavailableError,
    UnsupportedError,
)
from hardpoint.core.identifiers import Uuid7
from hardpoint.http.messages import Response, StreamingTransport
from hardpoint.http.xml_api import RequestSigner, XmlApi, XmlUnreadableError
from hardpoint.providers.azure import AzureBlob, sas_pairs, wire
from hardpoint.providers.azure.credentials import STORAGE, EntraApp, EntraTokens
from hardpoint.providers.azure.errors import ERRORS
from hardpoint.providers.azure.proofs import SharedKey, SharedSignature, TokenProof
from hardpoint.providers.azure.sharing import BlobSharing
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
"""A block has 4000 MiB at most and a blob 50,000 blocks, so an object 390 GiB."""

_SIGNED: Final = frozenset(
    {
        StorageCapability.SIGN_URL,
        StorageCapability.SIGN_FILENAME,
        StorageCapability.SIGN_CACHE_CONTROL,
    }
)
_LIMITS: Final = {
    "piece_bytes": PIECE_BYTES,
    "pieces": 50_000,
    "expires_seconds": 7 * 24 * 3600,
}


@final
class AzureStorage:
    """One container.

    Args:
        transport: how requests are sent.
        settings: which container, and who asks.
        clock: its time is signed.
        ids: name what is being uploaded.
        page: how many entries a page of a list has, 5000 at most.
    """

    provider = "azure"
    capabilities = Capabilities(_SIGNED, idempotency=Idempotency.NATIVE, limits=_LIMITS)

    def __init__(
        self,
        transport: StreamingTransport,
        settings: AzureBlob,
        clock: Clock | None = None,
        ids: Ids | None = None,
        *,
        page: int = 5000,
    ) -> None:
        clock = clock or SystemClock()
        self._ids = ids or Uuid7()
        self._page = page
        self._container_url = f"{settings.base_url}/{settings.container}"
        self._sas = [] if settings.sas is None else sas_pairs(settings.sas)
        self._api = XmlApi(transport, _proof(settings, clock), ERRORS, clock)
        self._sharing: BlobSharing | None = None
        if settings.sas is None:
            self._sharing = BlobSharing(settings, self._api, clock)
        else:  # who has a signature can make no other
            self.capabilities = Capabilities(
                frozenset(), idempotency=Idempotency.NATIVE, limits=_LIMITS
            )

    async def put(self, new: NewObject, data: bytes) -> ObjectInfo:
        """`Put Blob`."""
        wire.checked(new.key)
        headers = (
            ("x-ms-blob-type", "BlockBlob"),
            ("content-md5", _digest(data)),
            *wire.described(new),
            *wire.conditions(new),
        )
        try:
            reply = await self._send("PUT", new.key, headers=headers, body=data)
        except ProviderError as error:
            raise _conditional(new, error) from error
        return self._written(new, reply, len(data))

    async def start_upload(self, new: NewObject) -> str:
        """The id that its blocks bear; nothing is sent."""
        wire.checked(new.key)
        return self._ids()

    async def upload_piece(
        self, new: NewObject, upload: str, number: int, offset: int, data: bytes
    ) -> str:
        """`Put Block`."""
        block = b64encode(f"{upload}-{number:06d}".encode()).decode("ascii")
        await self._send(
            "PUT",
            new.key,
            query=[("comp", "block"), ("blockid", block)],
            headers=(("content-md5", _digest(data)),),
            body=data,
        )
        return block

    async def finish_upload(
        self, new: NewObject, upload: str, receipts: Sequence[str], size: int
    ) -> ObjectInfo:
        """`Put Block List`; a repeat names the same blocks, which are there by then."""
        try:
            reply = await self._send(
                "PUT",
                new.key,
                query=[("comp", "blocklist")],
                headers=(
                    ("content-type", "application/xml"),
                    *wire.described(new),
                    *wire.conditions(new),
                ),
                body=wire.block_list(receipts),
            )
        except ProviderError as error:
            raise _conditional(new, error) from error
        return self._written(new, reply, size)

    async def abort_upload(self, new: NewObject, upload: str) -> None:
        """Nothing: blocks that nobody puts together go after a week."""

    async def read(self, key: str, *, start: int, length: int, etag: str | None) -> Piece:
        """`Get Blob` with a range."""
        data = bytearray()

        async def take(some: bytes) -> None:
            data.extend(some)

        info = await self.download(key, start=start, length=length, etag=etag, take=take)
        return Piece(info=info, data=bytes(data))

    async def download(
        self, key: str, *, start: int, length: int, etag: str | None, take: Take
    ) -> ObjectInfo:
        """The same as it comes. An empty blob has no range, and says so with 416."""
        # Others may have stored it with an encoding; its bytes are wanted as they are.
        headers = [
            ("accept-encoding", "identity"),
            ("x-ms-range", f"bytes={start}-{start + length - 1}"),
        ]
        if etag is not None:
            headers.append(("if-match", etag))
        taken = 0
        try:
            async with self._api.stream(
                "GET", self._url(key), query=self._sas, headers=headers, bytes_max=length
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
            return wire.info(key, wire.size_of(answer.headers, taken), answer.headers)
        except XmlUnreadableError as error:
            raise self._api.unexpected(answer) from error

    async def head(self, key: str) -> ObjectInfo:
        """`Get Blob Properties`."""
        reply = await self._send("HEAD", key)
        length = reply.headers.get("content-length", "")
        if not length.isdecimal():
            raise self._api.unexpected(reply)
        try:
            return wire.info(key, int(length), reply.headers)
        except XmlUnreadableError as error:
            raise self._api.unexpected(reply) from error

    async def delete(self, key: str) -> None:
        """`Delete Blob`, its snapshots too."""
        try:
            await self._send("DELETE", key, headers=(("x-ms-delete-snapshots", "include"),))
        except NotFoundError as error:
            if error.vendor_code != "BlobNotFound":
                raise

    async def copy(self, source: str, target: str) -> None:
        """`Copy Blob`, which is done at once within an account."""
        wire.checked(target, field="target")
        url = self._url(source)
        if self._sas:
            url += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in self._sas)
        reply = await self._send("PUT", target, headers=(("x-ms-copy-source", url),))
        if reply.headers.get("x-ms-copy-status") != "success":
            raise UnavailableError("it is being copied", status=reply.status)

    async def list_page(
        self, *, prefix: str, delimiter: str | None, cursor: str | None
    ) -> ObjectPage:
        """`List Blobs`."""
        query = [("restype", "container"), ("comp", "list"), ("maxresults", str(self._page))]
        asked = {"prefix": prefix or None, "delimiter": delimiter, "marker": cursor}
        query += [(name, value) for name, value in asked.items() if value is not None]
        reply = await self._api.send("GET", self._container_url, query=[*query, *self._sas])
        document = self._api.document(reply, "EnumerationResults")
        try:
            return wire.page(document)
        except XmlUnreadableError as error:
            raise self._api.unexpected(reply) from error

    async def sign_url(self, use: SignedUse, *, now: float) -> str:
        """A service signature, by the account's key or by one of the identity's."""
        if use.method == "PUT":
            wire.checked(use.key)
        if self._sharing is None:
            raise UnsupportedError("A signature signs nothing more; nothing was sent")
        return await self._sharing.url(use, now=now)

    async def sign_post(self, policy: PostPolicy, *, now: float, expires: int) -> SignedPost:
        """There is none; sign a URL for `PUT`."""
        raise UnsupportedError("Blob storage takes no forms; nothing was sent")

    async def _send(
        self,
        method: str,
        key: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response:
        return await self._api.send(
            method, self._url(key), query=[*query, *self._sas], headers=headers, body=body
        )

    def _url(self, key: str) -> str:
        return f"{self._container_url}/{quote(key, safe='/-_.~')}"

    def _written(self, new: NewObject, reply: Response, size: int) -> ObjectInfo:
        etag = reply.headers.get("etag")
        if not etag:
            raise self._api.unexpected(reply)
        return ObjectInfo(
            key=new.key,
            size=size,
            etag=etag,
            content_type=new.content_type,
            metadata=new.metadata,
        )


def _proof(settings: AzureBlob, clock: Clock) -> RequestSigner:
    if settings.account_key is not None:
        return SharedKey(settings.account, settings.account_key)
    if settings.sas is not None:
        return SharedSignature(settings.sas)
    app = EntraApp(
        tenant_id=settings.tenant_id,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        authority=settings.authority,
    )
    return TokenProof(EntraTokens(app, clock, scope=STORAGE))


def _digest(data: bytes) -> str:
    """By which the vendor notices damage on the way."""
    return b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")


def _conditional(new: NewObject, error: ProviderError) -> ProviderError:
    """A version that is to be replaced, and is not there at all, is another one."""
    if new.if_match is None or not isinstance(error, NotFoundError):
        return error
    if error.vendor_code != "BlobNotFound":
        return error
    return PreconditionFailedError(
        status=error.status, vendor_code=error.vendor_code, request_id=error.request_id
    )
