"""Twilio's objects as they stand on the wire: what we read of them, and nothing else."""

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response


class Message(msgspec.Struct):
    """A message; counts are texts, times are of RFC 2822."""

    sid: str
    status: str
    to: str
    body: str | None
    date_created: str
    from_: str | None = msgspec.field(name="from", default=None)
    num_segments: str | None = None
    error_code: int | None = None


class Messages(msgspec.Struct):
    """A page; the next one's address is a path."""

    messages: list[Message]
    next_page_uri: str | None = None


class Call(msgspec.Struct):
    """A call; counts are texts, times are of RFC 2822."""

    sid: str
    status: str
    to: str
    from_: str | None = msgspec.field(name="from", default=None)
    date_created: str | None = None
    duration: str | None = None


class CallForm(msgspec.Struct, rename="pascal"):
    """What a webhook's form says of a call: a step of it, or a question what to do."""

    call_sid: str
    call_status: str
    to: str = ""
    from_: str | None = msgspec.field(name="From", default=None)
    call_duration: str | None = None
    sequence_number: str | None = None
    digits: str | None = None
    speech_result: str | None = None
    recording_url: str | None = None


class Refusal(msgspec.Struct):
    """Why Twilio refuses."""

    code: int | None = None
    message: str = ""

    def problem(self, reply: Response) -> Problem:
        """As our table knows it."""
        code = None if self.code is None else str(self.code)
        return Problem(status=reply.status, code=code, message=self.message)


class StatusCallback(msgspec.Struct, rename="pascal"):
    """What a webhook's form says of a message that we sent."""

    message_sid: str
    message_status: str
    to: str
    from_: str | None = msgspec.field(name="From", default=None)
    error_code: str | None = None
    messaging_service_sid: str | None = None


class Inbound(msgspec.Struct, rename="pascal"):
    """What a webhook's form says of a message that came; its media stand beside."""

    message_sid: str
    to: str
    from_: str = msgspec.field(name="From")
    body: str = ""
    opt_out_type: str | None = None
    messaging_service_sid: str | None = None
