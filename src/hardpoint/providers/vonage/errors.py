"""Vonage's error codes: what they mean to us, and to whom `explain` is asked.

https://developer.vonage.com/api-errors/messages, by published excerpts, 2026-12-01. Most of them
come with a status webhook, and seldom with an answer.
"""

from pathlib import Path

from hardpoint.http.arguments import ArgumentPaths
from hardpoint.http.errors import ErrorTable
from hardpoint.sms.suppressions import OptedOutError
from hardpoint.sms.types import SmsFailure

argument = ArgumentPaths(
    {
        "channel": "to",
        "from": "from_",
        "sms.pool_id": "service",
        "template": "template",
        "text": "body",
        "to": "to",
        "ttl": "validity",
        "webhook_url": "status_url",
        "whatsapp.locale": "template.language",
    }
)
ERRORS = ErrorTable.read(
    "vonage",
    Path(__file__).with_name("codes.md"),
    raises={"OptedOutError": OptedOutError},
    argument=argument,
)
_FAILURES = {
    code: SmsFailure(known.more["failure"])
    for (_, code), known in ERRORS.known.items()
    if "failure" in known.more
}


def failure(code: str | None) -> SmsFailure | None:
    """Why a message did not arrive; None where Vonage names no code."""
    return None if code is None else _FAILURES.get(code, SmsFailure.OTHER)
