"""Reading no more of a verified body than what it is: id, type and account."""

from typing import TypeVar

import msgspec

from hardpoint.webhooks.signatures import FIELD_CHARS_MAX

Envelope = TypeVar("Envelope")


def open_envelope(decoder: msgspec.json.Decoder[Envelope], body: bytes) -> Envelope | str:
    """The few fields a struct asks for, or why the body cannot be read.

    What the struct does not name is skipped, its syntax and encoding checked. A key that stands
    twice counts as its last occurrence, which is what `Event.json()` gives the handler too.
    """
    try:
        if not body.isascii():
            body.decode()  # the decoder does not look into the strings it skips
        return decoder.decode(body)
    except UnicodeDecodeError:
        return "the body is not UTF-8"
    except msgspec.DecodeError as error:
        return f"the body is not the JSON expected: {error}"
    except RecursionError:
        return "the body is nested too deeply"


def is_name(text: str) -> bool:
    """Whether a text will do as id, type or account: printable, neither empty nor huge."""
    return 0 < len(text) <= FIELD_CHARS_MAX and text.isprintable()
