"""What a provider's SMS must offer: one attempt each, errors mapped, nothing decided."""

from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.sms.types import Message, MessagePage, NewMessage, SmsEvent


class SmsCapability(StrEnum):
    """What not every provider can do."""

    MEDIA = "media"
    """Pictures and other files go along, by their URLs."""
    SENDER_NAME = "sender_name"
    """A name stands in the place of the sender's number, where the country allows it."""
    FIND = "find"
    """Messages can be listed by recipient, newest first."""


class SmsDriver(Driver, Protocol):
    """A provider's messages. Ids are the provider's own; numbers are E.164.

    Limits read by the port: `text_characters`, `media_items`.
    """

    @property
    def sender(self) -> str | None:
        """Who sends where a call does not say; an opt-out is tied to it."""
        ...

    async def send(self, new: NewMessage, *, idempotency_key: str) -> Message:
        """Hand it over to be sent.

        Raises:
            OptedOutError: the recipient does not want it.
        """
        ...

    async def get_message(self, message_id: str) -> Message:
        """Read it."""
        ...

    async def list_messages(self, *, to: str, since: float, cursor: str | None) -> MessagePage:
        """A page of the messages to a number, newest first, at least back to `since`."""
        ...

    def parse_event(self, body: bytes) -> SmsEvent | None:
        """What a verified webhook's body says; None when it is about something else."""
        ...
