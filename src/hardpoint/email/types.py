"""The values of the email port; a provider's words are translated into these and no others."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from hardpoint.email.addresses import Address, masked
from hardpoint.email.invitations import Invitation
from hardpoint.http.redaction import Discreet, length


class DeliveryStatus(StrEnum):
    """How far an email is on its way to one recipient, in the order it gets there; see `merge`.

    Only `DELIVERED` means that the recipient's server has it; nothing says that anyone read it.
    """

    UNKNOWN = "unknown"
    """A status we do not know; never taken for a success. See `vendor_status`."""
    QUEUED = "queued"
    """The provider has it."""
    DEFERRED = "deferred"
    """The recipient's server put it off; the provider tries again."""
    SENT = "sent"
    """It is on its way."""
    INVALID = "invalid"
    """The provider takes this for no address."""
    REJECTED = "rejected"
    """The provider does not send to this recipient."""
    FAILED = "failed"
    """It never left the provider."""
    DELIVERED = "delivered"
    """The recipient's server took it."""
    BOUNCED = "bounced"
    """The recipient's server refused it; some take it first and say so later."""

    @property
    def arrived(self) -> bool:
        """The recipient's server has it."""
        return self is DeliveryStatus.DELIVERED

    @property
    def ended(self) -> bool:
        """The provider will do no more, though it may still learn more."""
        return _RANKS[self] >= _RANKS[DeliveryStatus.INVALID]


_RANKS = {status: rank for rank, status in enumerate(DeliveryStatus)}


def merge(old: DeliveryStatus, new: DeliveryStatus) -> DeliveryStatus:
    """What is known of a delivery after two reports of it, in whatever order they come.

    The further one: a late `DEFERRED` changes nothing about `DELIVERED`, a late bounce does.
    """
    return max(old, new, key=_RANKS.__getitem__)


class EmailFailure(StrEnum):
    """Why an email did not arrive."""

    INVALID_ADDRESS = "invalid_address"
    """There is no such mailbox or domain; do not send to it again."""
    BOUNCED_BEFORE = "bounced_before"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    """The recipient called an earlier one spam."""
    MAILBOX = "mailbox"
    """It is full, or closed for now; it may work later."""
    CONTENT = "content"
    """Taken for spam, or larger than the recipient's server allows."""
    REPUTATION = "reputation"
    """The sender's domain or address is not trusted."""
    VOLUME = "volume"
    """Too many in too short a time."""
    TECHNICAL = "technical"
    EXPIRED = "expired"
    """It was put off until the provider gave up."""
    OTHER = "other"


def _counted(values: Any) -> str:
    return f"<{len(values)} items>"


class Attachment(Discreet, frozen=True, kw_only=True):
    """A file that goes along.

    Attributes:
        name: of the file.
        content: its bytes.
        content_type: `application/pdf`, without parameters.
        content_id: for an image that the HTML shows: `logo` for `<img src="cid:logo">`.
    """

    name: str
    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str | None = None

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "name": length,
        "content": lambda content: f"<{len(content)} bytes>",
    }


class EmailRecipient(Discreet, frozen=True, kw_only=True):
    """One recipient of a batch: an email of their own, that nobody else is seen in.

    Attributes:
        to: the address; in a batch that goes to a driver it is checked.
        variables: what the template shows this one, over those of all.
        metadata: what comes back with this one's events, over those of all.
    """

    to: Address | str
    variables: Mapping[str, Any] = {}
    metadata: Mapping[str, str] = {}

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "to": lambda to: repr(masked(to)) if isinstance(to, str) else repr(to),
        "variables": _counted,
        "metadata": _counted,
    }

    @property
    def address(self) -> Address:
        """`to`, of a batch that was checked."""
        return self.to if isinstance(self.to, Address) else Address(email=self.to)


class NewEmail(Discreet, frozen=True, kw_only=True):
    """What a driver is asked to send; checked by the port.

    `key` is the caller's idempotency key as it is, to be carried so that events bring it back.
    With a `template` there are neither texts nor, unless it is given, a `subject` (it is empty).
    `send_at` is in Unix seconds. A `batch` has no other recipients.
    """

    key: str
    from_: Address
    to: tuple[Address, ...]
    subject: str
    text: str | None = None
    html: str | None = None
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = {}
    metadata: Mapping[str, str] = {}
    extra: Mapping[str, object] = {}
    template: str | None = None
    variables: Mapping[str, Any] = {}
    tags: tuple[str, ...] = ()
    send_at: int | None = None
    invitation: Invitation | None = None
    batch: tuple[EmailRecipient, ...] = ()

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "subject": length,
        "text": length,
        "html": length,
        "headers": _counted,
        "metadata": _counted,
        "extra": _counted,
        "variables": _counted,
        "batch": _counted,
    }

    @property
    def recipients(self) -> tuple[Address, ...]:
        """Everyone who gets it."""
        if self.batch:
            return tuple(one.address for one in self.batch)
        return (*self.to, *self.cc, *self.bcc)


class Delivery(Discreet, frozen=True, kw_only=True):
    """One recipient's share of an email: `status` in our words, `vendor_status` in theirs.

    `id` is that of their own email, where each recipient of a batch has one.
    """

    to: str
    status: DeliveryStatus
    vendor_status: str
    failure: EmailFailure | None = None
    id: str | None = None

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {"to": lambda to: repr(masked(to))}


class Email(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt: the provider took an email; what becomes of it is told by events.

    Attributes:
        id: with its connection, `mail:14c5d75ce93`; None where the provider gave it none.
        idempotency_key: of the call; events carry it too, see `EmailChanged`.
        deliveries: one for each recipient, in the order to, cc, bcc.
    """

    id: str | None
    idempotency_key: str
    deliveries: tuple[Delivery, ...]

    def delivery(self, to: str) -> Delivery:
        """Of one recipient, in whatever case the address is written.

        Raises:
            KeyError: the email does not go there.
        """
        for one in self.deliveries:
            if one.to.casefold() == to.casefold():
                return one
        raise KeyError(masked(to))


class _Told(Discreet, frozen=True, kw_only=True):
    """What every event tells.

    Attributes:
        event_id: the provider's, as `Event.vendor_id` has it; empty where it gives none.
        email_id: with its connection; None where the provider no longer knows.
        idempotency_key: of the call that sent it, or None. A call whose outcome was unknown, and
            whose key an event carries, was sent.
        to: the recipient.
        at: Unix seconds.
        metadata: yours, as given to `send`.
    """

    event_id: str
    email_id: str | None
    idempotency_key: str | None
    to: str
    at: float
    metadata: Mapping[str, str]

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "to": lambda to: repr(masked(to)),
        "metadata": _counted,
        "url": length,
        "reason": length,
    }


class EmailChanged(_Told, frozen=True, kw_only=True):
    """A delivery is further than before, or came to nothing.

    Events come in any order: keep `merge(stored, event.status)` for each email and recipient.
    `reason` is the server's or the provider's own wording, and may hold the recipient's address.
    """

    status: DeliveryStatus
    vendor_status: str
    failure: EmailFailure | None = None
    reason: str | None = None


class Engagement(StrEnum):
    """What a recipient did, as far as images and links tell; software does the same."""

    OPENED = "opened"
    CLICKED = "clicked"


class EmailEngaged(_Told, frozen=True, kw_only=True):
    """A recipient, or a program, opened the email or followed the link `url`."""

    engagement: Engagement
    url: str | None = None


class EmailConsent(StrEnum):
    """What a recipient says about being written to."""

    COMPLAINED = "complained"
    """They called it spam."""
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"


class ConsentChanged(_Told, frozen=True, kw_only=True):
    """A recipient wants no more email, or wants it again.

    Attributes:
        group: the provider's group of subscriptions; None for all email.
    """

    consent: EmailConsent
    group: str | None = None


class ReceivedEmail(Discreet, frozen=True, kw_only=True):
    """An email that came in, whoever took it. Nothing in it can be trusted, least of all `from_`.

    Attributes:
        id: the provider's; empty where it gives none.
        message_id: its `Message-ID`, without brackets.
        from_, to, cc: as its header fields have them.
        recipient: whom it reached, where the provider says so.
        reply: the text without what it quotes, where the provider finds that out.
        headers: all of them, in order; a name may come several times.
    """

    id: str
    message_id: str | None
    from_: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    recipient: str | None = None
    subject: str = ""
    text: str | None = None
    html: str | None = None
    reply: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "recipient": lambda to: repr(masked(to)),
        "subject": length,
        "text": length,
        "html": length,
        "reply": length,
        "headers": _counted,
    }


EmailEvent = EmailChanged | EmailEngaged | ConsentChanged
