"""From what a caller writes to a request: a path that stays where it is, a query, a body."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, cast, final
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec

from hardpoint.core.arguments import PAIRS, TEXT, expect
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.http.client import segment
from hardpoint.http.forms import FORM, encode
from hardpoint.http.json_api import JSON
from hardpoint.http.messages import BodyStream
from hardpoint.runtime.effects import Runtime

Content = bytes | str | PathLike[str] | BodyStream
"""A body that is sent as it is: bytes, text, a file by its path, or pieces of a known size."""
Query = Mapping[str, Any] | Sequence[tuple[str, Any]]
RepeatWord = Literal["safe", "idempotent", "needs_key", "never"]
"""What a repeat of a call does; see `Repeat`."""
PIECE_BYTES: Final = 256 * 1024
"""Of a file at a time: each is one way to a thread and back."""

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LITERAL: Final = re.compile(r"[!-~]*", re.ASCII)
_DOTS: Final = frozenset({".", ".."})
_SINGLE: Final = (str, int, float, Decimal, UUID)
_KINDS: Final = "text, a number, true, false, None, or a list of these"


@final
class RestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What one call sends in every attempt.

    Attributes:
        method: `POST`.
        target: path and query.
        headers: beside the connection's own.
        body: the bytes, or what gives them anew for each attempt.
        compressed: whether the answer may be.
        redirects: how many may be followed.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Callable[[], bytes | BodyStream] = b""
    compressed: bool = False
    redirects: int = 0

    def content(self) -> bytes | BodyStream:
        """The body of one attempt."""
        return self.body if isinstance(self.body, bytes) else self.body()


_REPEATS: Final[Mapping[str, Repeat]] = {
    "GET": Repeat.SAFE,
    "HEAD": Repeat.SAFE,
    "OPTIONS": Repeat.SAFE,
    "PUT": Repeat.IDEMPOTENT,
    "DELETE": Repeat.IDEMPOTENT,
}


@lru_cache(maxsize=1024)
def operation_of(method: str, path: str, repeat: str | None) -> Operation:
    """A verb and its class: that of the method, unless the caller says another."""
    name = f"{method} {path}"
    if repeat is None:
        return Operation(name, _REPEATS.get(method, Repeat.NEEDS_KEY))
    try:
        return Operation(name, Repeat(repeat))
    except ValueError:
        known = ", ".join(one.value for one in Repeat)
        raise InvalidRequestError(f"is {repeat!r:.40}; one of {known}", field="repeat") from None


def path_of(template: str, values: Mapping[str, object]) -> str:
    """A template with its places filled, `/deals/{id}` and `id=7` as `/deals/7`.

    Raises:
        InvalidRequestError: it is no path, a place is not filled, a value has none, or what fills
            one would lead elsewhere.
    """
    pieces = _pieces(template)
    if len(pieces) == 1:
        path = template
    else:
        made = list(pieces)
        for index in range(1, len(pieces), 2):
            if pieces[index] not in values:
                raise InvalidRequestError(
                    f"nothing is given for {template!r:.80}", field=pieces[index]
                )
            made[index] = _filled(pieces[index], values[pieces[index]])
        path = "".join(made)
    if len(values) * 2 > len(pieces) - 1 and (odd := values.keys() - {*pieces[1::2]}):
        raise InvalidRequestError(f"has no place in {template!r:.80}", field=min(odd))
    return path


@lru_cache(maxsize=1024)
def _pieces(template: str) -> tuple[str, ...]:
    """Literal text and names in turn.

    Raises:
        InvalidRequestError: it is no path below the connection's address.
    """
    pieces = tuple(_PLACE.split(template))
    literal = "".join(pieces[::2])
    wrong = None
    if not template.startswith("/") or template.startswith("//"):
        wrong = "does not begin with one slash"
    elif not _LITERAL.fullmatch(literal) or {"\\", "{", "}"} & {*literal}:
        wrong = "has characters that a path does not"
    elif "?" in literal or "#" in literal:
        wrong = "has a query: give query={...}"
    elif not _DOTS.isdisjoint(unquote("x".join(pieces[::2])).split("/")):
        wrong = "has dots that lead elsewhere"
    elif not all(map(_NAME.fullmatch, pieces[1::2])):
        wrong = "has a place without a name"
    if wrong:
        raise InvalidRequestError(f"{template!r:.80} {wrong}", field="path")
    return pieces


def _filled(name: str, value: object) -> str:
    if not isinstance(value, _SINGLE) or isinstance(value, (bool, float)):
        raise InvalidRequestError(
            f"is {type(value).__name__}; write text or a whole number", field=name
        )
    text = _text(value, name)
    if not text or text in _DOTS:
        raise InvalidRequestError(f"{text!r} cannot be a segment of a path", field=name)
    return segment(text)


def _text(value: object, field: str) -> str:
    """As text that bytes can be made of."""
    try:
        text = str(value)
        if not text.isascii():
            text.encode()
    except ValueError:  # half a character, or more digits than Python writes
        raise InvalidRequestError("cannot be written as text", field=field) from None
    return text


def target_of(path: str, query: Query, secrets: Sequence[str] = ()) -> str:
    """A path with its query.

    Raises:
        InvalidRequestError: a value that a query cannot hold, or a secret of the connection's.
    """
    pairs: list[str] = []
    for name, value in query.items() if isinstance(query, Mapping) else query:
        for one in _values(value):
            if one is None:
                continue
            text: object = str(one).lower() if isinstance(one, bool) else one
            if not isinstance(text, _SINGLE):
                raise InvalidRequestError(
                    f"is {type(one).__name__}; write {_KINDS}", field=f"query.{name}"
                )
            text = _text(text, f"query.{name}")
            if text in secrets:
                raise InvalidRequestError(
                    "is a secret of the connection's: what stands in a URL ends up in logs",
                    field=f"query.{name}",
                )
            pairs.append(f"{quote(_text(name, 'query'), safe='')}={quote(text, safe='')}")
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def _values(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else (value,)


def header_pairs(
    headers: Mapping[str, str] | None, *, if_match: str | None, key_header: str | None
) -> tuple[tuple[str, str], ...]:
    """The caller's own headers.

    Raises:
        InvalidRequestError: one of them is the connection's to set, or no text.
    """
    if not headers:
        return () if if_match is None else (("if-match", if_match),)
    ours = {"authorization", "host", "content-length", (key_header or "").lower()}
    for name, value in headers.items():
        expect(name, str, "headers", PAIRS)
        expect(value, str, f"headers.{name}", TEXT)
        if name.lower() in ours:
            raise InvalidRequestError("is the connection's to set", field=f"headers.{name}")
    pairs = tuple(headers.items())
    return pairs if if_match is None else (*pairs, ("if-match", if_match))


@final
class RestBody(msgspec.Struct, frozen=True):
    """A body, with the headers that tell of it.

    Attributes:
        body: see `RestRequest`.
        headers: `content-type`.
        once: it can be sent only once.
        facts: what it is, to be compared with that of a repeat.
    """

    body: bytes | Callable[[], bytes | BodyStream] = b""
    headers: tuple[tuple[str, str], ...] = ()
    once: bool = False
    facts: object = None


_NO_BODY: Final = RestBody()


def body_of(
    json: object,
    form: Mapping[str, Any] | None,
    content: Content | None,
    kind: str | None,
    runtime: Runtime,
) -> RestBody:
    """What is sent.

    Args:
        json: a document: whatever msgspec can write, or a pydantic model.
        form: or a form.
        content: or the bytes themselves.
        kind: the `content-type`, where it is not the usual one.
        runtime: where a file is read.

    Raises:
        InvalidRequestError: it cannot be written, or two are given.
    """
    if json is not None:
        if form is not None or content is not None:
            raise InvalidRequestError("is given beside another body", field="json")
        body = _document(json)
        return RestBody(body, (("content-type", kind or JSON),), facts=body)
    if form is not None:
        if content is not None:
            raise InvalidRequestError("is given beside another body", field="form")
        body = encode(form, repeat=True)
        return RestBody(body, (("content-type", kind or FORM),), facts=body)
    if content is None:
        return _NO_BODY
    headers = (("content-type", kind or "application/octet-stream"),)
    if isinstance(content, BodyStream):
        return RestBody(lambda: content, headers, once=True, facts=content.size)
    if isinstance(content, (bytes, str)):
        body = _text(content, "content").encode() if isinstance(content, str) else content
        return RestBody(body, headers, facts=body)
    expect(content, PathLike, "content", "bytes, text, a path or a BodyStream")
    return _file(Path(content), headers, runtime)


def _document(json: object) -> bytes:
    dump = getattr(json, "model_dump_json", None)
    try:
        return dump().encode() if dump is not None else msgspec.json.encode(json)
    except (TypeError, *UNREADABLE):
        raise InvalidRequestError("cannot be written as JSON", field="json") from None


def _file(path: Path, headers: tuple[tuple[str, str], ...], runtime: Runtime) -> RestBody:
    """A file, from its beginning in each attempt."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InvalidRequestError("is not a regular file", field="content")
    except OSError as error:
        raise InvalidRequestError(f"cannot be read ({error.strerror})", field="content") from None
    return RestBody(
        lambda: BodyStream(size, _pieces_of(path, runtime)),
        headers,
        facts=(str(path.absolute()), size),
    )


async def _pieces_of(path: Path, runtime: Runtime) -> AsyncIterator[bytes]:
    try:
        file = await runtime.work(lambda: path.open("rb"))
        with file:
            while piece := await runtime.work(lambda: file.read(PIECE_BYTES)):
                yield piece
    except OSError as error:
        raise InvalidRequestError(f"cannot be read ({error.strerror})", field="content") from None
