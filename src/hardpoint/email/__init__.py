"""Email: one way to send it and to learn what became of it, whoever sends it."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.email.addresses import Address as Address
    from hardpoint.email.api import EmailSender as EmailSender
    from hardpoint.email.consent import SuppressedError as SuppressedError
    from hardpoint.email.driver import BatchDriver as BatchDriver
    from hardpoint.email.driver import EmailCapability as EmailCapability
    from hardpoint.email.driver import EmailDriver as EmailDriver
    from hardpoint.email.driver import ReceivingDriver as ReceivingDriver
    from hardpoint.email.invitations import Invitation as Invitation
    from hardpoint.email.invitations import InvitationMethod as InvitationMethod
    from hardpoint.email.invitations import Unsubscribe as Unsubscribe
    from hardpoint.email.memory import MemoryEmail as MemoryEmail
    from hardpoint.email.types import Attachment as Attachment
    from hardpoint.email.types import ConsentChanged as ConsentChanged
    from hardpoint.email.types import Delivery as Delivery
    from hardpoint.email.types import DeliveryStatus as DeliveryStatus
    from hardpoint.email.types import Email as Email
    from hardpoint.email.types import EmailChanged as EmailChanged
    from hardpoint.email.types import EmailConsent as EmailConsent
    from hardpoint.email.types import EmailEngaged as EmailEngaged
    from hardpoint.email.types import EmailEvent as EmailEvent
    from hardpoint.email.types import EmailFailure as EmailFailure
    from hardpoint.email.types import EmailRecipient as EmailRecipient
    from hardpoint.email.types import Engagement as Engagement
    from hardpoint.email.types import NewEmail as NewEmail
    from hardpoint.email.types import ReceivedEmail as ReceivedEmail
    from hardpoint.email.types import merge as merge
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.email.addresses": ("Address",),
            "hardpoint.email.api": ("EmailSender",),
            "hardpoint.email.consent": ("SuppressedError",),
            "hardpoint.email.driver": (
                "BatchDriver",
                "EmailCapability",
                "EmailDriver",
                "ReceivingDriver",
            ),
            "hardpoint.email.invitations": ("Invitation", "InvitationMethod", "Unsubscribe"),
            "hardpoint.email.memory": ("MemoryEmail",),
            "hardpoint.email.types": (
                "Attachment",
                "ConsentChanged",
                "Delivery",
                "DeliveryStatus",
                "Email",
                "EmailChanged",
                "EmailConsent",
                "EmailEngaged",
                "EmailEvent",
                "EmailFailure",
                "EmailRecipient",
                "Engagement",
                "NewEmail",
                "ReceivedEmail",
                "merge",
            ),
        },
    )
