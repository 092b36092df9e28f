"""Whom a message is for and from: a number, with its channel before it where that is not SMS."""

import re
from enum import StrEnum
from typing import Final

from hardpoint.calls.numbers import checked_number
from hardpoint.core.arguments import TEXT, expect
from hardpoint.core.errors import InvalidRequestError


class MessageChannel(StrEnum):
    """What a message goes through; the word before a number says which, SMS where none does."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    RCS = "rcs"


_PREFIXES: Final = {f"{one}:": one for one in (MessageChannel.WHATSAPP, MessageChannel.RCS)}
_SHORT_CODE: Final = re.compile(r"[0-9]{3,8}", re.ASCII)
_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}", re.ASCII)
_AGENT: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


def parted(address: str) -> tuple[MessageChannel, str]:
    """The channel of an address, and the rest."""
    for prefix, channel in _PREFIXES.items():
        if address.startswith(prefix):
            return channel, address[len(prefix) :]
    return MessageChannel.SMS, address


def joined(channel: MessageChannel, rest: str) -> str:
    """The address of a number on a channel."""
    return rest if channel is MessageChannel.SMS else f"{channel}:{rest}"


def checked_recipient(text: str, *, field: str) -> str:
    """The address with its number in E.164.

    Raises:
        InvalidRequestError: it is no number, or has no country; nothing was sent.
    """
    expect(text, str, field, 'text: "+14155550100", or "whatsapp:+14155550100"')
    channel, number = parted(text)
    return joined(channel, checked_number(number, field=field))


def checked_sender(text: str, *, field: str) -> tuple[str, bool]:
    """The address of a sender, and whether it is a name in place of a number.

    Raises:
        InvalidRequestError: it is none; nothing was sent.
    """
    expect(text, str, field, TEXT)
    channel, rest = parted(text)
    if rest.startswith("+"):
        return joined(channel, checked_number(rest, field=field)), False
    if channel is MessageChannel.RCS and _AGENT.fullmatch(rest):
        return text, False
    if channel is MessageChannel.SMS and _SHORT_CODE.fullmatch(rest):
        return text, False
    if channel is MessageChannel.SMS and _NAME.fullmatch(rest) and rest == rest.strip():
        return text, True
    raise InvalidRequestError(
        "is not a number, a short code, the name of a sender or an agent of RCS", field=field
    )
