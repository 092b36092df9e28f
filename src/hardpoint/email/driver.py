"""What a provider's email must offer: one attempt each, errors mapped, nothing decided."""

from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.email.addresses import Address
from hardpoint.email.types import Email, EmailEvent, NewEmail, ReceivedEmail


class EmailCapability(StrEnum):
    """What not every provider can do."""

    ATTACHMENTS = "attachments"
    """Files go along."""
    INLINE = "inline"
    """The HTML shows attached images."""
    HEADERS = "headers"
    """Headers of the caller's own."""
    METADATA = "metadata"
    """Names and texts that come back with events."""
    SEVERAL_REPLY_TO = "several_reply_to"
    """Replies go to more than one address."""
    EVENTS = "events"
    """Webhooks tell what becomes of an email."""
    TEMPLATES = "templates"
    """The provider keeps the texts, and fills in variables."""
    BATCH = "batch"
    """One call sends each of many recipients an email of their own; driver: `BatchDriver`."""
    TAGS = "tags"
    """Words by which the provider sorts."""
    SCHEDULED = "scheduled"
    """The provider sends it later."""
    INVITATIONS = "invitations"
    """Calendars take it for an invitation."""
    INBOUND = "inbound"
    """Webhooks bring emails that came in; driver: `ReceivingDriver`."""


class EmailDriver(Driver, Protocol):
    """A provider's emails. Ids are the provider's own, without a connection.

    The port has checked every argument against the capabilities: addresses and headers hold nothing
    that could add a header. `message_bytes` counts texts and attachments as they are sent, base64
    included.

    Limits read by the port: `recipients`, `message_bytes`, `attachments`, `metadata_bytes`; with
    the capability of that name `batch_recipients`, `tags` and `schedule_seconds`.

    Raises (every verb):
        ProviderError: what the provider's table of errors has for a refusal. Where the answer is
            lost or cannot be read, an error whose `outcome_known` is False.
    """

    @property
    def sender(self) -> Address | None:
        """Who sends where a call does not say."""
        ...

    async def send(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand it over to be sent. The receipt and its events carry `new.key`."""
        ...

    def parse_events(self, body: bytes) -> tuple[EmailEvent, ...]:
        """What a verified webhook's body says of emails; what is about something else is left out.

        Raises:
            ValueError: it has an unknown form.
        """
        ...


class BatchDriver(EmailDriver, Protocol):
    """One with the capability `BATCH`."""

    async def send_batch(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand over an email for each of `new.batch`, in one request."""
        ...


class ReceivingDriver(EmailDriver, Protocol):
    """One with the capability `INBOUND`."""

    def parse_received(self, body: bytes) -> ReceivedEmail:
        """An email that came in, of a webhook's body.

        Raises:
            ValueError: it has an unknown form.
        """
        ...
