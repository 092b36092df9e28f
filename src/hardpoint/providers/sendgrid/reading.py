"""SendGrid's events read into the port's values; an event we do not know is never a success."""

from typing import Any

import msgspec

from hardpoint.email.types import (
    ConsentChanged,
    DeliveryStatus,
    EmailChanged,
    EmailConsent,
    EmailEngaged,
    EmailEvent,
    EmailFailure,
    Engagement,
)
from hardpoint.providers.sendgrid.errors import failure
from hardpoint.providers.sendgrid.wire import EVENT_FIELDS, Event
from hardpoint.runtime.decoding_types import prepared

KEY = "hardpoint_key"
"""The custom argument that carries the call's idempotency key."""

_STATUSES = {
    "processed": DeliveryStatus.QUEUED,
    "deferred": DeliveryStatus.DEFERRED,
    "delivered": DeliveryStatus.DELIVERED,
    "bounce": DeliveryStatus.BOUNCED,
    "dropped": DeliveryStatus.REJECTED,
}
_ENGAGEMENTS = {"open": Engagement.OPENED, "click": Engagement.CLICKED}
_CONSENTS = {
    "spamreport": EmailConsent.COMPLAINED,
    "unsubscribe": EmailConsent.UNSUBSCRIBED,
    "group_unsubscribe": EmailConsent.UNSUBSCRIBED,
    "group_resubscribe": EmailConsent.SUBSCRIBED,
}
_Item = dict[str, Any]
_one = msgspec.json.Decoder(_Item).decode
_list = msgspec.json.Decoder(list[_Item]).decode


def events(body: bytes) -> tuple[EmailEvent, ...]:
    """What one event, or a list of them, says of emails; those of the account are left out.

    Raises:
        ValueError: not in a shape we know.
    """
    items = _list(body) if body.startswith(b"[") else [_one(body)]
    pairs = [(msgspec.convert(item, prepared(Event)), item) for item in items]
    return tuple(_read(one, item, one.email) for one, item in pairs if one.email is not None)


def message_id(sg_message_id: str | None) -> str | None:
    """The id that the API gave: what goes before the names of SendGrid's own machines."""
    return (sg_message_id or "").partition(".")[0] or None


def _read(one: Event, item: _Item, to: str) -> EmailEvent:
    arguments = {name: text for name, text in item.items() if isinstance(text, str)}
    key = arguments.pop(KEY, None)
    about: dict[str, Any] = {
        "event_id": one.sg_event_id or "",
        "email_id": message_id(one.sg_message_id),
        "idempotency_key": key,
        "to": to,
        "at": one.timestamp,
        "metadata": {name: arguments[name] for name in arguments.keys() - EVENT_FIELDS},
    }
    if engagement := _ENGAGEMENTS.get(one.event):
        return EmailEngaged(**about, engagement=engagement, url=one.url)
    if consent := _CONSENTS.get(one.event):
        group = None if one.asm_group_id is None else str(one.asm_group_id)
        return ConsentChanged(**about, consent=consent, group=group)
    status = _STATUSES.get(one.event, DeliveryStatus.UNKNOWN)
    why = _failure(one, status)
    if why is EmailFailure.INVALID_ADDRESS and status is DeliveryStatus.REJECTED:
        status = DeliveryStatus.INVALID
    return EmailChanged(
        **about,
        status=status,
        vendor_status=one.event,
        failure=why,
        reason=one.reason or one.response,
    )


def _failure(one: Event, status: DeliveryStatus) -> EmailFailure | None:
    if status is DeliveryStatus.BOUNCED:
        # Older accounts have no classification; "expired" stands in the type.
        return failure(one.bounce_classification, one.type)
    if status is DeliveryStatus.REJECTED:
        return failure(one.reason, one.type)
    return None
