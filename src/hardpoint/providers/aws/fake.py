"""S3 as a fake: one bucket, strict about what it is sent, and about its signature.

Rules as https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
has them, read 2026-11-28. It keeps objects and uploads; what it does not know it refuses.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import final
from urllib.parse import quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape

from hardpoint.core.secrets import Secret
from hardpoint.fakes.fields import Fields
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import Received, Reply
from hardpoint.fakes.vendors import Facts
from hardpoint.providers.aws import wire
from hardpoint.providers.aws.fake_bucket import Bucket, Held, RefusedError
from hardpoint.providers.aws.signing import Signer

ACCESS_KEY_ID = "AKIAFAKE"
SECRET_ACCESS_KEY = "fake-secret-access-key"  # noqa: S105 - it opens nothing but this fake
BUCKET = "fake-bucket"
REGION = "eu-central-1"

_XML = ("content-type", "application/xml")
_SKEW_SECONDS = 15 * 60


@final
class FakeS3:
    """One bucket, by path: `/fake-bucket/key`.

    Args:
        now: Unix seconds.
    """

    name = "aws"
    facts = Facts(
        settings={
            "bucket": BUCKET,
            "region": REGION,
            "access_key_id": ACCESS_KEY_ID,
            "secret_access_key": SECRET_ACCESS_KEY,
        }
    )

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.ledger = Ledger()
        """`object` for each that is new or other than before, `refusal` with its code."""
        self.facts = Facts(
            settings={
                "bucket": BUCKET,
                "region": REGION,
                "access_key_id": ACCESS_KEY_ID,
                "secret_access_key": SECRET_ACCESS_KEY,
            },
            address="endpoint_url",
        )
        self.bucket = Bucket(self.ledger, now)
        self._now = now
        self._requests = 0
        self._signer = Signer(
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=Secret.value(SECRET_ACCESS_KEY),
            session_token=None,
            region=REGION,
            service="s3",
        )

    def answer(self, request: Received) -> Reply:
        """Do what the request asks, or refuse as S3 does."""
        self._requests += 1
        identifier = ("x-amz-request-id", f"FAKE{self._requests:012d}")
        try:
            self._check_signature(request)
            reply = self._routed(request)
        except RefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            reply = _document("Error", Code=refused.code, Message="The fake refuses.")
            reply = Reply(status=refused.status, headers=reply.headers, body=reply.body)
        return Reply(status=reply.status, headers=(*reply.headers, identifier), body=reply.body)

    def _check_signature(self, request: Received) -> None:
        headers = request.headers
        authorization = headers.get("authorization", "")
        _, _, rest = authorization.partition("SignedHeaders=")
        names = rest.partition(",")[0].split(";")
        if not authorization or "x-amz-date" not in headers:
            raise RefusedError("AccessDenied", 403)
        stamp = datetime.strptime(f"{headers['x-amz-date']}+0000", "%Y%m%dT%H%M%SZ%z")
        signed_at = stamp.timestamp()
        if abs(signed_at - self._now()) > _SKEW_SECONDS:
            raise RefusedError("RequestTimeTooSkewed", 403)
        added = {"host", "x-amz-content-sha256", "x-amz-date"}
        url = f"http://{headers['host']}{request.target}"
        sent = [(name, headers.get(name, "")) for name in names if name not in added]
        expected = self._signer.headers(request.method, url, sent, request.body, now=signed_at)
        if dict(expected)["authorization"] != authorization:
            raise RefusedError("SignatureDoesNotMatch", 403)

    def _routed(self, request: Received) -> Reply:
        _, bucket, *rest = urlsplit(request.target).path.split("/", 2)
        if bucket != BUCKET:
            raise RefusedError("NoSuchBucket", 404)
        key = unquote("".join(rest))
        query = dict(request.query())
        if not key:
            return self._listed(request.method, query)
        match request.method, query:
            case "GET" | "HEAD", _:
                reply = self._read(key, request)
            case "PUT", {"partNumber": number, "uploadId": upload}:
                etag = self.bucket.take_part(upload, int(number), request.body)
                reply = Reply(headers=(("etag", etag),))
            case "PUT", {}:
                reply = self._stored(key, request)
            case "POST", {"uploads": ""}:
                reply = self._begun(key, request)
            case "POST", {"uploadId": upload}:
                reply = self._completed(key, upload, request)
            case "DELETE", {"uploadId": upload}:
                self.bucket.abort(upload)
                reply = Reply(status=204)
            case "DELETE", {}:
                self.bucket.delete(key)
                reply = Reply(status=204)
            case _:
                raise RefusedError("MethodNotAllowed", 405)
        return reply

    def _read(self, key: str, request: Received) -> Reply:
        held = self.bucket.held(key)
        if request.headers.get("if-match") not in {None, held.etag}:
            raise RefusedError("PreconditionFailed", 412)
        headers = (
            ("etag", held.etag),
            ("last-modified", formatdate(held.modified, usegmt=True)),
            ("content-type", held.content_type),
            *((f"{wire.METADATA}{name}", value) for name, value in held.metadata.items()),
        )
        span = request.headers.get("range")
        if span is None:
            return Reply(headers=headers, body=held.data)
        first, _, last = span.removeprefix("bytes=").partition("-")
        if int(first) >= len(held.data):
            raise RefusedError("InvalidRange", 416)
        data = held.data[int(first) : int(last) + 1]
        told = f"bytes {first}-{int(first) + len(data) - 1}/{len(held.data)}"
        return Reply(status=206, headers=(*headers, ("content-range", told)), body=data)

    def _stored(self, key: str, request: Received) -> Reply:
        source = request.headers.get("x-amz-copy-source")
        if source is None:
            etag = self.bucket.store(key, _held(request, request.body), request.headers)
            return Reply(headers=(("etag", etag),))
        bucket, _, name = unquote(source).removeprefix("/").partition("/")
        if bucket != BUCKET:
            raise RefusedError("NoSuchBucket", 404)
        etag = self.bucket.store(key, self.bucket.held(name), {})
        return _document("CopyObjectResult", ETag=etag)

    def _begun(self, key: str, request: Received) -> Reply:
        upload = self.bucket.begin(_held(request, b""))
        return _document("InitiateMultipartUploadResult", Key=key, UploadId=upload)

    def _completed(self, key: str, upload: str, request: Received) -> Reply:
        document = wire.Document.read(request.body)
        parts = {int(one.text("PartNumber")): one.text("ETag") for one in document.each("Part")}
        etag = self.bucket.complete(key, upload, parts, request.headers)
        return _document("CompleteMultipartUploadResult", Key=key, ETag=etag)

    def _listed(self, method: str, query: dict[str, str]) -> Reply:
        """`ListObjectsV2` with `encoding-type=url`; a page goes on after the last name before."""
        fields = Fields(query)
        if method != "GET" or fields.take("list-type") != "2":
            raise RefusedError("MethodNotAllowed", 405)
        prefix, delimiter = fields.take("prefix") or "", fields.take("delimiter")
        most, after = int(fields.take("max-keys") or 1000), fields.take("continuation-token") or ""
        if fields.take("encoding-type") != "url" or fields.left():
            raise RefusedError("InvalidArgument", 400)
        found = self.bucket.starting(prefix, delimiter)
        names = [name for name in found if name.encode() > after.encode()]
        shown = "".join(_entry(name, found[name]) for name in names[:most])
        more = len(names) > most
        shown += f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
        if more:
            token = escape(names[most - 1])
            shown += f"<NextContinuationToken>{token}</NextContinuationToken>"
        body = f"<ListBucketResult>{shown}</ListBucketResult>"
        return Reply(headers=(_XML,), body=body.encode())


def _entry(name: str, held: Held | None) -> str:
    if held is None:
        return f"<CommonPrefixes><Prefix>{quote_plus(name, safe='/')}</Prefix></CommonPrefixes>"
    modified = datetime.fromtimestamp(int(held.modified), UTC).isoformat()
    return (
        f"<Contents><Key>{quote_plus(name, safe='/')}</Key><Size>{len(held.data)}</Size>"
        f"<ETag>{escape(held.etag)}</ETag><LastModified>{modified}</LastModified></Contents>"
    )


def _held(request: Received, data: bytes) -> Held:
    return Held(
        data=data,
        content_type=request.headers.get("content-type", "binary/octet-stream"),
        metadata={
            name.removeprefix(wire.METADATA): value
            for name, value in request.headers.items()
            if name.startswith(wire.METADATA)
        },
    )


def _document(name: str, **texts: str) -> Reply:
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in texts.items())
    return Reply(headers=(_XML,), body=f"<{name}>{inner}</{name}>".encode())
