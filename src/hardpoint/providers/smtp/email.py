"""Email by SMTP. There are no keys: what may have been sent is never sent again.

A repeat that a person asks for has the `Message-ID` of the first, so that mailboxes may know it.
Nothing comes back by webhook: who wants events uses a provider that has them.
"""

from collections.abc import Callable
from functools import partial
from typing import final

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.effects import Clock
from hardpoint.core.errors import UnsupportedError
from hardpoint.email.addresses import Address, checked_address
from hardpoint.email.driver import EmailCapability
from hardpoint.email.types import Delivery, DeliveryStatus, Email, EmailEvent, NewEmail
from hardpoint.providers.smtp import Smtp
from hardpoint.providers.smtp.errors import SmtpReply, refused_status
from hardpoint.providers.smtp.line import SmtpCalls
from hardpoint.providers.smtp.message import message, message_id
from hardpoint.providers.smtp.session import MailEnvelope, handed_over
from hardpoint.runtime.clocks import SystemClock


@final
class SmtpEmail:
    """A mail server.

    Args:
        calls: makes lines to it.
        settings: which one, and who sends.
        clock: dates emails.
    """

    provider = "smtp"
    capabilities = Capabilities(
        frozenset(
            {
                EmailCapability.ATTACHMENTS,
                EmailCapability.INLINE,
                EmailCapability.HEADERS,
                EmailCapability.SEVERAL_REPLY_TO,
                EmailCapability.INVITATIONS,
            }
        ),
        idempotency=Idempotency.NONE,
        limits={
            "recipients": 100,  # what every server takes (RFC 5321, 4.5.3.1.8)
            "message_bytes": 25_000_000,  # ours; the server's own goes before it
            "attachments": 100,
            "metadata_bytes": 0,
        },
    )

    def __init__(self, calls: SmtpCalls, settings: Smtp, clock: Clock | None = None) -> None:
        self._calls = calls
        self._server = settings.server
        self._clock = clock or SystemClock()
        self._sender = (
            checked_address(settings.from_, field="from_") if settings.from_ is not None else None
        )

    @property
    def sender(self) -> Address | None:
        """The settings' own."""
        return self._sender

    async def send(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand it over. The key makes the `Message-ID`, and the server knows nothing of it."""
        if new.extra:
            raise UnsupportedError("smtp takes no extras; nothing was sent")
        identifier, now = message_id(new, idempotency_key), self._clock.now()
        groups = {"to": new.to, "cc": new.cc, "bcc": new.bcc}
        envelope = MailEnvelope(
            sender=new.from_.email,
            recipients=[
                (one.email, f"{name}[{index}]")
                for name, group in groups.items()
                for index, one in enumerate(group)
            ],
            message=lambda eight_bit: self._written(
                new, partial(message, new, identifier, now, eight_bit=eight_bit)
            ),
        )
        replies = await handed_over(self._calls, self._server, envelope)
        return Email(
            id=identifier,
            idempotency_key=new.key,
            deliveries=tuple(
                _delivery(one.email, reply)
                for one, reply in zip(new.recipients, replies, strict=True)
            ),
        )

    async def _written(self, new: NewEmail, write: Callable[[], bytes]) -> bytes:
        """A large one is made in a thread, beneath an event loop."""
        return await self._calls.runtime.work(write) if new.attachments else write()

    def parse_events(self, body: bytes) -> tuple[EmailEvent, ...]:
        """There are none."""
        raise UnsupportedError("A mail server sends no webhooks")


def _delivery(to: str, reply: SmtpReply) -> Delivery:
    if reply.code < 300:
        return Delivery(to=to, status=DeliveryStatus.QUEUED, vendor_status=str(reply.code))
    status, failure = refused_status(reply)
    return Delivery(to=to, status=status, vendor_status=str(reply.code), failure=failure)
