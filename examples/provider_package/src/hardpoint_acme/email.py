"""Acme's email over REST: one attempt each; hardpoint repeats, waits and records."""

from typing import Any

import msgspec

from hardpoint.email import (
    Address,
    Delivery,
    DeliveryStatus,
    Email,
    EmailCapability,
    EmailChanged,
    NewEmail,
)
from hardpoint.provider import (
    ApiClient,
    Capabilities,
    Idempotency,
    JsonApi,
    Problem,
    Response,
    Transport,
    bearer,
    checked_address,
    merged,
)
from hardpoint_acme import HOST, Acme
from hardpoint_acme.errors import ERRORS

STATUSES = {
    "message.accepted": DeliveryStatus.QUEUED,
    "message.deferred": DeliveryStatus.DEFERRED,
    "message.delivered": DeliveryStatus.DELIVERED,
    "message.bounced": DeliveryStatus.BOUNCED,
    "message.suppressed": DeliveryStatus.REJECTED,
}


class Sent(msgspec.Struct):
    """What Acme answers."""

    id: str


class Told(msgspec.Struct):
    """What Acme reports of one recipient. Fields that Acme may leave out have a default."""

    id: str
    type: str
    message: str
    to: str
    at: float
    key: str | None = None
    arguments: dict[str, str] = {}


class Refusal(msgspec.Struct):
    """Acme's no."""

    code: str = ""
    message: str = ""
    field: str | None = None

    def problem(self, reply: Response) -> Problem:
        return Problem(
            status=reply.status, code=self.code or None, message=self.message, field=self.field
        )


class AcmeEmail:
    """Acme's `POST /v1/messages`. Acme honours idempotency keys for a day."""

    provider = "acme"
    capabilities = Capabilities(
        frozenset({EmailCapability.METADATA, EmailCapability.EVENTS}),
        idempotency=Idempotency.NATIVE,
        key_seconds=86_400.0,
        limits={
            "recipients": 50,
            "message_bytes": 1_000_000,
            "attachments": 0,
            "metadata_bytes": 4_000,
        },
    )

    def __init__(self, transport: Transport, settings: Acme) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts={HOST},
            authorization=bearer(settings.token),
        )
        self._api = JsonApi(client, ERRORS, refusal=Refusal, success={201})
        self._from = settings.from_

    @property
    def sender(self) -> Address | None:
        return None if self._from is None else checked_address(self._from, field="from_")

    async def send(self, new: NewEmail, *, idempotency_key: str) -> Email:
        document: dict[str, Any] = {
            "from": new.from_.email,
            "to": [one.email for one in new.recipients],
            "reply_to": [one.email for one in new.reply_to],
            "subject": new.subject,
            "text": new.text,
            "html": new.html,
            "key": new.key,
            "arguments": dict(new.metadata),
        }
        sent = await self._api.post(
            "/v1/messages",
            Sent,
            document=merged(document, new.extra, self.provider),
            headers=[("Idempotency-Key", idempotency_key)],
        )
        return Email(
            id=sent.id,
            idempotency_key=new.key,
            deliveries=tuple(
                Delivery(to=one.email, status=DeliveryStatus.QUEUED, vendor_status="accepted")
                for one in new.recipients
            ),
        )

    def parse_events(self, body: bytes) -> tuple[EmailChanged, ...]:
        told = msgspec.json.decode(body, type=Told)
        return (
            EmailChanged(
                event_id=told.id,
                email_id=told.message,
                idempotency_key=told.key,
                to=told.to,
                at=told.at,
                metadata=told.arguments,
                status=STATUSES.get(told.type, DeliveryStatus.UNKNOWN),
                vendor_status=told.type,
            ),
        )
