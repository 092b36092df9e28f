"""Twilio's error codes: what they mean to us, and to whom `explain` is asked.

https://www.twilio.com/docs/api/errors, read 2026-11-23. Twilio's statuses say little. Codes from
30001 on come with a status callback, seldom with an answer; a messaging service, which checks
later, reports codes of the API by callback too.
"""

from pathlib import Path

from hardpoint.http.errors import ErrorTable
from hardpoint.sms.suppressions import OptedOutError
from hardpoint.sms.types import SmsFailure

OPTED_OUT = "21610"
ERRORS = ErrorTable.read(
    "twilio",
    Path(__file__).with_name("codes.md"),
    raises={"OptedOutError": OptedOutError},
    request_id="twilio-request-id",
)
_FAILURES = {
    code: SmsFailure(known.more["failure"])
    for (_, code), known in ERRORS.known.items()
    if "failure" in known.more
}


def failure(code: str | None) -> SmsFailure | None:
    """Why a message did not arrive; None where Twilio names no code."""
    return None if code is None else _FAILURES.get(code, SmsFailure.OTHER)
