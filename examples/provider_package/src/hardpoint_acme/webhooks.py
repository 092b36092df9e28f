"""Acme signs `v0:`, the time, a colon and the body."""

import msgspec

from hardpoint.provider import (
    HmacKey,
    HmacScheme,
    Notification,
    OneSignature,
    Unfit,
    in_hex,
    named,
    open_envelope,
)
from hardpoint.webhooks import WebhookRequest


class Envelope(msgspec.Struct):
    id: str
    type: str


_envelope = msgspec.json.Decoder(Envelope).decode


class AcmeWebhooks(HmacScheme):
    """Verifies and signs what Acme sends."""

    grammar = OneSignature("X-Acme-Signature", in_hex(32), prefix="v0=", time="X-Acme-Time")
    around_time = (b"v0:", b":")

    def key(self, text: str) -> HmacKey | Unfit:
        return HmacKey(text.encode())

    def events(self, request: WebhookRequest, found: object) -> tuple[Notification, ...]:
        event = open_envelope(_envelope, request.body)
        return (named(event.id, event.type),)
