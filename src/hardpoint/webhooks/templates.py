"""What a vendor signs, as a template: `v0:{timestamp}:{body}`.

Each part of what is signed has to have one reading alone. If a header stood right beside the body,
whoever captured a request could move bytes from one into the other under the same signature.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, final

from hardpoint.core.errors import ConfigurationError, MalformedRequestError

BODY: Final = "{body}"
CHARS_MAX = 256
HEADER_BYTES_MAX = 1024

_KEY: Final = "signed"
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]")
_HEADER: Final = re.compile(r"header:([A-Za-z0-9-]{1,64})", re.ASCII)
_TIMESTAMP: Final = b""
"""Stands for the time among the names of headers: no header has it."""

_Part = tuple[bytes | None, bytes]
"""A name and nothing (a header, or the time); or None and a literal."""


@final
class SignedTemplate:
    """A template, checked and taken apart.

    Args:
        text: literal text and `{body}`, once; `{timestamp}`, `{url}`, `{method}`, `{header:NAME}`.
            Braces of literal text are doubled.
        url: what `{url}` stands for; None where nobody has said it.

    Raises:
        ConfigurationError: a part we do not know; nothing of the body is signed; a header without
            literal text between it and what stands beside it; a URL is needed and missing.

    Attributes:
        has_timestamp: whether the time is a part of it.
        headers: those that are; in lower case.
    """

    __slots__ = ("_after", "_before", "has_timestamp", "headers")

    def __init__(self, text: object, *, url: str | None = None) -> None:
        if not isinstance(text, str) or not 0 < len(text) <= CHARS_MAX:
            raise ConfigurationError(_KEY, f"is not text of 1 to {CHARS_MAX} characters", fix=_FIX)
        parts = list(_merged(_parts(text, url)))
        bodies = [at for at, part in enumerate(parts) if part is None]
        if len(bodies) != 1:
            problem = f"signs the body {len(bodies)} times" if bodies else "signs no body"
            raise ConfigurationError(_KEY, problem, fix=_FIX)
        _check_neighbours(parts)
        self._before = tuple(one for one in parts[: bodies[0]] if one is not None)
        self._after = tuple(one for one in parts[bodies[0] + 1 :] if one is not None)
        names = {name for name, _ in self._before + self._after if name is not None}
        self.has_timestamp = _TIMESTAMP in names
        self.headers = frozenset(names - {_TIMESTAMP})

    def around(self, time: bytes | None, headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
        """What is signed before the body, and after it.

        Args:
            time: as it was spelled.
            headers: of the request, each once, by names in lower case.

        Raises:
            MalformedRequestError: a header is missing, or holds what separates it from the next
                part.
        """
        values = {**headers, _TIMESTAMP: time or b""}
        return _joined(self._before, values), _joined(self._after, values)


_FIX: Final = "Write {body}, or with what else is signed: {timestamp}.{body}"


def _parts(text: str, url: str | None) -> Iterator[_Part | None]:
    """Each part in its order; None is the body."""
    for found in _PIECE.finditer(text):
        piece, inner = found[0], found[1]
        if inner is None:
            if piece in {"{", "}"}:
                raise ConfigurationError(_KEY, f"has a {piece} alone", fix="Double it to sign it")
            yield None, piece.replace("{{", "{").replace("}}", "}").encode()
        elif inner == "body":
            yield None
        elif inner == "timestamp":
            yield _TIMESTAMP, b""
        elif inner == "method":
            yield None, b"POST"  # webhooks come in no other way
        elif inner == "url":
            if url is None:
                raise ConfigurationError(
                    "url", "is missing, and signed", fix="Write it as you gave it to the vendor"
                )
            yield None, url.encode()
        elif header := _HEADER.fullmatch(inner):
            yield header[1].lower().encode(), b""
        else:
            known = "{body}, {timestamp}, {url}, {method}, {header:NAME}"
            raise ConfigurationError(_KEY, f"has {piece}, which is no part", fix=f"Parts: {known}")


def _merged(parts: Iterator[_Part | None]) -> Iterator[_Part | None]:
    """The same with literals that stand side by side as one."""
    literal = b""
    for part in parts:
        if part is not None and part[0] is None:
            literal += part[1]
            continue
        if literal:
            yield None, literal
        literal = b""
        yield part
    if literal:
        yield None, literal


def _check_neighbours(parts: list[_Part | None]) -> None:
    """See that literal text, or an end, stands on both sides of each header."""
    for left, right in pairwise(parts):
        for one, other in ((left, right), (right, left)):
            if _is_header(one) and (other is None or other[0] is not None):
                raise ConfigurationError(
                    _KEY,
                    "has a header with no literal text beside it, so that its end is unclear",
                    fix="Separate them as the vendor does: {header:x-id}.{body}",
                )


def _is_header(part: _Part | None) -> bool:
    return part is not None and bool(part[0])


def _joined(parts: tuple[_Part, ...], values: Mapping[bytes, bytes]) -> bytes:
    if not parts:
        return b""
    joined: list[bytes] = []
    for at, (name, literal) in enumerate(parts):
        if name is None:
            joined.append(literal)
            continue
        value = values.get(name)
        if value is None or len(value) > HEADER_BYTES_MAX:
            problem = "is missing" if value is None else "is too long"
            raise MalformedRequestError(f"the {name.decode()} header, which is signed, {problem}")
        if name and _meets(parts, at, value):
            raise MalformedRequestError(f"the {name.decode()} header holds what separates it")
        joined.append(value)
    return b"".join(joined)


def _meets(parts: tuple[_Part, ...], at: int, value: bytes) -> bool:
    """Whether a value holds the first sign of the literal behind it, or the last one before it."""
    before = parts[at - 1][1][-1:] if at else b""
    behind = parts[at + 1][1][:1] if at + 1 < len(parts) else b""
    return any(sign and sign in value for sign in (before, behind))
