"""The XML that S3 speaks, and the headers of an object, as the port's values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, unquote_plus

from hardpoint.http.xml_api import XmlDocument, XmlUnreadableError
from hardpoint.storage.types import ObjectInfo, ObjectPage, Prefix, SignedUse

METADATA = "x-amz-meta-"


def encoded(key: str) -> str:
    """A key as it stands in a path."""
    return quote(key, safe="/-_.~")


def page(document: XmlDocument) -> ObjectPage:
    """A page of `ListObjectsV2`; objects and prefixes in one order.

    With `encoding-type=url` names come as in a form, a blank as `+`; who does not know that leaves
    them as they are, and says so.

    Raises:
        XmlUnreadableError: it is not one.
    """
    decoded = unquote_plus if document.text("EncodingType") == "url" else str
    try:
        entries: list[ObjectInfo | Prefix] = [
            ObjectInfo(
                key=decoded(one.whole("Key")),
                size=int(one.text("Size")),
                etag=one.text("ETag"),
                modified=datetime.fromisoformat(one.text("LastModified")).timestamp(),
            )
            for one in document.each("Contents")
        ]
    except ValueError as error:
        raise XmlUnreadableError from error
    entries += [
        Prefix(prefix=decoded(one.whole("Prefix"))) for one in document.each("CommonPrefixes")
    ]
    entries.sort(key=lambda one: (one.prefix if isinstance(one, Prefix) else one.key).encode())
    more = document.text("IsTruncated") == "true"
    cursor = document.text("NextContinuationToken")
    if more and not cursor:
        raise XmlUnreadableError
    return ObjectPage(entries=tuple(entries), cursor=cursor if more else None)


_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def completion(receipts: Sequence[str]) -> bytes:
    """The body that puts an upload's parts together."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag.translate(_ESCAPED)}</ETag></Part>"
        for number, etag in enumerate(receipts, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def info(key: str, size: int, headers: Mapping[str, str]) -> ObjectInfo:
    """An object's facts, from the headers of an answer about it.

    Raises:
        XmlUnreadableError: they are not there.
    """
    from email.utils import parsedate_to_datetime  # 10 ms of import

    try:
        return ObjectInfo(
            key=key,
            size=size,
            etag=headers["etag"],
            modified=parsedate_to_datetime(headers["last-modified"]).timestamp(),
            content_type=headers.get("content-type"),
            metadata={
                name.removeprefix(METADATA): value
                for name, value in headers.items()
                if name.startswith(METADATA)
            },
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise XmlUnreadableError from error


def answered(use: SignedUse) -> list[tuple[str, str]]:
    """How the answer to a signed URL describes the object."""
    told = {
        "response-cache-control": use.cache_control,
        "response-content-disposition": use.disposition,
    }
    return [(name, value) for name, value in told.items() if value is not None]


def size_of(headers_range: str) -> int:
    """The whole size in `Content-Range: bytes 0-99/1234`.

    Raises:
        XmlUnreadableError: it does not say.
    """
    size = headers_range.rpartition("/")[2]
    if not size.isdecimal():
        raise XmlUnreadableError
    return int(size)
