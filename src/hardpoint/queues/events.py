"""What is told of a queue that somebody works through."""

from typing import ClassVar

import msgspec


class MessageFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A handler failed on a message.

    Attributes:
        attempts: how often it was received; None where nobody counts.
        place: where it was raised, `shop:17 in pack`.
        again_in: seconds until somebody receives it again; None if it is a dead letter now.
    """

    severity: ClassVar[str] = "warning"
    connection: str
    message_id: str
    attempts: int | None
    error: str
    place: str | None
    again_in: int | None


class ConsumerHeldUp(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing can be received, or a message not be held or given back; it is tried again."""

    severity: ClassVar[str] = "warning"
    connection: str
    doing: str
    error: str
