"""Email: one way to send it and to learn what became of it, whoever sends it."""

from hardpoint.email.addresses import Address
from hardpoint.email.api import EmailSender
from hardpoint.email.driver import EmailCapability, EmailDriver
from hardpoint.email.memory import MemoryEmail
from hardpoint.email.types import (
    Attachment,
    ConsentChanged,
    Delivery,
    DeliveryStatus,
    Email,
    EmailChanged,
    EmailConsent,
    EmailEngaged,
    EmailEvent,
    EmailFailure,
    Engagement,
    NewEmail,
    merge,
)

__all__ = [
    "Address",
    "Attachment",
    "ConsentChanged",
    "Delivery",
    "DeliveryStatus",
    "Email",
    "EmailCapability",
    "EmailChanged",
    "EmailConsent",
    "EmailDriver",
    "EmailEngaged",
    "EmailEvent",
    "EmailFailure",
    "EmailSender",
    "Engagement",
    "MemoryEmail",
    "NewEmail",
    "merge",
]
