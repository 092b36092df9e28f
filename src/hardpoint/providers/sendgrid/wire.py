"""SendGrid's objects as they stand on the wire: what we read of them, and nothing else."""

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response
from hardpoint.providers.sendgrid.errors import code


class Fault(msgspec.Struct):
    """One thing that is wrong; `field` is a path such as `personalizations.0.to.1.email`."""

    message: str = ""
    field: str | None = None


class Refusal(msgspec.Struct):
    """Why SendGrid refuses; there are no codes."""

    errors: list[Fault] = []

    def problem(self, reply: Response) -> Problem:
        """As our table knows it: the first of them."""
        first = self.errors[0] if self.errors else Fault()
        return Problem(
            status=reply.status,
            code=code(reply.status, first.message, first.field),
            message=first.message,
            field=first.field,
        )


class Event(msgspec.Struct):
    """One event of the Event Webhook; those of the account name no email."""

    event: str
    timestamp: float
    sg_event_id: str | None = None
    email: str | None = None
    sg_message_id: str | None = None
    reason: str | None = None
    response: str | None = None
    type: str | None = None
    bounce_classification: str | None = None
    url: str | None = None
    asm_group_id: int | None = None


_UNREAD = """
    attempt category cert_err ip marketing_campaign_id marketing_campaign_name
    marketing_campaign_split_id marketing_campaign_version newsletter pool post_type send_at
    sg_content_type sg_machine_open smtp-id status template_hash template_id template_version_id
    tls unique_args url_offset useragent
"""
EVENT_FIELDS = frozenset(Event.__struct_fields__) | {*_UNREAD.split()}
"""The names that SendGrid gives itself; custom arguments stand beside them in the same object."""
