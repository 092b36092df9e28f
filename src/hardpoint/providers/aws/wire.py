"""The XML that S3 speaks: read without namespaces, and without what XML can do to its readers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, final
from urllib.parse import unquote_plus

from hardpoint.storage.types import ObjectInfo, ObjectPage, Prefix

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

METADATA = "x-amz-meta-"


class UnreadableError(Exception):
    """The document is not one of S3's."""


@final
class Document:
    """A document's root, and what it holds."""

    def __init__(self, root: "ET.Element") -> None:
        self._root = root
        self.name = _local(root)

    @classmethod
    def read(cls, body: bytes) -> "Document":
        """Parse one.

        Raises:
            UnreadableError: no XML, or one that declares types: entities could unfold past any cap.
        """
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            raise UnreadableError
        from xml.etree import ElementTree as ET  # 20 ms, spent by those who read a document

        try:
            return cls(ET.fromstring(body))  # noqa: S314 - nothing can be declared
        except (ET.ParseError, ValueError, LookupError) as error:
            raise UnreadableError from error

    def text(self, name: str) -> str:
        """The text of a child without the blanks around it, empty where there is none."""
        return self.whole(name).strip()

    def whole(self, name: str) -> str:
        """The text of a child as it stands: a key may begin with a blank."""
        for child in self._root:
            if _local(child) == name:
                return child.text or ""
        return ""

    def each(self, name: str) -> Iterator["Document"]:
        """The children of that name."""
        for child in self._root:
            if _local(child) == name:
                yield Document(child)


def page(document: Document) -> ObjectPage:
    """A page of `ListObjectsV2`; objects and prefixes in one order.

    With `encoding-type=url` names come as in a form, a blank as `+`; who does not know that leaves
    them as they are, and says so.

    Raises:
        UnreadableError: it is not one.
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
        raise UnreadableError from error
    entries += [
        Prefix(prefix=decoded(one.whole("Prefix"))) for one in document.each("CommonPrefixes")
    ]
    entries.sort(key=lambda one: (one.prefix if isinstance(one, Prefix) else one.key).encode())
    more = document.text("IsTruncated") == "true"
    cursor = document.text("NextContinuationToken")
    if more and not cursor:
        raise UnreadableError
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
        UnreadableError: they are not there.
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
        raise UnreadableError from error


def size_of(headers_range: str) -> int:
    """The whole size in `Content-Range: bytes 0-99/1234`.

    Raises:
        UnreadableError: it does not say.
    """
    size = headers_range.rpartition("/")[2]
    if not size.isdecimal():
        raise UnreadableError
    return int(size)


def _local(element: "ET.Element") -> str:
    return element.tag.rpartition("}")[2]
