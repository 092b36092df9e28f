"""Reading no more of a verified body than what it is: id, type and account."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from hardpoint.webhooks.verification import Notification

NAME_CHARS_MAX = 256
"""Ids, types and accounts go into indexes, logs and terminals."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
"""An id, a type or an account, as a field of an envelope; `check_printable` does the rest."""

OptionalName = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] | None
"""The same where the vendor may leave it out, or empty."""

SignedEnvelope = TypeVar("SignedEnvelope")

_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Unreadable(Exception):  # noqa: N818 - not an error: the event is stored all the same
    """A body under a good signature that is not what the vendor sends; its text says why."""


def open_envelope(decode: Callable[[bytes], SignedEnvelope], body: bytes) -> SignedEnvelope:
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


def open_batch(body: bytes, read: Callable[[bytes], Notification]) -> tuple[Notification, ...]:
    """A notification for each item of a list, with the item's own bytes.

    Items stand alone: one that cannot be read is malformed by itself.

    Args:
        body: raw.
        read: of one item; raises `Unreadable`.

    Raises:
        Unreadable: see `open_envelope`; or no list, or an empty one.
    """
    items = open_envelope(_items, body)
    if not items:
        raise Unreadable("the list of events is empty")
    return tuple([_opened(bytes(item), read) for item in items])


def _opened(item: bytes, read: Callable[[bytes], Notification]) -> Notification:
    try:
        return read(item)
    except Unreadable as problem:
        return Notification(id="", type="", body=item, malformed=str(problem))


def named(
    event_id: str,
    event_type: str,
    account: str | None = None,
    *,
    asserted: bool = False,
    body: bytes | None = None,
) -> Notification:
    """A notification under these names, each of a length that an envelope has checked.

    Raises:
        Unreadable: see `check_printable`.
    """
    check_printable(event_id + event_type + (account or ""))
    return Notification(id=event_id, type=event_type, account=account, asserted=asserted, body=body)


def check_printable(names: str) -> None:
    """Refuse names that would forge a line of a log or move a terminal's cursor.

    Raises:
        Unreadable: a character that is not printable, a lone surrogate included.
    """
    if not names.isprintable():
        raise Unreadable("id, type or account holds a character that cannot be printed")


def check_name(name: str) -> None:
    """Refuse a name that is too long to be one, or not printable.

    Raises:
        Unreadable: it is.
    """
    if len(name) > NAME_CHARS_MAX:
        raise Unreadable(f"a name has more than {NAME_CHARS_MAX} characters")
    check_printable(name)
