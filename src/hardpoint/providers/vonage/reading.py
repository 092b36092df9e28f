"""Vonage's webhooks read into the port's values; a status we do not know is never a success."""

import msgspec

from hardpoint.providers.vonage import wire
from hardpoint.providers.vonage.errors import failure
from hardpoint.runtime.decoding_types import prepared
from hardpoint.sms.addresses import MessageChannel, joined
from hardpoint.sms.types import (
    MessageChanged,
    MessageReceived,
    MessageStatus,
    SmsConsent,
    SmsEvent,
)

_STATUSES = {
    "submitted": MessageStatus.SENT,
    "delivered": MessageStatus.DELIVERED,
    "read": MessageStatus.READ,
    "rejected": MessageStatus.FAILED,
    "undeliverable": MessageStatus.UNDELIVERED,
}
WORDS = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"), SmsConsent.STOP),
    **dict.fromkeys(("START", "UNSTOP"), SmsConsent.START),
    **dict.fromkeys(("HELP", "INFO"), SmsConsent.HELP),
}
"""What carriers have senders act on, a message of one word in any case: Vonage itself says nothing
of it in the webhook (CTIA, Messaging Principles and Best Practices, 5.1.3)."""
_CHANNELS = {
    "sms": MessageChannel.SMS,
    "mms": MessageChannel.SMS,
    "whatsapp": MessageChannel.WHATSAPP,
    "rcs": MessageChannel.RCS,
}
_SHORT_CODE_DIGITS_MAX = 8


def event(body: bytes) -> SmsEvent | None:
    """What a webhook says of a message, if it is about one.

    Raises:
        ValueError: it is about one, but not in a shape we know.
    """
    if b'"message_uuid"' not in body:
        return None  # of a call, or of something else that Vonage signs in the same way
    found = msgspec.json.decode(body, type=prepared(wire.Webhook))
    channel = _CHANNELS.get(found.channel)
    if channel is None:
        return None  # Messenger and Viber have no telephone numbers
    to, from_ = _address(channel, found.to), _address(channel, found.from_)
    if found.status is None:
        media = (found.image, found.audio, found.video, found.file, found.vcard)
        return MessageReceived(
            message_id=found.message_uuid,
            from_=from_,
            to=to,
            body=found.text,
            media=tuple(one.url for one in media if one is not None),
            consent=WORDS.get(found.text.strip().upper()),
        )
    code = None if found.error is None else found.error.code
    return MessageChanged(
        message_id=found.message_uuid,
        status=_STATUSES.get(found.status, MessageStatus.UNKNOWN),
        vendor_status=found.status,
        to=to,
        from_=from_ or None,
        failure=failure(code),
        vendor_code=code,
        idempotency_key=found.client_ref,
    )


def _address(channel: MessageChannel, text: str) -> str:
    """A number with its sign, and its channel; names and short codes as they are."""
    number = text.isascii() and text.isdigit() and len(text) > _SHORT_CODE_DIGITS_MAX
    return joined(channel, f"+{text}" if number else text) if text else ""
