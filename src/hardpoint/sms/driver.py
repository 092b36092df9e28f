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
    READ = "read"
    """A message can be read by its id."""
    FIND = "find"
    """Messages can be listed by recipient, newest first."""
    WHATSAPP = "whatsapp"
    """Addresses such as `whatsapp:+14155550100`."""
    RCS = "rcs"
    """Addresses such as `rcs:+14155550100`."""
    TEMPLATES = "templates"
    """A text that the provider keeps, with variables."""
    SERVICE = "service"
    """A messaging service chooses the sender of a message."""
    SCHEDULE = "schedule"
    """A message is kept for later."""
    CANCEL = "cancel"
    """One that is kept for later can be called off."""
    VALIDITY = "validity"
    """A message that has not gone out in time is dropped."""


class SmsDriver(Driver, Protocol):
    """A provider's messages; a driver that shows them is an `SmsLookupDriver`.

    Ids are the provider's own, without a connection; numbers are E.164.

    The port has checked every argument against the capabilities, and asked the suppressions. Times
    are Unix seconds.

    Limits read by the port: `text_characters`, `media_items`, `schedule_seconds_min` and `_max`,
    `validity_seconds_min` and `_max`.

    Raises (every verb):
        ProviderError: what the provider's table of errors has for a refusal. Where the answer is
            lost or cannot be read, an error whose `outcome_known` is False.
    """

    @property
    def sender(self) -> str | None:
        """Who sends where a call does not say; an opt-out is tied to it."""
        ...

    async def send(self, new: NewMessage, *, idempotency_key: str) -> Message:
        """Hand it over to be sent; its status tells no more than that it was taken.

        Raises:
            OptedOutError: the recipient does not want it.
        """
        ...

    def parse_event(self, body: bytes) -> SmsEvent | None:
        """What a verified webhook's body says; None when it is about something else.

        Raises:
            ValueError, RecursionError: it is about a message, in no shape we know.
        """
        ...


class SmsLookupDriver(SmsDriver, Protocol):
    """A driver with the capabilities `READ`, `FIND` and `CANCEL`."""

    async def get_message(self, message_id: str) -> Message:
        """Read it.

        Raises:
            NotFoundError: there is none of that id.
        """
        ...

    async def list_messages(self, *, to: str, since: float, cursor: str | None) -> MessagePage:
        """A page of the messages to a number, newest first, at least back to `since`.

        Args:
            to: the number.
            since: Unix seconds.
            cursor: of the page before; None for the first.
        """
        ...

    async def cancel(self, message_id: str) -> Message:
        """Call off what is kept for later; what was called off before is as good.

        Raises:
            NotFoundError: there is none of that id.
            ConflictError: it is on its way, or was never kept.
        """
        ...
