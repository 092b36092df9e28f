"""Slack's objects as they stand on the wire: what we read of them, and nothing else."""

import re
from typing import Any

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response

_WORD = re.compile(rb"[a-z_]{2,60}")


class Remarks(msgspec.Struct):
    """What comes beside an answer."""

    messages: list[str] = []
    next_cursor: str = ""


class Refusal(msgspec.Struct):
    """Why Slack refuses; an incoming webhook says it in plain text."""

    error: str | None = None
    needed: str | None = None
    response_metadata: Remarks = msgspec.field(default_factory=Remarks)

    def problem(self, reply: Response) -> Problem:
        """As our table knows it."""
        code = self.error
        if code is None and _WORD.fullmatch(reply.body.strip()):
            code = reply.body.strip().decode()
        message = "; ".join(self.response_metadata.messages)
        if self.needed:
            message = f"it needs {self.needed}"
        return Problem(status=reply.status, code=code, message=message)


class Answer(Refusal, kw_only=True):
    """What every method answers; `ok` says whether it did anything."""

    ok: bool


class Posted(Answer, kw_only=True):
    """A message was posted; the two are there when `ok` is."""

    channel: str = ""
    ts: str = ""


class UploadPlace(Answer, kw_only=True):
    """Where a file's bytes go."""

    upload_url: str = ""
    file_id: str = ""


class Metadata(msgspec.Struct):
    """What an app has put beside a message."""

    event_type: str = ""
    event_payload: dict[str, Any] = {}


class Message(msgspec.Struct):
    """A message of a channel."""

    ts: str
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class History(Answer, kw_only=True):
    """Some messages, newest first; of a thread oldest first."""

    messages: list[Message] = []
