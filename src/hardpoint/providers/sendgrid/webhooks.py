"""SendGrid's Event Webhook: ECDSA over the time and the body, which is a list of events.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features,
read 2026-11-28. P-256 with SHA-256; the signature is DER in base64, the key SPKI in base64.
"""

from collections.abc import Sequence
from typing import Any, final

import msgspec

from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import Name, OptionalName, named, open_batch, open_envelope
from hardpoint.webhooks.grammar import OneSignature, in_base64
from hardpoint.webhooks.public_keys import EcdsaKey, PublicKeyScheme
from hardpoint.webhooks.schemes import CONTENT_HEADERS
from hardpoint.webhooks.signatures import Unfit
from hardpoint.webhooks.verification import Notification, WebhookRequest

_TIME = "X-Twilio-Email-Event-Webhook-Timestamp"
_FIX = "Copy the verification key from the console, Mail Settings, Event Webhooks"


class _Event(msgspec.Struct):
    """What we read of one. Not all have an id: events of tests, and of some integrations."""

    event: Name
    sg_event_id: OptionalName = None


_event = msgspec.json.Decoder(_Event).decode


@final
class SendGridWebhooks(PublicKeyScheme):
    """Verifies and signs what SendGrid sends to one event webhook.

    Args:
        secrets: the verification keys that are live, newest first. They are public, and verify
            only; a private key (PKCS #8 in base64) stands in for SendGrid's own, and signs too.
        tolerance: seconds a signed time may differ from now. Not looked at unless given: SendGrid
            tries for a day, and does not say whether it signs a repeat anew. A captured request
            that comes again is a duplicate by its events' ids, which the signature covers.

    Raises:
        ConfigurationError: a key of the wrong shape, or a tolerance out of range.
    """

    # 72 bytes are the longest DER of two numbers of 256 bits.
    grammar = OneSignature(
        "X-Twilio-Email-Event-Webhook-Signature", in_base64(72, least=1), time=_TIME
    )
    around_time = (b"", b"")
    stored_headers = CONTENT_HEADERS | {_TIME.lower().encode()}  # SendGrid cuts lists at 768 KB

    def __init__(self, *, secrets: Sequence[Secret], tolerance: float | None = None) -> None:
        super().__init__(secrets=secrets, tolerance=tolerance)

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """Id and type of every event in the list."""
        return open_batch(request.body, _notification)

    def clue(self, request: WebhookRequest) -> str | None:
        """What is mistaken most often."""
        return "Each event webhook has a key of its own; is it the one of this webhook?"

    def key(self, text: str) -> EcdsaKey | Unfit:
        """SPKI in base64, or PKCS #8."""
        return EcdsaKey.read(text, _FIX)


def _notification(item: bytes) -> Notification:
    one = open_envelope(_event, item)
    return named(one.sg_event_id or "", one.event, body=item)
