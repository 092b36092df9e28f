"""SendGrid's refusals: what they mean to us, and to whom `explain` is asked.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors and
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event, read 2026-11-28.
SendGrid has no codes. Ours are the field that it names, without places in lists; where it names
none, a word for the status.
"""

import re

from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitedError,
)
from hardpoint.email.types import EmailFailure
from hardpoint.http.errors import ErrorTable, Known, Problem

FAILURES: dict[str, tuple[EmailFailure, str, str]] = {
    # Of `dropped`: SendGrid itself did not send it.
    "bounced address": (
        EmailFailure.BOUNCED_BEFORE,
        "An earlier email to it bounced.",
        "Ask for another address; take it off Suppressions, Bounces only if it works again.",
    ),
    "invalid": (
        EmailFailure.INVALID_ADDRESS,
        "There is no such address.",
        "Ask for another address.",
    ),
    "recipient list over package quota": (
        EmailFailure.VOLUME,
        "The plan's emails are used up.",
        "Wait until they renew, or raise the plan.",
    ),
    "spam content": (
        EmailFailure.CONTENT,
        "The spam checker took it for spam.",
        "Change the text, or the checker's threshold.",
    ),
    "spam reporting address": (
        EmailFailure.COMPLAINED,
        "The recipient called an earlier one spam.",
        "Do not write to them again.",
    ),
    "unsubscribed address": (
        EmailFailure.UNSUBSCRIBED,
        "The recipient has unsubscribed.",
        "Do not write to them until they subscribe again.",
    ),
    # Of `bounce`: how SendGrid classifies what the recipient's server said.
    "content": (
        EmailFailure.CONTENT,
        "The recipient's server took it for spam, or for too large.",
        "Change the text or the attachments.",
    ),
    "expired": (EmailFailure.EXPIRED, "It was put off for three days.", "Send it once more later."),
    "frequency or volume too high": (
        EmailFailure.VOLUME,
        "Too many for the recipient's server in too short a time.",
        "Send more slowly.",
    ),
    "invalid address": (
        EmailFailure.INVALID_ADDRESS,
        "There is no such mailbox or domain.",
        "Ask for another address.",
    ),
    "mailbox unavailable": (
        EmailFailure.MAILBOX,
        "The mailbox is full, or closed for now.",
        "Send it once more later.",
    ),
    "reputation": (
        EmailFailure.REPUTATION,
        "The recipient's server does not trust the sender.",
        "Check the domain's authentication, and block lists.",
    ),
    "technical failure": (
        EmailFailure.TECHNICAL,
        "Something between the servers failed.",
        "Send it once more later.",
    ),
    "unclassified": (
        EmailFailure.OTHER,
        "The recipient's server gave no reason that is known.",
        "Read the event's own reason.",
    ),
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
_PLACE = re.compile(r"\.(\d{1,4})(?=\.|\Z)", re.ASCII)
_FIELDS = {
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
}
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
    return _PLACE.sub("", field) if field else _WORDS.get(status)


def argument(problem: Problem) -> str | None:
    """The port's name for what SendGrid names, `to[1]` for `personalizations.0.to.1.email`."""
    named = problem.field or problem.code or ""
    plain = _PLACE.sub("", named)
    while plain:
        if name := _FIELDS.get(plain):
            places = _PLACE.findall(named.removeprefix("personalizations.0"))
            listed = name in {"to", "cc", "bcc", "reply_to", "attachments"} and places
            return f"{name}[{places[0]}]" if listed else name
        plain = plain.rpartition(".")[0]
    return None


_ADDRESS = "Correct it; see which one `field` names."
ERRORS = ErrorTable(
    "sendgrid",
    {
        (401, "unauthorized"): Known(
            AuthenticationError,
            "The key is wrong or revoked, or of the other region.",
            "Check api_key and base_url.",
        ),
        (None, "maximum_credits_exceeded"): Known(
            PermissionDeniedError,
            "The plan's emails are used up; SendGrid answers 401 to that.",
            "Wait until they renew, or raise the plan.",
        ),
        (403, "forbidden"): Known(
            PermissionDeniedError,
            "The key lacks the scope mail.send, or the account may not send.",
            "Grant Mail Send to the key; see the console for notices.",
        ),
        (403, "from"): Known(
            PermissionDeniedError,
            "The sender is not verified.",
            "Verify it in the console, Sender Authentication.",
        ),
        (413, "payload_too_large"): Known(
            InvalidRequestError,
            "The email is larger than 30 MB.",
            "Send a link in place of the file.",
        ),
        (415, "unsupported_media_type"): Known(
            InvalidRequestError,
            "The body did not arrive as JSON.",
            "See what stands between us and SendGrid.",
        ),
        (429, "too_many_requests"): Known(
            RateLimitedError, "Too many requests at a time.", "It is retried more slowly."
        ),
        **{
            (400, field): Known(InvalidRequestError, meaning, action)
            for field, (meaning, action) in {
                "from.email": ("The sender is no address.", "Correct from_."),
                "reply_to.email": ("The address for replies is none.", "Correct it."),
                "reply_to_list.email": ("An address for replies is none.", _ADDRESS),
                "personalizations": (
                    "A recipient stands twice, or there are more than 1000.",
                    "Give each address once, and send several emails.",
                ),
                "personalizations.to": ("There is no recipient, or one stands twice.", _ADDRESS),
                "personalizations.cc": ("A recipient of a copy stands twice.", _ADDRESS),
                "personalizations.bcc": ("A recipient of a hidden copy stands twice.", _ADDRESS),
                "personalizations.to.email": ("A recipient is no address.", _ADDRESS),
                "personalizations.cc.email": ("A recipient of a copy is no address.", _ADDRESS),
                "personalizations.bcc.email": (
                    "A recipient of a hidden copy is no address.",
                    _ADDRESS,
                ),
                "subject": ("There is no subject.", "Give one."),
                "content": ("There is no text.", "Give text or html."),
                "content.type": ("The kind of text is none.", "Correct the extras."),
                "content.value": ("A text is empty.", "Leave it out."),
                "attachments.content": ("A file is empty, or not in base64.", "Leave it out."),
                "attachments.type": ("The type of a file is none.", "Correct content_type."),
                "attachments.filename": ("The name of a file is none.", "Correct name."),
                "attachments.disposition": (
                    "A file is neither attached nor inline.",
                    "Correct the extras.",
                ),
                "attachments.content_id": ("The id of an image is none.", "Correct content_id."),
                "headers": (
                    "A header is one of SendGrid's own, or holds other than ASCII.",
                    "Leave it out.",
                ),
                "custom_args": (
                    "The metadata hold more than 10 000 bytes.",
                    "Keep them yourself, under an id.",
                ),
                "categories": (
                    "There are more than 10 categories, or one is too long or twice.",
                    "Correct the extras.",
                ),
                "template_id": ("There is no such template.", "Correct the extras."),
                "send_at": ("It is more than 72 hours ahead.", "Send it later."),
                "asm.group_id": ("There is no such group of subscriptions.", "Correct the extras."),
                "ip_pool_name": ("There is no such pool.", "Correct the extras."),
            }.items()
        },
    },
    request_id="x-message-id",
    reset="x-ratelimit-reset",
    argument=argument,
)
"""Refusals by field, or by status; what is not there goes by its status."""
