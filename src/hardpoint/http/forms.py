"""Forms: nested values with bracket keys, and parts with files among them."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import final
from urllib.parse import quote_plus

from hardpoint.core.errors import InvalidRequestError

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_.~-]*", re.ASCII).fullmatch
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.~\[\]-]*", re.ASCII).fullmatch
"""What stands for itself: most of what vendors are sent, and quoting costs three calls."""

FORM = "application/x-www-form-urlencoded"

_UNWRITABLE = (ValueError, TypeError, AttributeError, RecursionError)

Value = str | int | bool | Mapping[str, "Value"] | Sequence["Value"] | None
"""What a form can hold; a float has no exact text and is refused."""


def encode(form: Mapping[str, Value], *, repeat: bool = False) -> bytes:
    """`{"a": {"b": 1}, "c": ["x"], "d": True, "e": None}` as `a[b]=1&c[0]=x&d=true`.

    Args:
        form: names and values.
        repeat: write a list as its name again and again, `c=x&c=y`, in place of numbering it.

    Raises:
        InvalidRequestError: a value of another kind, naming its field; or it holds itself, a name
            that is no text, half a character, or a number of more than 4300 digits.
    """
    try:
        found: list[tuple[str, str]] = []
        for name, value in form.items():
            _flatten(name, value, repeat, found)
        return "&".join([f"{_name(name)}={_text(text)}" for name, text in found]).encode("ascii")
    except _UNWRITABLE:  # which may quote what it holds
        raise _unwritable() from None


def pairs(form: Mapping[str, Value], *, repeat: bool = False) -> Iterator[tuple[str, str]]:
    """The same as names and texts; None is left out."""
    found: list[tuple[str, str]] = []
    try:
        for name, value in form.items():
            _flatten(name, value, repeat, found)
    except _UNWRITABLE:
        raise _unwritable() from None
    return iter(found)


def _unwritable() -> InvalidRequestError:
    return InvalidRequestError("cannot be written as a form", field="form")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FormPart:
    """One part of `multipart/form-data`.

    Attributes:
        name: of the field.
        content: what it holds.
        kind: its content type.
        filename: of a file.
    """

    name: str
    content: bytes
    kind: str = "application/octet-stream"
    filename: str | None = None


def multipart(parts: Sequence[FormPart]) -> tuple[str, bytes]:
    """The content type of such a form, and its body (RFC 7578)."""
    # A hash of all that is between them: nothing in there can be the boundary.
    boundary = hashlib.sha256(b"".join([part.content for part in parts])).hexdigest().encode()
    pieces: list[bytes] = []
    for part in parts:
        named = f'name="{_quoted(part.name)}"'
        if part.filename is not None:
            named += f'; filename="{_quoted(part.filename)}"'
        head = f"content-disposition: form-data; {named}\r\ncontent-type: {part.kind}"
        pieces.append(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, head.encode(), part.content))
    body = b"".join([*pieces, b"--%b--\r\n" % boundary])
    return f"multipart/form-data; boundary={boundary.decode()}", body


def _quoted(name: str) -> str:
    """A name within quotes, as browsers write it."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


@lru_cache(maxsize=1024)
def _name(name: str) -> str:
    return name if _PLAIN_NAME(name) else quote_plus(name, safe="[]")


def _text(text: str) -> str:
    return text if _PLAIN_TEXT(text) else quote_plus(text)


def _flatten(name: str, value: Value, repeat: bool, found: list[tuple[str, str]]) -> None:
    if isinstance(value, str):
        found.append((name, value))
    elif value is None:
        return
    elif isinstance(value, bool):
        found.append((name, "true" if value else "false"))
    elif isinstance(value, int):
        found.append((name, str(value)))
    elif isinstance(value, (dict, Mapping)):
        for key, inner in value.items():
            _flatten(f"{name}[{key}]", inner, repeat, found)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _flatten(name if repeat else f"{name}[{index}]", inner, repeat, found)
    else:
        raise InvalidRequestError(f"cannot hold a {type(value).__name__}", field=name)
