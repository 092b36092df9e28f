"""SendGrid's refusals: what they mean to us, and to whom `explain` is asked.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors and
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event, read 2026-11-28.
SendGrid has no codes. Ours are the field that it names, without places in lists; where it names
none, a word for the status.
"""

from pathlib import Path

from hardpoint.email.types import EmailFailure
from hardpoint.http.arguments import ArgumentPaths, without_places
from hardpoint.http.errors import ErrorTable, table_rows

_CODES = Path(__file__).with_name("codes.md")
FAILURES = {
    row["said"]: (EmailFailure(row["failure"]), row["meaning"], row["action"])
    for row in table_rows(_CODES)
    if "said" in row
}
"""Why, in our words; meaning; action. By what an event says, in small letters."""

_WORDS = {
    401: "unauthorized",
    403: "forbidden",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}
_CREDITS = "maximum credits exceeded"
argument = ArgumentPaths(
    {
        "attachments": "attachments",
        "content": "text",
        "custom_args": "metadata",
        "from": "from_",
        "headers": "headers",
        "personalizations.bcc": "bcc",
        "personalizations.cc": "cc",
        "personalizations.custom_args": "metadata",
        "personalizations.headers": "headers",
        "personalizations.subject": "subject",
        "personalizations.to": "to",
        "reply_to": "reply_to",
        "reply_to_list": "reply_to",
        "subject": "subject",
    },
    lists={"to", "cc", "bcc", "reply_to", "attachments"},
    root="personalizations.0",
)
"""The beginnings of SendGrid's paths, and what the port calls them."""


def failure(*said: str | None) -> EmailFailure:
    """Why an email did not arrive, from what an event says, the plainest first."""
    for one in said:
        if one is not None and (known := FAILURES.get(one.lower())):
            return known[0]
    return EmailFailure.OTHER


def code(status: int, message: str, field: str | None) -> str | None:
    """Our code for a refusal."""
    if message.lower().startswith(_CREDITS):
        return "maximum_credits_exceeded"
    return without_places(field) if field else _WORDS.get(status)


ERRORS = ErrorTable.read(
    "sendgrid",
    _CODES,
    request_id="x-message-id",
    reset="x-ratelimit-reset",
    argument=argument,
)
"""Refusals by field, or by status; what is not there goes by its status."""
