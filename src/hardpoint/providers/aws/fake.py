"""S3 as a fake: one bucket, strict about what it is sent, and about its signature.

Rules as https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
has them, read 2026-11-28. It keeps objects and uploads; what it does not know it refuses.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import final
from urllib.parse import quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape

from hardpoint.core.secrets import Secret
from hardpoint.fakes.fields import Fields
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.sigv4 import SIGV4_PARAMETERS, SigV4Doorkeeper
from hardpoint.fakes.vendors import VendorFacts
from hardpoint.http.xml_api import XmlDocument
from hardpoint.providers.aws import wire
from hardpoint.providers.aws.fake_bucket import Bucket, BucketRefusedError, HeldObject

ACCESS_KEY_ID = "AKIAFAKE"
SECRET_ACCESS_KEY = "fake-secret-access-key"  # noqa: S105 - it opens nothing but this fake
BUCKET = "fake-bucket"
REGION = "eu-central-1"

_XML = ("content-type", "application/xml")


@final
class FakeS3:
    """One bucket, by path: `/fake-bucket/key`.

    Args:
        now: Unix seconds.
    """

    name = "aws"

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.ledger = Ledger()
        """`object` for each that is new or other than before, `refusal` with its code."""
        self.facts = VendorFacts(
            settings={
                "bucket": BUCKET,
                "region": REGION,
                "access_key_id": ACCESS_KEY_ID,
                "secret_access_key": SECRET_ACCESS_KEY,
            },
            address="endpoint_url",
            instead=("session_token", "compatible_host"),
        )
        self.bucket = Bucket(self.ledger, now)
        self._now = now
        self._requests = 0
        self._doorkeeper = SigV4Doorkeeper(
            ACCESS_KEY_ID,
            Secret.value(SECRET_ACCESS_KEY),
            region=REGION,
            service="s3",
            path_as_sent=True,
            refuse=BucketRefusedError,
            now=now,
        )

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse as S3 does."""
        self._requests += 1
        identifier = ("x-amz-request-id", f"FAKE{self._requests:012d}")
        try:
            reply = self._routed(request)
        except BucketRefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            reply = _document("Error", Code=refused.code, Message="The fake refuses.")
            reply = FakeReply(status=refused.status, headers=reply.headers, body=reply.body)
        return FakeReply(status=reply.status, headers=(*reply.headers, identifier), body=reply.body)

    def _routed(self, request: Received) -> FakeReply:
        _, bucket, *rest = urlsplit(request.target).path.split("/", 2)
        key = unquote("".join(rest))
        query = {name: value for name, value in request.query() if name not in SIGV4_PARAMETERS}
        if bucket == BUCKET and not key and request.method == "POST" and not query:
            return self._posted(request)
        self._doorkeeper.check(request)
        if bucket != BUCKET:
            raise BucketRefusedError("NoSuchBucket", 404)
        if not key:
            return self._listed(request.method, query)
        return self._object(key, request, query)

    def _object(self, key: str, request: Received, query: Mapping[str, str]) -> FakeReply:
        match request.method, query:
            case "GET" | "HEAD", _:
                reply = self._read(key, request, query)
            case "PUT", {"partNumber": number, "uploadId": upload}:
                etag = self.bucket.take_part(upload, int(number), request.body)
                reply = FakeReply(headers=(("etag", etag),))
            case "PUT", {}:
                reply = self._stored(key, request)
            case "POST", {"uploads": ""}:
                reply = self._begun(key, request)
            case "POST", {"uploadId": upload}:
                reply = self._completed(key, upload, request)
            case "DELETE", {"uploadId": upload}:
                self.bucket.abort(upload)
                reply = FakeReply(status=204)
            case "DELETE", {}:
                self.bucket.delete(key)
                reply = FakeReply(status=204)
            case _:
                raise BucketRefusedError("MethodNotAllowed", 405)
        return reply

    def _posted(self, request: Received) -> FakeReply:
        """A browser's form, which proves itself."""
        try:
            fields, data = request.upload()
        except ValueError:
            raise BucketRefusedError("PreconditionFailed", 412) from None
        if data is None:
            raise BucketRefusedError("InvalidArgument", 400)
        self._doorkeeper.check_form(fields, len(data), BUCKET)
        held = HeldObject(
            data=data,
            content_type=fields.get("content-type", "binary/octet-stream"),
            metadata=_metadata(fields),
        )
        etag = self.bucket.store(fields["key"], held, {})
        return FakeReply(status=204, headers=(("etag", etag),))

    def _read(self, key: str, request: Received, query: Mapping[str, str]) -> FakeReply:
        held = self.bucket.held(key)
        if request.headers.get("if-match") not in {None, held.etag}:
            raise BucketRefusedError("PreconditionFailed", 412)
        headers = (
            ("etag", held.etag),
            ("last-modified", formatdate(held.modified, usegmt=True)),
            ("content-type", held.content_type),
            *_encoding(query.get("response-content-encoding") or held.content_encoding),
            *(
                (name.removeprefix("response-"), value)
                for name, value in query.items()
                if name in {"response-cache-control", "response-content-disposition"}
            ),
            *((f"{wire.METADATA}{name}", value) for name, value in held.metadata.items()),
        )
        span = request.headers.get("range")
        if span is None:
            return FakeReply(headers=headers, body=held.data)
        first, _, last = span.removeprefix("bytes=").partition("-")
        if int(first) >= len(held.data):
            raise BucketRefusedError("InvalidRange", 416)
        data = held.data[int(first) : int(last) + 1 if last else None]
        told = f"bytes {first}-{int(first) + len(data) - 1}/{len(held.data)}"
        return FakeReply(status=206, headers=(*headers, ("content-range", told)), body=data)

    def _stored(self, key: str, request: Received) -> FakeReply:
        source = request.headers.get("x-amz-copy-source")
        if source is None:
            etag = self.bucket.store(key, _held(request, request.body), request.headers)
            return FakeReply(headers=(("etag", etag),))
        bucket, _, name = unquote(source).removeprefix("/").partition("/")
        if bucket != BUCKET:
            raise BucketRefusedError("NoSuchBucket", 404)
        etag = self.bucket.store(key, self.bucket.held(name), {})
        return _document("CopyObjectResult", ETag=etag, LastModified=_moment(self._now()))

    def _begun(self, key: str, request: Received) -> FakeReply:
        upload = self.bucket.begin(_held(request, b""))
        return _document("InitiateMultipartUploadResult", Bucket=BUCKET, Key=key, UploadId=upload)

    def _completed(self, key: str, upload: str, request: Received) -> FakeReply:
        document = XmlDocument.read(request.body)
        parts = {int(one.text("PartNumber")): one.text("ETag") for one in document.each("Part")}
        etag = self.bucket.complete(key, upload, parts, request.headers)
        return _document("CompleteMultipartUploadResult", Bucket=BUCKET, Key=key, ETag=etag)

    def _listed(self, method: str, query: Mapping[str, str]) -> FakeReply:
        """`ListObjectsV2` with `encoding-type=url`; a page goes on after the last name before."""
        fields = Fields(query)
        if method != "GET" or fields.take("list-type") != "2":
            raise BucketRefusedError("MethodNotAllowed", 405)
        prefix, delimiter = fields.take("prefix") or "", fields.take("delimiter")
        most, after = int(fields.take("max-keys") or 1000), fields.take("continuation-token") or ""
        if fields.take("encoding-type") != "url" or fields.left():
            raise BucketRefusedError("InvalidArgument", 400)
        found = self.bucket.starting(prefix, delimiter)
        names = [name for name in found if name.encode() > after.encode()]
        shown = "".join(_entry(name, found[name]) for name in names[:most])
        more = len(names) > most
        shown += f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
        shown += f"<KeyCount>{min(len(names), most)}</KeyCount><MaxKeys>{most}</MaxKeys>"
        if more:
            token = escape(names[most - 1])
            shown += f"<NextContinuationToken>{token}</NextContinuationToken>"
        body = f"<ListBucketResult>{shown}</ListBucketResult>"
        return FakeReply(headers=(_XML,), body=body.encode())


def _entry(name: str, held: HeldObject | None) -> str:
    if held is None:
        return f"<CommonPrefixes><Prefix>{quote_plus(name, safe='/')}</Prefix></CommonPrefixes>"
    return (
        f"<Contents><Key>{quote_plus(name, safe='/')}</Key><Size>{len(held.data)}</Size>"
        f"<ETag>{escape(held.etag)}</ETag><LastModified>{_moment(held.modified)}</LastModified>"
        "</Contents>"
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def _encoding(name: str | None) -> tuple[tuple[str, str], ...]:
    return () if name is None else (("content-encoding", name),)


def _held(request: Received, data: bytes) -> HeldObject:
    return HeldObject(
        data=data,
        content_type=request.headers.get("content-type", "binary/octet-stream"),
        content_encoding=request.headers.get("content-encoding"),
        metadata=_metadata(request.headers),
    )


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(wire.METADATA): value
        for name, value in headers.items()
        if name.startswith(wire.METADATA)
    }


def _document(name: str, **texts: str) -> FakeReply:
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in texts.items())
    return FakeReply(headers=(_XML,), body=f"<{name}>{inner}</{name}>".encode())
