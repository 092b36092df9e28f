"""Email: one way to send it and to learn what became of it, whoever sends it."""

from hardpoint.email.addresses import Address
from hardpoint.email.api import EmailSender
from hardpoint.email.driver import EmailCapability, EmailDriver
from hardpoint.email.types import (
    Attachment,
    Consent,
    ConsentChanged,
    Delivery,
    DeliveryStatus,
    Email,
    EmailChanged,
    EmailEngaged,
    EmailEvent,
    Engagement,
    FailureReason,
    merge,
)

__all__ = [
    "Address",
    "Attachment",
    "Consent",
    "ConsentChanged",
    "Delivery",
    "DeliveryStatus",
    "Email",
    "EmailCapability",
    "EmailChanged",
    "EmailDriver",
    "EmailEngaged",
    "EmailEvent",
    "EmailSender",
    "Engagement",
    "FailureReason",
    "merge",
]
