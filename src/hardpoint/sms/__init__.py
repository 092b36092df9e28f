"""Text messages: one way to send them and to learn what became of them, whoever sends them."""

from hardpoint.sms.api import SmsSender
from hardpoint.sms.driver import SmsCapability, SmsDriver
from hardpoint.sms.memory import MemorySms
from hardpoint.sms.segments import Segments, SmsEncoding, segments
from hardpoint.sms.suppressions import MemorySuppressions, OptedOutError, Suppressions
from hardpoint.sms.types import (
    Message,
    MessageChanged,
    MessagePage,
    MessageReceived,
    MessageStatus,
    NewMessage,
    SmsConsent,
    SmsEvent,
    SmsFailure,
    merge,
)

__all__ = [
    "MemorySms",
    "MemorySuppressions",
    "Message",
    "MessageChanged",
    "MessagePage",
    "MessageReceived",
    "MessageStatus",
    "NewMessage",
    "OptedOutError",
    "Segments",
    "SmsCapability",
    "SmsConsent",
    "SmsDriver",
    "SmsEncoding",
    "SmsEvent",
    "SmsFailure",
    "SmsSender",
    "Suppressions",
    "merge",
    "segments",
]
