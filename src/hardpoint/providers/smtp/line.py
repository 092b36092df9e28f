"""A line to a mail server: what a session needs of whoever makes one."""

from typing import Protocol

from hardpoint.providers.smtp.errors import SmtpReply
from hardpoint.runtime.effects import Runtime


class LineLostError(Exception):
    """No reply came; `distrusted` says that it was for the server's certificate."""

    def __init__(self, reason: str, *, distrusted: bool = False) -> None:
        super().__init__(reason)
        self.distrusted = distrusted


class SmtpLine(Protocol):
    """One connection. Every method ends in time, or raises `LineLostError`."""

    async def open(self) -> SmtpReply:
        """Connect; what the server greets with."""
        ...

    def here(self) -> str:
        """Our own address, as EHLO has it."""
        ...

    async def command(self, text: str) -> SmtpReply:
        """Say one line."""
        ...

    async def secure(self) -> SmtpReply:
        """Ask for TLS, and go on in it if the server agrees."""
        ...

    async def send(self, message: bytes) -> SmtpReply:
        """The message, after DATA."""
        ...

    async def close(self, *, orderly: bool) -> None:
        """Hang up, saying goodbye where all is said; waits for no more than a second."""
        ...


class SmtpCalls(Protocol):
    """Makes lines."""

    @property
    def runtime(self) -> Runtime:
        """For work that takes long."""
        ...

    async def line(self) -> SmtpLine:
        """One that is not open yet."""
        ...
