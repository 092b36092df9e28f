"""Postmark's objects as they stand on the wire: what we read of them, and nothing else."""

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response


class Receipt(msgspec.Struct, rename="pascal"):
    """What became of one email: taken where the code is 0."""

    error_code: int
    message: str = ""
    message_id: str | None = msgspec.field(name="MessageID", default=None)


class Refusal(msgspec.Struct, rename="pascal"):
    """Why Postmark refuses."""

    error_code: int | None = None
    message: str = ""

    def problem(self, reply: Response) -> Problem:
        """As our table knows it."""
        return problem(self.error_code, self.message, reply.status)


def problem(code: int | None, message: str, status: int) -> Problem:
    """A refusal; which field Postmark means, its sentence says: `Invalid 'To' address: ...`."""
    quoted = message.split("'", 2)
    field = quoted[1] if len(quoted) > 2 and code == 300 else None
    return Problem(
        status=status, code=None if code is None else str(code), message=message, field=field
    )


class Event(msgspec.Struct, rename="pascal"):
    """What a webhook says; times are of RFC 3339."""

    record_type: str
    message_id: str | None = msgspec.field(name="MessageID", default=None)
    id: int | None = msgspec.field(name="ID", default=None)
    email: str | None = None
    recipient: str | None = None
    type: str | None = None
    description: str | None = None
    details: str | None = None
    metadata: dict[str, str] = {}
    bounced_at: str | None = None
    delivered_at: str | None = None
    received_at: str | None = None
    changed_at: str | None = None
    suppress_sending: bool = False
    suppression_reason: str | None = None
    original_link: str | None = None


class Person(msgspec.Struct, rename="pascal"):
    """An address of an email that came in."""

    email: str
    name: str = ""


class Field(msgspec.Struct, rename="pascal"):
    """A header field."""

    name: str
    value: str = ""


class File(msgspec.Struct, rename="pascal"):
    """A file, in base64."""

    name: str
    content: str
    content_type: str = "application/octet-stream"
    content_id: str | None = msgspec.field(name="ContentID", default=None)


class Inbound(msgspec.Struct, rename="pascal"):
    """An email that came in."""

    from_full: Person
    to_full: list[Person]
    message_id: str = msgspec.field(name="MessageID")
    cc_full: list[Person] = []
    original_recipient: str | None = None
    subject: str = ""
    text_body: str | None = None
    html_body: str | None = None
    stripped_text_reply: str | None = None
    headers: list[Field] = []
    attachments: list[File] = []
