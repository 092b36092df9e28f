"""The XML and the headers of blob storage, as the port's values.

A name of metadata has to be an identifier there, and case does not count: `-`, `.` and a digit at
the beginning are written as `_2d`, `_2e` and `_37`, as is an underscore before what would be read
so: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
"""

import re
from collections.abc import Mapping, Sequence

from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.xml_api import XmlDocument, XmlUnreadableError
from hardpoint.storage.types import NewObject, ObjectInfo, ObjectPage, Prefix

METADATA = "x-ms-meta-"

_UNFIT = re.compile(r"[-.]|^[0-9]|^_(?=3[0-9])|_(?=2d|2e|5f)")
_FIT = re.compile(r"^_3[0-9]|_(?:2d|2e|5f)")


def checked(key: str, *, field: str = "key") -> str:
    """A key that the vendor keeps as it is.

    Raises:
        InvalidRequestError: it would read a backslash as a slash, or leave out dots at an end.
    """
    if "\\" in key:
        raise InvalidRequestError("has a backslash, which is read as a slash", field=field)
    if any(segment.endswith(".") for segment in key.split("/")):
        raise InvalidRequestError("has a segment that ends with a dot", field=field)
    return key


def metadata_name(name: str) -> str:
    """A name of ours as an identifier."""
    return _UNFIT.sub(lambda found: f"_{ord(found[0]):02x}", name)


def own_name(name: str) -> str:
    """An identifier as the name of ours that it stands for."""
    return _FIT.sub(lambda found: chr(int(found[0][1:], 16)), name)


def described(new: NewObject) -> tuple[tuple[str, str], ...]:
    """The headers of what is stored."""
    metadata = ((f"{METADATA}{metadata_name(name)}", value) for name, value in new.metadata.items())
    return (("x-ms-blob-content-type", new.content_type), *metadata)


def conditions(new: NewObject) -> tuple[tuple[str, str], ...]:
    """The headers of a write that has a condition."""
    if new.if_absent:
        return (("if-none-match", "*"),)
    return () if new.if_match is None else (("if-match", new.if_match),)


def block_list(receipts: Sequence[str]) -> bytes:
    """The body that puts blocks together; their ids hold nothing that XML would read."""
    blocks = "".join(f"<Latest>{one}</Latest>" for one in receipts)
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{blocks}</BlockList>'.encode()


def page(document: XmlDocument) -> ObjectPage:
    """A page of `List Blobs`, blobs and prefixes in one order.

    Raises:
        XmlUnreadableError: it is not one.
    """
    blobs = next(document.each("Blobs"), None)
    if blobs is None:
        raise XmlUnreadableError
    entries: list[ObjectInfo | Prefix] = [_entry(one) for one in blobs.each("Blob")]
    entries += [Prefix(prefix=one.whole("Name")) for one in blobs.each("BlobPrefix")]
    entries.sort(key=lambda one: (one.prefix if isinstance(one, Prefix) else one.key).encode())
    return ObjectPage(entries=tuple(entries), cursor=document.text("NextMarker") or None)


def info(key: str, size: int, headers: Mapping[str, str]) -> ObjectInfo:
    """A blob's facts, from the headers of an answer about it.

    Raises:
        XmlUnreadableError: they are not there.
    """
    try:
        return ObjectInfo(
            key=key,
            size=size,
            etag=headers["etag"],
            modified=_moment(headers["last-modified"]),
            content_type=headers.get("content-type"),
            metadata={
                own_name(name.removeprefix(METADATA)): value
                for name, value in headers.items()
                if name.startswith(METADATA)
            },
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise XmlUnreadableError from error


def size_of(headers: Mapping[str, str], taken: int) -> int:
    """The size of the whole: in `Content-Range: bytes 0-99/1234`, or what was taken.

    Raises:
        XmlUnreadableError: it does not say.
    """
    span = headers.get("content-range")
    size = str(taken) if span is None else span.rpartition("/")[2]
    if not size.isdecimal():
        raise XmlUnreadableError
    return int(size)


def _entry(blob: XmlDocument) -> ObjectInfo:
    found = next(blob.each("Properties"), None)
    if found is None:
        raise XmlUnreadableError
    etag = found.text("Etag")  # without the quotes that it has in a header
    try:
        return ObjectInfo(
            key=blob.whole("Name"),
            size=int(found.text("Content-Length")),
            etag=etag if etag.startswith('"') else f'"{etag}"',
            modified=_moment(found.text("Last-Modified")),
        )
    except (ValueError, OverflowError) as error:
        raise XmlUnreadableError from error


def _moment(text: str) -> float:
    from email.utils import parsedate_to_datetime  # 10 ms of import

    return parsedate_to_datetime(text).timestamp()
