"""Text messages: one way to send them and to learn what became of them, whoever sends them."""

from hardpoint.sms.api import SmsSender
from hardpoint.sms.driver import SmsCapability, SmsDriver
from hardpoint.sms.segments import Encoding, Segments, segments
from hardpoint.sms.suppressions import MemorySuppressions, OptedOutError, Suppressions
from hardpoint.sms.types import (
    Consent,
    FailureReason,
    Message,
    MessageChanged,
    MessageReceived,
    MessageStatus,
    SmsEvent,
    merge,
)

__all__ = [
    "Consent",
    "Encoding",
    "FailureReason",
    "MemorySuppressions",
    "Message",
    "MessageChanged",
    "MessageReceived",
    "MessageStatus",
    "OptedOutError",
    "Segments",
    "SmsCapability",
    "SmsDriver",
    "SmsEvent",
    "SmsSender",
    "Suppressions",
    "merge",
    "segments",
]
