"""Telephone numbers in E.164, `+14155550100`: checked, and shown only in part."""

import re

from hardpoint.core.arguments import expect
from hardpoint.core.errors import InvalidRequestError

_PLUS = re.compile(r"\+[0-9 ().-]{5,40}", re.ASCII)
_SHOWN_FIRST, _SHOWN_LAST = 3, 2


def checked_number(text: str, *, field: str) -> str:
    """The number without the signs that people put between digits.

    It must be possible, not known to be in use: number plans change faster than we are updated. A
    country is never guessed.

    Raises:
        InvalidRequestError: it is no number, or has no country; nothing was sent.
    """
    expect(text, str, field, 'text: "+14155550100"')
    if not _PLUS.fullmatch(text):
        raise InvalidRequestError("is not + and the digits of a telephone number", field=field)
    import phonenumbers  # 30 ms, spent by those who send

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise InvalidRequestError("is not a possible telephone number", field=field)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def masked(number: str) -> str:
    """A number as logs may hold it, `+14****00`, `rcs:+14****00`; other senders as they are."""
    before, sign, digits = number.partition("+")
    if not sign or (before and not before.endswith(":")):
        return number
    return f"{before}+{digits[: _SHOWN_FIRST - 1]}****{digits[-_SHOWN_LAST:]}"
