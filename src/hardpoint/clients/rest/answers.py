"""An answer, and what is read from it: any type that msgspec or pydantic can check."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.http.messages import Headers, Response
from hardpoint.http.redaction import redacted
from hardpoint.runtime.decoding_types import TYPE_MAKING

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Into = TypeVar("Into", default="RestAnswer")
else:
    from typing import TypeVar

    Into = TypeVar("Into")

DOCUMENT: Final[Any] = Any
"""For `decoded`: whatever JSON it is."""
Secrets = Callable[[], Sequence[str]]
"""Gives what must not be shown: asked only where something is."""
_HEAD_CHARACTERS: Final = 200
_CONTENT_TYPE: Final = b"content-type"


@final
class RestAnswer(msgspec.Struct, frozen=True):
    """A good answer, as it came.

    Attributes:
        status: 200 to 299.
        pairs: its headers, in order; `headers` reads them.
        body: the bytes.
        unchanged: whether it is the one of an earlier call: the API said that nothing has changed.
    """

    status: int
    pairs: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    unchanged: bool = False

    @classmethod
    def of(cls, reply: Response) -> "RestAnswer":
        """The same from a transport's."""
        return cls(reply.status, reply.headers.pairs, reply.body)

    @property
    def headers(self) -> Headers:
        """By their names in small letters."""
        return Headers(self.pairs)

    @property
    def etag(self) -> str | None:
        """For `if_match`, in a later call."""
        return self.headers.get("etag")

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            UnexpectedResponseError: it is none.
        """
        return decoded(self, DOCUMENT, "the API")

    def __repr__(self) -> str:
        return f"RestAnswer({self.status}, {len(self.body)} bytes)"


def decoded(answer: RestAnswer, into: type[Into], provider: str, secrets: Secrets = tuple) -> Into:
    """What an answer says, as a type of the caller's.

    Args:
        answer: a good one.
        into: a dataclass, TypedDict, Struct, pydantic model, or lists and the like of these.
        provider: for errors.
        secrets: gives what must not be shown if the answer quotes it.

    Raises:
        UnexpectedResponseError: it is something else: says where. It has acted, and is known to.
    """
    kind = _content_type(answer)
    if kind and not is_json(kind):
        said = redacted(answer.text[:_HEAD_CHARACTERS], secrets())
        raise unexpected(answer, f"is {kind:.60}, not JSON: {said}", provider)
    try:
        return _decoder(into).decode(answer.body)
    except UNREADABLE as error:
        reason = redacted(str(error), secrets())
        name = getattr(into, "__name__", str(into))
        failure = unexpected(answer, f"does not fit {name}: {reason}", provider)
    raise failure


def check_readable(into: Any) -> None:
    """See that answers can be read as this, before anything is sent.

    Raises:
        InvalidRequestError: nobody knows how.
    """
    try:
        _decoder(into)
    except InvalidRequestError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a type's own definition raises
        raise InvalidRequestError(f"is {into!r:.80}: {error}", field="into") from None


def converted(
    answer: RestAnswer, found: object, into: type[Into], provider: str, secrets: Secrets = tuple
) -> Into:
    """A part of an answer, as a type of the caller's; see `decoded`."""
    try:
        return msgspec.convert(found, into, dec_hook=_foreign)
    except UNREADABLE as error:
        reason = redacted(str(error), secrets())
        failure = unexpected(answer, f"does not fit {into}: {reason}", provider)
    raise failure


def unexpected(answer: RestAnswer, what: str, provider: str) -> UnexpectedResponseError:
    """The error for an answer that is good by its status alone."""
    return UnexpectedResponseError(
        f"the answer of {provider} {what}", status=answer.status, outcome_known=True
    )


def _content_type(answer: RestAnswer) -> str:
    """Looked for among the raw headers: to decode all of them for one is dear."""
    for name, value in reversed(answer.pairs):
        if len(name) == len(_CONTENT_TYPE) and name.lower() == _CONTENT_TYPE:
            return value.decode("latin-1").strip()
    return ""


@lru_cache(maxsize=64)
def is_json(content_type: str) -> bool:
    """Whether a content type is JSON's, or one that is written in it."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


@lru_cache(maxsize=256)
def _decoder(into: Any) -> "msgspec.json.Decoder[Any]":
    with TYPE_MAKING.lock:
        decoder = msgspec.json.Decoder(into, dec_hook=_foreign)
        _check_known(into)
    return decoder


def _check_known(into: Any) -> None:
    """See that each class in a type is one that somebody can read."""
    from msgspec.inspect import CustomType, Field, Type, type_info  # dear, and only for new types

    seen: set[int] = set()
    left: list[object] = [type_info(into)]
    while left:
        one = left.pop()
        if isinstance(one, tuple):
            left.extend(cast("tuple[object, ...]", one))
        elif isinstance(one, Type | Field) and id(one) not in seen:
            seen.add(id(one))
            if isinstance(one, CustomType):
                _reader(one.cls)
            left.extend(getattr(one, name) for name in one.__struct_fields__)


def _foreign(kind: Any, value: Any) -> Any:
    """A type that msgspec does not know: one of pydantic's reads itself."""
    return _reader(kind)(value)


def _reader(kind: Any) -> Callable[[Any], Any]:
    read = getattr(kind, "model_validate", None)
    if read is None:
        raise InvalidRequestError(f"has {kind!r:.80}, which nobody knows how to read", field="into")
    return read


def at_pointer(document: object, pointer: str) -> Any:
    """What stands at a JSON pointer (RFC 6901); None where nothing does."""
    found: Any = document
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = cast("dict[str, Any]", found).get(key)
        elif isinstance(found, list) and key.isdecimal() and key.isascii() and len(key) < 9:
            items = cast("list[Any]", found)
            found = items[int(key)] if int(key) < len(items) else None
        else:
            return None
    return found
