"""The values of the storage port."""

from collections.abc import Mapping

import msgspec

from hardpoint.http.redaction import MASK

BYTES = "application/octet-stream"
"""The content type of which nothing is known."""


class ObjectInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an object beside its bytes.

    Attributes:
        key: `invoices/2026/17.pdf`.
        size: bytes.
        etag: names this version of it; opaque, never a checksum. Pass it on as `if_match`.
        modified: Unix seconds; None in the answer to a write.
        content_type: as it was stored; None in a list.
        metadata: yours; empty in a list.
    """

    key: str
    size: int
    etag: str
    modified: float | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] = {}


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object with its bytes."""

    info: ObjectInfo
    data: bytes

    def __repr__(self) -> str:
        return f"StoredObject({self.info!r}, {len(self.data)} bytes)"


class Prefix(msgspec.Struct, frozen=True, kw_only=True):
    """What keys below it have in common, up to and with the delimiter: `invoices/2026/`."""

    prefix: str


class SignedPost(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser's form needs to store one object: the fields first, `file` the last.

    Whoever has it may store the object until it expires.
    """

    url: str
    fields: Mapping[str, str]

    def __repr__(self) -> str:
        return f"SignedPost({self.url}, {MASK})"


class NewObject(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver is asked to store; checked by the port.

    Attributes:
        if_absent: only where there is none.
        if_match: only in place of this version.
    """

    key: str
    content_type: str
    metadata: Mapping[str, str] = {}
    if_absent: bool = False
    if_match: str | None = None


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Some bytes of an object, and what is known of the whole."""

    info: ObjectInfo
    data: bytes


class ObjectPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a list, and where the next ones start; None when there are no more."""

    entries: tuple[ObjectInfo | Prefix, ...]
    cursor: str | None = None


class PostPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a form may store: one key, of these sizes, of this type if one is given."""

    key: str
    size_min: int
    size_max: int
    content_type: str | None = None


class SignedUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a signed URL is for; checked by the port.

    Attributes:
        method: `GET`, `HEAD`, `PUT` or `DELETE`.
        expires: seconds.
        content_type: for `PUT`: what must be sent.
        disposition: for `GET`: the answer's `Content-Disposition`.
        cache_control: for `GET`: the answer's `Cache-Control`.
    """

    key: str
    method: str = "GET"
    expires: int = 3600
    content_type: str | None = None
    disposition: str | None = None
    cache_control: str | None = None
