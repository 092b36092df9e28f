"""Reading no more of a verified body than what it is: id, type and account."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

NAME_CHARS_MAX = 256
"""Ids, types and accounts go into indexes, logs and terminals."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
"""An id, a type or an account, as a field of an envelope; `check_printable` does the rest."""

Envelope = TypeVar("Envelope")

_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Unreadable(Exception):  # noqa: N818 - not an error: the event is stored all the same
    """A body under a good signature that is not what the vendor sends; its text says why."""


def open_envelope(decode: Callable[[bytes], Envelope], body: bytes) -> Envelope:
    """The few fields a struct asks for.

    What the struct does not name is skipped, its syntax and encoding checked. A key that stands
    twice counts as its last occurrence, which is what `Event.json()` gives the handler too.

    Args:
        decode: of a `msgspec.json.Decoder` of the struct.
        body: raw.

    Raises:
        Unreadable: not UTF-8, not JSON, nested too deeply, or a field that does not fit.
    """
    try:
        body.decode()  # the decoder does not look into the strings it skips
        return decode(body)
    except UnicodeDecodeError:
        raise Unreadable("the body is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise Unreadable(f"the body is not the JSON expected: {error}") from None
    except RecursionError:
        raise Unreadable("the body is nested too deeply") from None


def open_batch(decode: Callable[[bytes], Envelope], body: bytes) -> list[tuple[Envelope, bytes]]:
    """The few fields of each item of a list, and the item's own bytes.

    Args:
        decode: of a `msgspec.json.Decoder` of one item.
        body: raw.

    Raises:
        Unreadable: see `open_envelope`; or no list, or an empty one.
    """
    items = [bytes(one) for one in open_envelope(_items, body)]
    if not items:
        raise Unreadable("the list of events is empty")
    return [(open_envelope(decode, item), item) for item in items]


def check_printable(names: str) -> None:
    """Refuse names that would forge a line of a log or move a terminal's cursor.

    Raises:
        Unreadable: a character that is not printable, a lone surrogate included.
    """
    if not names.isprintable():
        raise Unreadable("id, type or account holds a character that cannot be printed")
