"""How many parts a text is sent, and paid, in: GSM-7 where every character has a place, else UCS-2.

3GPP TS 23.038 6.2.1 and TS 23.040 9.2.3.24.1. No part ends within a character.
"""

from enum import StrEnum

import msgspec

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")


class SmsEncoding(StrEnum):
    """How the characters are written on the air."""

    GSM_7 = "gsm_7"
    UCS_2 = "ucs_2"


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """What a text amounts to.

    Attributes:
        encoding: of the whole text; one character outside GSM-7 halves its room.
        units: septets, an extension character counting two; or UTF-16 units, an emoji counting two.
        count: parts; 0 for no text.
    """

    encoding: SmsEncoding
    units: int
    count: int


def segments(text: str) -> Segments:
    """Count them.

    One part holds 160 septets or 70 units; of several each holds 153 or 67, since a header numbers
    them.
    """
    if _EXTENSION.union(_BASIC).issuperset(text):
        widths = [2 if one in _EXTENSION else 1 for one in text]
        return _counted(SmsEncoding.GSM_7, widths, alone=160, each=153)
    widths = [2 if ord(one) > 0xFFFF else 1 for one in text]
    return _counted(SmsEncoding.UCS_2, widths, alone=70, each=67)


def _counted(encoding: SmsEncoding, widths: list[int], *, alone: int, each: int) -> Segments:
    units = sum(widths)
    if units <= alone:
        return Segments(encoding=encoding, units=units, count=min(units, 1))
    count, room = 1, each
    for width in widths:
        if width > room:
            count, room = count + 1, each
        room -= width
    return Segments(encoding=encoding, units=units, count=count)
