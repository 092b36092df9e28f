"""Cloud Storage as a fake: one bucket, strict about what it is sent, its tokens and its signatures.

Rules as https://cloud.google.com/storage/docs/json_api/v1 and
https://cloud.google.com/storage/docs/performing-resumable-uploads have them, read 2026-12-01. It
gives tokens too, to the service account whose document stands among its facts.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, cast, final
from urllib.parse import unquote, urlsplit

from hardpoint.core.decoding import UNREADABLE
from hardpoint.fakes.fields import Fields
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import VendorFacts
from hardpoint.providers.google.fake_account import FakeAccount
from hardpoint.providers.google.fake_bucket import BlobRefusedError, FakeBucket, StoredBlob, digest

BUCKET = "fake-bucket"

_OBJECTS = f"/storage/v1/b/{BUCKET}/o"
_UPLOADS = f"/upload/storage/v1/b/{BUCKET}/o"
_PASSED = frozenset({"prettyPrint", "projection", "fields"})
"""What only says how the answer is to look."""
_SPAN = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", re.ASCII)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)", re.ASCII)


@final
class FakeStorage:
    """One bucket.

    Args:
        now: Unix seconds.
    """

    name = "google"

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.ledger = Ledger()
        """`object` for each that is new or other than before, `refusal` with its reason."""
        self.account = FakeAccount(now)
        self.facts = VendorFacts(
            settings={"bucket": BUCKET, "credentials": self.account.document},
            address="endpoint_url",
            instead=("signer",),
        )
        self.bucket = FakeBucket(self.ledger, now)
        self._now = now

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse as Cloud Storage does."""
        try:
            return self._routed(request)
        except BlobRefusedError as refused:
            self.ledger.record("refusal", code=refused.reason)
            said = {"message": "The fake refuses.", "reason": refused.reason}
            document = {"code": refused.status, "message": said["message"], "errors": [said]}
            return FakeReply.json({"error": document}, refused.status)

    def _routed(self, request: Received) -> FakeReply:
        path = urlsplit(request.target).path
        if path == "/token":
            return self.account.token(request)
        if path.startswith(f"/{BUCKET}/"):
            return self._signed(request, unquote(path.removeprefix(f"/{BUCKET}/")))
        self.account.check(request)
        query = Fields({name: one for name, one in request.query() if name not in _PASSED})
        if path == _UPLOADS:
            reply = self._uploaded(request, query)
        elif path == _OBJECTS and request.method == "GET":
            reply = self._listed(query)
        elif (path := path.removeprefix("/download")).startswith(f"{_OBJECTS}/"):
            reply = self._object(request, path.removeprefix(f"{_OBJECTS}/"), query)
        else:
            raise BlobRefusedError("notFound", 404)
        if query.left():
            raise BlobRefusedError("invalid", 400)
        return reply

    def _uploaded(self, request: Received, query: Fields) -> FakeReply:
        upload, kind = query.take("upload_id"), query.take("uploadType")
        if upload is not None:
            return self._continued(request, upload)
        condition = query.take("ifGenerationMatch")
        if request.method != "POST" or kind not in {"multipart", "resumable"}:
            raise BlobRefusedError("invalid", 400)
        if kind == "multipart":
            document, data = _related(request)
            return _told(self.bucket.store(document, data, condition))
        document = {"contentType": request.headers.get("x-upload-content-type")}
        session = self.bucket.begin(document | _described(request.body), condition)
        host = request.headers["host"]
        address = f"http://{host}{_UPLOADS}?uploadType=resumable&upload_id={session}"
        return FakeReply(headers=(("location", address),))

    def _continued(self, request: Received, upload: str) -> FakeReply:
        if request.method == "DELETE":
            self.bucket.abort(upload)
            return FakeReply(status=499)
        span = _SPAN.fullmatch(request.headers.get("content-range", ""))
        if request.method != "PUT" or span is None:
            raise BlobRefusedError("invalid", 400)
        total = None if span[3] == "*" else int(span[3])
        first = None if span[1] is None else int(span[1])
        said = request.headers.get("x-goog-hash")
        kept = self.bucket.take(upload, first, request.body, total, said)
        if isinstance(kept, StoredBlob):
            return _told(kept)
        return FakeReply(status=308, headers=(("range", f"bytes=0-{kept - 1}"),))

    def _object(self, request: Received, path: str, query: Fields) -> FakeReply:
        source, rewrite, target = path.partition(f"/rewriteTo/b/{BUCKET}/o/")
        name = unquote(source)
        match request.method, query.take("alt"):
            case "POST", None if rewrite:
                return self._copied(name, unquote(target), query)
            case "GET", None:
                return _told(self.bucket.held(name, query.take("ifGenerationMatch")))
            case "GET", "media":
                asked = query.take("ifGenerationMatch") or query.take("generation")
                held = self.bucket.held(name, asked)
                return _media(held, request.headers)
            case "DELETE", None:
                self.bucket.delete(name)
                return FakeReply(status=204)
            case _:
                raise BlobRefusedError("invalid", 400)

    def _copied(self, source: str, target: str, query: Fields) -> FakeReply:
        """A large one is not done at once."""
        held = self.bucket.held(source)
        if query.take("rewriteToken") is None and held.info.size > 1024:
            return FakeReply.json({"done": False, "rewriteToken": "go-on"})
        document = {
            "name": target,
            "contentType": held.info.content_type,
            "metadata": held.info.metadata,
        }
        blob = self.bucket.store(document, held.data, None)
        return FakeReply.json({"done": True, "resource": _facts(blob)})

    def _listed(self, query: Fields) -> FakeReply:
        """A page goes on after the last name before."""
        found = self.bucket.starting(query.take("prefix") or "", query.take("delimiter"))
        most, after = int(query.take("maxResults") or 1000), query.take("pageToken") or ""
        names = [name for name in found if name.encode() > after.encode()]
        page = names[:most]
        document: dict[str, Any] = {
            "kind": "storage#objects",
            "items": [_facts(blob) for name in page if (blob := found[name]) is not None],
            "prefixes": [name for name in page if found[name] is None],
        }
        if len(names) > most:
            document["nextPageToken"] = page[-1]
        return FakeReply.json({name: one for name, one in document.items() if one})

    def _signed(self, request: Received, name: str) -> FakeReply:
        """What a browser does with a URL or a form."""
        if request.method == "POST" and not name:
            return self._posted(request)
        said = self.account.check_url(request)
        match request.method:
            case "GET" | "HEAD":
                reply = _media(self.bucket.held(name), {})
                if (told := said.get("response-content-disposition")) is not None:
                    headers = (*reply.headers, ("content-disposition", told))
                    reply = FakeReply(status=200, headers=headers, body=reply.body)
            case "PUT":
                kind = request.headers.get("content-type")
                self.bucket.store({"name": name, "contentType": kind}, request.body, None)
                reply = FakeReply()
            case "DELETE":
                self.bucket.delete(name)
                reply = FakeReply(status=204)
            case _:
                raise BlobRefusedError("invalid", 405)
        return reply

    def _posted(self, request: Received) -> FakeReply:
        try:
            fields, data = request.upload()
        except ValueError:
            raise BlobRefusedError("invalid", 400) from None
        if data is None:
            raise BlobRefusedError("invalid", 400)
        self.account.check_form(fields, len(data), BUCKET)
        document = {"name": fields["key"], "contentType": fields.get("content-type")}
        self.bucket.store(document, data, None)
        return FakeReply(status=204)


def _related(request: Received) -> tuple[dict[str, Any], bytes]:
    """What is said of an object, and its bytes, of one body in two parts."""
    kind, _, edge = request.headers.get("content-type", "").partition("; boundary=")
    edge = edge.strip('"')
    parts = (b"\r\n" + request.body).split(b"\r\n--" + edge.encode())
    if kind != "multipart/related" or not edge or len(parts) != 4 or parts[3].strip() != b"--":
        raise BlobRefusedError("invalid", 400)
    told = parts[1].partition(b"\r\n\r\n")[2]
    head, _, data = parts[2].partition(b"\r\n\r\n")
    kind = head.decode().strip().partition(": ")[2]
    return {"contentType": kind, **_described(told)}, data


def _described(told: bytes) -> dict[str, Any]:
    try:
        document = json.loads(told)
    except UNREADABLE:
        raise BlobRefusedError("invalid", 400) from None
    if not isinstance(document, dict):
        raise BlobRefusedError("invalid", 400)
    found = cast("dict[str, Any]", document)
    known = {"name", "contentType", "contentEncoding", "metadata", "md5Hash", "crc32c"}
    if not found.get("name") or found.keys() - known:
        raise BlobRefusedError("invalid", 400)
    return found


def _media(held: StoredBlob, headers: Mapping[str, str]) -> FakeReply:
    told = [
        ("x-goog-generation", held.info.etag),
        ("content-type", held.info.content_type or "application/octet-stream"),
        ("last-modified", formatdate(held.info.modified, usegmt=True)),
    ]
    if held.encoding is not None:
        told.append(("content-encoding", held.encoding))
    span = _RANGE.fullmatch(headers.get("range", ""))
    if span is None:
        return FakeReply(headers=tuple(told), body=held.data)
    first = int(span[1])
    if first >= len(held.data):
        raise BlobRefusedError("requestedRangeNotSatisfiable", 416)
    data = held.data[first : int(span[2]) + 1 if span[2] else None]
    told.append(("content-range", f"bytes {first}-{first + len(data) - 1}/{len(held.data)}"))
    return FakeReply(status=206, headers=tuple(told), body=data)


def _told(blob: StoredBlob) -> FakeReply:
    return FakeReply.json(_facts(blob))


def _facts(blob: StoredBlob) -> dict[str, Any]:
    info = blob.info
    document = {
        "kind": "storage#object",
        "bucket": BUCKET,
        "name": info.key,
        "generation": info.etag,
        "size": str(info.size),
        "updated": datetime.fromtimestamp(info.modified or 0, UTC).isoformat(),
        "contentType": info.content_type,
        "metadata": dict(info.metadata),
        "md5Hash": digest(blob.data),
    }
    return {name: value for name, value in document.items() if value not in ({}, None)}
