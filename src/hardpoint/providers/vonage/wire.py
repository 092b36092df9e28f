"""Vonage's objects as they stand on the wire: what we read of them, and nothing else."""

import re

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response

_CODE = re.compile(r"[0-9]{4}", re.ASCII)


class Accepted(msgspec.Struct):
    """A message that was taken."""

    message_uuid: str


class InvalidParameter(msgspec.Struct):
    """One that is wrong."""

    name: str = ""


class Refusal(msgspec.Struct):
    """Why Vonage refuses (RFC 7807), or why a message did not arrive."""

    type: str = ""
    title: str | int = ""
    detail: str = ""
    instance: str | None = None
    invalid_parameters: list[InvalidParameter] = []

    @property
    def code(self) -> str | None:
        """Of four digits, in the title or at the end of the type; else the word there."""
        title = str(self.title)
        if _CODE.fullmatch(title):
            return title
        return self.type.partition("#")[2] or None

    def problem(self, reply: Response) -> Problem:
        """As our table knows it."""
        return Problem(
            status=reply.status,
            code=self.code,
            message=self.detail or str(self.title),
            field=self.invalid_parameters[0].name if self.invalid_parameters else None,
            request_id=self.instance,
        )


class Attached(msgspec.Struct):
    """A picture or another file that came."""

    url: str


class Webhook(msgspec.Struct):
    """What is told of a message: how far one of ours is, or that one came."""

    message_uuid: str
    to: str = ""
    from_: str = msgspec.field(name="from", default="")
    channel: str = "sms"
    status: str | None = None
    client_ref: str | None = None
    error: Refusal | None = None
    text: str = ""
    image: Attached | None = None
    audio: Attached | None = None
    video: Attached | None = None
    file: Attached | None = None
    vcard: Attached | None = None
