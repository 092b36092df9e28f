"""Postmark's webhooks read into the port's values; an event we do not know is never a success."""

import base64
from datetime import datetime
from typing import Any

import msgspec

from hardpoint.email.addresses import Address
from hardpoint.email.types import (
    Attachment,
    ConsentChanged,
    DeliveryStatus,
    EmailChanged,
    EmailConsent,
    EmailEngaged,
    EmailEvent,
    EmailFailure,
    Engagement,
    ReceivedEmail,
)
from hardpoint.providers.postmark import wire
from hardpoint.providers.postmark.errors import FAILURES
from hardpoint.runtime.decoding_types import prepared

KEY = "hardpoint_key"
"""The metadata's name that carries the call's idempotency key."""

_ENGAGEMENTS = {"Open": Engagement.OPENED, "Click": Engagement.CLICKED}
_STATUSES = {
    "Transient": DeliveryStatus.DEFERRED,
    "BadEmailAddress": DeliveryStatus.INVALID,
    "ManuallyDeactivated": DeliveryStatus.REJECTED,
}
"""Of a bounce, by its type; every other is one."""
_COMPLAINTS = frozenset({"SpamComplaint"})


def events(body: bytes) -> tuple[EmailEvent, ...]:
    """What a webhook's body says: one event, none where it is of an email that came in.

    Raises:
        ValueError: not in a shape we know.
    """
    found = msgspec.json.decode(body, type=dict[str, Any])
    if "RecordType" not in found and "FromFull" in found:
        return ()
    one = msgspec.convert(found, prepared(wire.Event))
    to = one.recipient or one.email
    return () if to is None else (_read(one, to),)


def received(body: bytes) -> ReceivedEmail:
    """An email that came in.

    Raises:
        ValueError: not in a shape we know.
    """
    one = msgspec.json.decode(body, type=prepared(wire.Inbound))
    headers = tuple((each.name, each.value) for each in one.headers)
    message_ids = [value for name, value in headers if name.lower() == "message-id"]
    return ReceivedEmail(
        id=one.message_id,
        message_id=message_ids[0].strip("<> ") if message_ids else one.message_id,
        from_=_person(one.from_full),
        to=tuple(map(_person, one.to_full)),
        cc=tuple(map(_person, one.cc_full)),
        recipient=one.original_recipient or None,
        subject=one.subject,
        text=one.text_body or None,
        html=one.html_body or None,
        reply=one.stripped_text_reply or None,
        headers=headers,
        attachments=tuple(map(_file, one.attachments)),
    )


def _read(one: wire.Event, to: str) -> EmailEvent:
    at = one.delivered_at or one.bounced_at or one.received_at or one.changed_at or ""
    metadata = dict(one.metadata)
    about: dict[str, Any] = {
        # Only bounces and complaints have an id of their own.
        "event_id": "" if one.id is None else f"{one.record_type}:{one.id}",
        "email_id": one.message_id or None,
        "idempotency_key": metadata.pop(KEY, None),
        "to": to,
        "at": datetime.fromisoformat(at).timestamp(),
        "metadata": metadata,
    }
    if engagement := _ENGAGEMENTS.get(one.record_type):
        return EmailEngaged(**about, engagement=engagement, url=one.original_link)
    if one.record_type == "SubscriptionChange":
        return ConsentChanged(**about, consent=_consent(one))
    if one.record_type in _COMPLAINTS:
        return ConsentChanged(**about, consent=EmailConsent.COMPLAINED)
    reason = one.details or one.description
    if one.record_type == "Delivery":
        return EmailChanged(
            **about, status=DeliveryStatus.DELIVERED, vendor_status="Delivery", reason=reason
        )
    if one.record_type != "Bounce":
        return EmailChanged(
            **about, status=DeliveryStatus.UNKNOWN, vendor_status=one.record_type, reason=reason
        )
    kind = one.type or ""
    return EmailChanged(
        **about,
        status=_STATUSES.get(kind, DeliveryStatus.BOUNCED),
        vendor_status=kind or "Bounce",
        failure=FAILURES.get(kind, EmailFailure.OTHER),
        reason=reason,
    )


def _consent(one: wire.Event) -> EmailConsent:
    if not one.suppress_sending:
        return EmailConsent.SUBSCRIBED
    complained = one.suppression_reason in _COMPLAINTS
    return EmailConsent.COMPLAINED if complained else EmailConsent.UNSUBSCRIBED


def _person(one: wire.Person) -> Address:
    return Address(email=one.email, name=one.name or None)


def _file(one: wire.File) -> Attachment:
    return Attachment(
        name=one.name,
        content=base64.b64decode(one.content, validate=True),
        content_type=one.content_type,
        content_id=(one.content_id or "").removeprefix("cid:").strip("<>") or None,
    )
