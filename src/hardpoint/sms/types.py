"""The values of the SMS port; a provider's words are translated into these and no others."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from hardpoint.calls.numbers import masked
from hardpoint.http.redaction import Discreet, length


class MessageStatus(StrEnum):
    """How far a message is, in the order in which it gets there; see `merge`.

    Only `DELIVERED` and `READ` mean that the recipient has it.
    """

    UNKNOWN = "unknown"
    """A status we do not know; never taken for a success. See `vendor_status`."""
    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    """The provider has it and still chooses a sender."""
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    """The carrier has it."""
    CANCELED = "canceled"
    FAILED = "failed"
    """It never left the provider."""
    UNDELIVERED = "undelivered"
    """The carrier could not deliver it."""
    PARTIALLY_DELIVERED = "partially_delivered"
    DELIVERED = "delivered"
    READ = "read"
    RECEIVING = "receiving"
    """On its way to you."""
    RECEIVED = "received"

    @property
    def arrived(self) -> bool:
        """The recipient has it."""
        return self in _ARRIVED

    @property
    def ended(self) -> bool:
        """The provider will do no more, though it may still learn more."""
        return self in _ENDED


_ARRIVED = frozenset({MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.RECEIVED})
_ENDED = _ARRIVED | {
    MessageStatus.CANCELED,
    MessageStatus.FAILED,
    MessageStatus.UNDELIVERED,
    MessageStatus.PARTIALLY_DELIVERED,
}
_RANKS = {status: rank for rank, status in enumerate(MessageStatus)}


def merge(old: MessageStatus, new: MessageStatus) -> MessageStatus:
    """What is known of a message after two reports of it, in whatever order they come.

    The further one: a late `SENT` changes nothing about `DELIVERED`, and what was delivered was not
    undelivered, whoever said so before.
    """
    return max(old, new, key=_RANKS.__getitem__)


class SmsFailure(StrEnum):
    """Why a message did not arrive."""

    UNREACHABLE = "unreachable"
    """Switched off or out of reach; it may work later."""
    UNKNOWN_NUMBER = "unknown_number"
    NOT_MOBILE = "not_mobile"
    BLOCKED = "blocked"
    """By the recipient's or the provider's block list."""
    FILTERED = "filtered"
    """A carrier or the provider takes it for spam."""
    OPTED_OUT = "opted_out"
    NOT_REGISTERED = "not_registered"
    """The sender lacks a registration that the country or carrier demands."""
    MEDIA = "media"
    EXPIRED = "expired"
    TEMPORARY = "temporary"
    """Something failed underway; it may work later."""
    OTHER = "other"


class _Discreet(Discreet, frozen=True, kw_only=True):
    """Shown without its numbers in full, and without its text."""

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "to": lambda number: repr(masked(number)),
        "from_": lambda number: repr(masked(number)),
        "body": length,
    }


class MessageTemplate(Discreet, frozen=True):
    """A text that the provider keeps and, for WhatsApp, has had approved.

    Attributes:
        id: the provider's name of it.
        variables: what stands in its places, `{"1": "Ann"}`.
        language: of the text, `en` or `pt_BR`, where the provider keeps it in several.
    """

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "variables": lambda variables: f"<{len(variables)} variables>"
    }
    id: str
    variables: Mapping[str, str] = {}
    language: str | None = None


class NewMessage(_Discreet, frozen=True, kw_only=True):
    """What a driver is asked to send; checked by the port. `from_` None is the driver's sender.

    `key` is the caller's idempotency key as it is, to be carried where events bring it back.

    Attributes:
        template: in place of a text.
        service: a messaging service, which chooses a sender, in place of the driver's own.
        send_at: Unix seconds; None for now.
        validity: seconds after which it need not be sent any more.
    """

    to: str
    body: str
    from_: str | None = None
    media: tuple[str, ...] = ()
    extra: Mapping[str, object] = {}
    template: MessageTemplate | None = None
    service: str | None = None
    send_at: float | None = None
    validity: int | None = None
    key: str = ""


class Message(_Discreet, frozen=True, kw_only=True):
    """A message as its provider sees it.

    Attributes:
        id: with its connection, `texts:SM9f...`.
        status: in our words; `vendor_status` in the provider's.
        to: E.164.
        body: as sent; empty where the provider keeps no texts.
        created: Unix seconds; by our clock where the provider does not say.
        from_: who it is from; None while the provider has not chosen.
        segments: as the provider counts them; None while it has not.
        failure: why it did not arrive; `vendor_code` is the provider's own code for it.
    """

    id: str
    status: MessageStatus
    vendor_status: str
    to: str
    body: str
    created: float = 0.0
    from_: str | None = None
    segments: int | None = None
    failure: SmsFailure | None = None
    vendor_code: str | None = None


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some messages, and where the next ones start; None when there are no more."""

    messages: tuple[Message, ...]
    cursor: str | None = None


class SmsConsent(StrEnum):
    """What a recipient's word says about being texted."""

    STOP = "stop"
    START = "start"
    HELP = "help"


class MessageChanged(_Discreet, frozen=True, kw_only=True):
    """A message that was sent is further than before, or came to nothing.

    `service` is the one that sent it, where that is known, and `idempotency_key` that of the call:
    a call whose outcome was unknown, and whose key an event carries, was sent. Events come in any
    order: keep `merge(stored, event.status)`.
    """

    message_id: str
    status: MessageStatus
    vendor_status: str
    to: str
    from_: str | None
    failure: SmsFailure | None = None
    vendor_code: str | None = None
    service: str | None = None
    idempotency_key: str | None = None


class MessageReceived(_Discreet, frozen=True, kw_only=True):
    """Someone texted you. `consent` where the provider took it for a keyword such as STOP.

    `service` is the one that the number belongs to, where that is known.
    """

    message_id: str
    from_: str
    to: str
    body: str
    media: tuple[str, ...] = ()
    consent: SmsConsent | None = None
    service: str | None = None


SmsEvent = MessageChanged | MessageReceived
