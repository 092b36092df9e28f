"""Forms that anyone may send, read before and after their signature is checked.

All on bytes, so that any body has something that can be signed, and no parser can disagree with us
before it is checked. All of it is linear, and in C.
"""

import re
from binascii import a2b_qp
from collections.abc import Collection, Sequence
from typing import Final

from hardpoint.core.errors import MalformedRequestError
from hardpoint.webhooks.envelopes import Unreadable

FORM_BYTES_MAX: Final = 128 * 1024
"""A text message of 1600 signs takes 20 KB at most; what vendors say beside it comes on top."""
FORM_FIELDS_MAX: Final = 256
"""Vendors send about 30."""

FormField = tuple[bytes, bytes]
"""A name and a value, decoded."""

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def form_fields(body: bytes) -> list[FormField]:
    """A form's names and values, in their order; what is empty is left out.

    Raises:
        MalformedRequestError: larger than `FORM_BYTES_MAX`, more than `FORM_FIELDS_MAX` fields, or
            a `%` that starts no escape, as no sender's does.
    """
    if len(body) > FORM_BYTES_MAX:
        raise MalformedRequestError(f"the form has more than {FORM_BYTES_MAX} bytes")
    if body.count(b"&") >= FORM_FIELDS_MAX:
        raise MalformedRequestError(f"the form has more than {FORM_FIELDS_MAX} parameters")
    if _BROKEN.search(body):
        raise MalformedRequestError("the form holds a % that starts no escape")
    fields: list[FormField] = []
    for piece in body.replace(b"+", b" ").split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            fields.append((_plain(name), _plain(value)))
    return fields


def form_texts(fields: Sequence[FormField], names: Collection[bytes]) -> dict[str, str]:
    """The texts of some of a form's fields, by name; of one that stands twice, both say the same.

    Raises:
        Unreadable: two values of one name, of which another parser may take the other one; or the
            form is not UTF-8.
    """
    try:
        b"\0".join([b"\0".join(field) for field in fields]).decode()
    except UnicodeDecodeError:
        raise Unreadable("the form is not UTF-8") from None
    texts: dict[str, str] = {}
    for field, value in fields:
        if field in names:
            name, text = field.decode(), value.decode()
            if texts.setdefault(name, text) != text:
                raise Unreadable(f"{name} stands twice, with different values")
    return texts


def _plain(text: bytes) -> bytes:
    """Without escapes: quoted-printable is the same with another sign before the digits."""
    if b"%" not in text:
        return text
    return a2b_qp(text.replace(b"=", b"%3D").replace(b"%", b"="))
