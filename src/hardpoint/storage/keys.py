"""What may be written: keys, metadata and content types that mean the same at every provider.

What others have written may be called otherwise: a folder made in a console is `invoices/`. Such a
key is never written by us, and taken where it names what is there.
"""

import re
from collections.abc import Mapping

from hardpoint.core.arguments import PAIRS, TEXT, expect
from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.extras import text_pairs

KEY_BYTES_MAX = 1024
METADATA_BYTES_MAX = 2048
"""Names and values together, as S3 counts them, with a mark of our own."""
RESERVED = "hardpoint-"
"""What our own metadata starts with."""
MARK = f"{RESERVED}write"
"""Which call wrote an object; by it a call knows its own work again."""
MARK_BYTES = len(MARK) + 36
"""With an id as its value."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?", re.ASCII)
_CONTENT_TYPE = re.compile(
    r"""[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}(;[ ]?[\w-]+=([\w.+-]+|"[\w .+'-]*"))*""", re.ASCII
)


def checked_key(key: str, *, field: str = "key") -> str:
    """A key that every provider takes, and none reads as another: `invoices/2026/17.pdf`.

    Raises:
        InvalidRequestError: empty, longer than 1024 bytes of UTF-8, with a control character, or
            with a segment that is empty, `.` or `..` (so neither does a `/` stand at an end).
    """
    _check_text(key, field)
    if not key:
        raise InvalidRequestError("is empty", field=field)
    for segment in key.split("/"):
        if segment in {"", ".", ".."}:
            raise InvalidRequestError(f"has a segment {segment!r}", field=field)
    return key


def known_key(key: str, *, field: str = "key") -> str:
    """A key as others may have written it and a list shows it: `invoices/`, `/a`, `a//b`.

    Raises:
        InvalidRequestError: empty, longer than 1024 bytes of UTF-8, or with a segment `.` or `..`,
            which addresses cannot hold: whatever lies between would make another key of it.
    """
    expect(key, str, field, TEXT)
    if not key:
        raise InvalidRequestError("is empty", field=field)
    _check_size(key, field)
    for segment in key.split("/"):
        if segment in {".", ".."}:
            raise InvalidRequestError(f"has a segment {segment!r}", field=field)
    return key


def checked_prefix(prefix: str) -> str:
    """The beginning of keys, whoever wrote them, down to an empty one.

    Raises:
        InvalidRequestError: no key starts like this.
    """
    _check_size(prefix, "prefix")
    return prefix


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata that goes through headers unchanged: names in small letters, values visible ASCII.

    Raises:
        InvalidRequestError: a name or a value that is not so, a name of ours, or more than 2 KB.
    """
    expect(metadata, Mapping, "metadata", PAIRS)
    for name, value, field in text_pairs(metadata, field="metadata"):
        if not _NAME.fullmatch(name):
            raise InvalidRequestError("is not of small letters, digits, . _ and -", field=field)
        if name.startswith(RESERVED):
            raise InvalidRequestError(f"starts with {RESERVED}, which is ours", field=field)
        if not _VALUE.fullmatch(value):
            raise InvalidRequestError(
                "is not printable ASCII without blanks at its ends; encode it", field=field
            )
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > METADATA_BYTES_MAX - MARK_BYTES:
        raise InvalidRequestError(
            f"has {size} bytes, more than {METADATA_BYTES_MAX - MARK_BYTES}", field="metadata"
        )
    return dict(metadata)


def checked_content_type(content_type: str) -> str:
    """A media type, `text/plain; charset=utf-8`.

    Raises:
        InvalidRequestError: it is none.
    """
    expect(content_type, str, "content_type", TEXT)
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise InvalidRequestError("is not a media type", field="content_type")
    return content_type


def _check_text(text: str, field: str) -> None:
    _check_size(text, field)
    if any(one < " " or one == "\x7f" for one in text):
        raise InvalidRequestError("holds a control character", field=field)


def _check_size(text: str, field: str) -> None:
    expect(text, str, field, TEXT)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidRequestError("is not Unicode text", field=field) from None
    if size > KEY_BYTES_MAX:
        raise InvalidRequestError(f"has more than {KEY_BYTES_MAX} bytes", field=field)
