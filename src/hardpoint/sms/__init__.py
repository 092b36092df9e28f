"""Text messages: one way to send them and to learn what became of them, whoever sends them."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.calls.suppressions import MemorySuppressions as MemorySuppressions
    from hardpoint.calls.suppressions import Suppressions as Suppressions
    from hardpoint.sms.addresses import MessageChannel as MessageChannel
    from hardpoint.sms.addresses import joined as joined
    from hardpoint.sms.addresses import parted as parted
    from hardpoint.sms.api import SmsSender as SmsSender
    from hardpoint.sms.driver import SmsCapability as SmsCapability
    from hardpoint.sms.driver import SmsDriver as SmsDriver
    from hardpoint.sms.driver import SmsLookupDriver as SmsLookupDriver
    from hardpoint.sms.memory import MemorySms as MemorySms
    from hardpoint.sms.segmentation import Segments as Segments
    from hardpoint.sms.segmentation import SmsEncoding as SmsEncoding
    from hardpoint.sms.segmentation import segments as segments
    from hardpoint.sms.suppressions import OptedOutError as OptedOutError
    from hardpoint.sms.types import Message as Message
    from hardpoint.sms.types import MessageChanged as MessageChanged
    from hardpoint.sms.types import MessagePage as MessagePage
    from hardpoint.sms.types import MessageReceived as MessageReceived
    from hardpoint.sms.types import MessageStatus as MessageStatus
    from hardpoint.sms.types import MessageTemplate as MessageTemplate
    from hardpoint.sms.types import NewMessage as NewMessage
    from hardpoint.sms.types import SmsConsent as SmsConsent
    from hardpoint.sms.types import SmsEvent as SmsEvent
    from hardpoint.sms.types import SmsFailure as SmsFailure
    from hardpoint.sms.types import merge as merge
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.calls.suppressions": ("MemorySuppressions", "Suppressions"),
            "hardpoint.sms.addresses": ("MessageChannel", "joined", "parted"),
            "hardpoint.sms.api": ("SmsSender",),
            "hardpoint.sms.driver": ("SmsCapability", "SmsDriver", "SmsLookupDriver"),
            "hardpoint.sms.memory": ("MemorySms",),
            "hardpoint.sms.segmentation": ("Segments", "SmsEncoding", "segments"),
            "hardpoint.sms.suppressions": ("OptedOutError",),
            "hardpoint.sms.types": (
                "Message",
                "MessageChanged",
                "MessagePage",
                "MessageReceived",
                "MessageStatus",
                "MessageTemplate",
                "NewMessage",
                "SmsConsent",
                "SmsEvent",
                "SmsFailure",
                "merge",
            ),
        },
    )
