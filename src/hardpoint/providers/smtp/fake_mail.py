"""What the fake mail server takes, and what it holds against a message."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any, final


@final
@dataclass(frozen=True, kw_only=True)
class TakenMail:
    """An email that was taken: who gets it, and its bytes, without doubled dots."""

    sender: str
    recipients: tuple[str, ...]
    message: bytes
    options: str

    @property
    def parsed(self) -> Any:
        """As Python's library reads it."""
        return message_from_bytes(self.message, policy=policy.default)


def flaw_of(message: bytes, options: str) -> str | None:
    """What a strict server holds against a message."""
    lines = message.split(b"\r\n")
    if any(one in message.replace(b"\r\n", b"") for one in (b"\r", b"\n", b"\0")):
        return "bare line ends"
    if max(map(len, lines)) > 998:
        return "a line is too long"
    if not message.isascii() and "BODY=8BITMIME" not in options:
        return "bytes that were not announced"
    head = message_from_bytes(message.partition(b"\r\n\r\n")[0], policy=policy.default)
    missing = [name for name in ("Date", "From", "Message-ID", "MIME-Version") if not head[name]]
    return f"no {missing[0]}" if missing else None
