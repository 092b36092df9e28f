"""Twilio's error codes: what they mean to us, and to whom `explain` is asked.

https://www.twilio.com/docs/api/errors, read 2026-11-23. Codes from 30001 on come with a status
callback, seldom with an answer.
"""

from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
)
from hardpoint.http.errors import ErrorTable, Known
from hardpoint.sms.suppressions import OptedOutError
from hardpoint.sms.types import SmsFailure

OPTED_OUT = "21610"

_LATER = "Send it once more later."
_CHECK = "Ask the recipient for the number."
_CONTENT = "Change the text, and register the sender for this use."
_REGISTER = "Register the sender in the console, Trust Hub."

FAILURES: dict[str, tuple[SmsFailure, str, str]] = {
    "30001": (SmsFailure.TEMPORARY, "The queue of the sender overflowed.", "Send more slowly."),
    "30002": (
        SmsFailure.OTHER,
        "The account was suspended between queue and sending.",
        "Write to Twilio's support.",
    ),
    "30003": (SmsFailure.UNREACHABLE, "The handset is switched off or out of reach.", _LATER),
    "30004": (
        SmsFailure.BLOCKED,
        "The recipient, or their carrier, blocks messages.",
        "Use another channel.",
    ),
    "30005": (SmsFailure.UNKNOWN_NUMBER, "The number is not known, or inactive.", _CHECK),
    "30006": (
        SmsFailure.NOT_MOBILE,
        "A landline, or a carrier that cannot be reached.",
        "Use voice, or ask for a mobile number.",
    ),
    "30007": (SmsFailure.FILTERED, "A carrier or Twilio took it for spam.", _CONTENT),
    "30008": (SmsFailure.OTHER, "The carrier gave no reason.", _LATER),
    "30009": (SmsFailure.TEMPORARY, "A part of the message was lost inbound.", _LATER),
    "30010": (
        SmsFailure.OTHER,
        "It costs more than the maximum price that was set.",
        "Raise MaxPrice, or leave it out.",
    ),
    "30011": (
        SmsFailure.MEDIA,
        "The recipient's network takes no media.",
        "Send a link in the text.",
    ),
    "30019": (SmsFailure.MEDIA, "The media is larger than the carrier takes.", "Shrink it."),
    "30022": (
        SmsFailure.TEMPORARY,
        "More than the carrier allows the registered campaign.",
        "Send more slowly.",
    ),
    "30023": (SmsFailure.TEMPORARY, "The carrier's daily limit is used up.", "Go on tomorrow."),
    "30024": (
        SmsFailure.NOT_REGISTERED,
        "The sender is not yet provisioned at the carriers.",
        "Wait until the console says that it is.",
    ),
    "30032": (SmsFailure.NOT_REGISTERED, "The toll-free number is not verified.", _REGISTER),
    "30034": (
        SmsFailure.NOT_REGISTERED,
        "The number belongs to no registered A2P 10DLC campaign.",
        _REGISTER,
    ),
    "30036": (SmsFailure.EXPIRED, "Its validity period passed in the queue.", _LATER),
    "30410": (SmsFailure.TEMPORARY, "The provider's network timed out.", _LATER),
    "30450": (
        SmsFailure.BLOCKED,
        "The destination looks like SMS pumping.",
        "Check the request that led to it; see SMS Pumping Protection.",
    ),
    "30453": (
        SmsFailure.BLOCKED,
        "The destination looks like SMS pumping.",
        "Check the request that led to it; see SMS Pumping Protection.",
    ),
    "30454": (SmsFailure.BLOCKED, "Too many messages to one destination.", "Send less to it."),
}
"""Why, in our words; meaning; action."""

_REFUSED = {
    OPTED_OUT: SmsFailure.OPTED_OUT,
    "21211": SmsFailure.UNKNOWN_NUMBER,
    "21408": SmsFailure.BLOCKED,
    "21612": SmsFailure.UNREACHABLE,
    "21614": SmsFailure.NOT_MOBILE,
}
"""Codes of the API that a messaging service reports by callback, since it checks later."""


def failure(code: str | None) -> SmsFailure | None:
    """Why a message did not arrive; None where Twilio names no code."""
    if code is None:
        return None
    known = FAILURES.get(code)
    return known[0] if known else _REFUSED.get(code, SmsFailure.OTHER)


ERRORS = ErrorTable(
    "twilio",
    {
        "20003": Known(
            AuthenticationError,
            "SID and secret do not belong together, or the key is revoked.",
            "Check account_sid, api_key_sid and secret; test credentials send nothing.",
        ),
        "20008": Known(
            PermissionDeniedError,
            "Test credentials can only create messages.",
            "Use live credentials to read.",
        ),
        "20404": Known(
            NotFoundError,
            "There is no such message in this account.",
            "Check the SID, and which account or region it is of.",
        ),
        "20429": Known(
            RateLimitedError, "Too many requests at a time.", "It is retried more slowly."
        ),
        "21211": Known(InvalidRequestError, "The recipient is not a valid number.", _CHECK, "to"),
        "21212": Known(
            InvalidRequestError,
            "The sender is not a valid number.",
            "Check from_ in the settings.",
            "from_",
        ),
        "21265": Known(InvalidRequestError, "A short code cannot be texted.", _CHECK, "to"),
        "21408": Known(
            PermissionDeniedError,
            "The account may not text to the recipient's country.",
            "Allow it in the console: Messaging, Settings, Geo permissions.",
        ),
        "21602": Known(
            InvalidRequestError, "There is neither text nor media.", "Give one of them.", "body"
        ),
        "21603": Known(
            InvalidRequestError,
            "There is no sender.",
            "Set from_ or messaging_service_sid.",
            "from_",
        ),
        "21604": Known(InvalidRequestError, "There is no recipient.", "Give one.", "to"),
        "21606": Known(
            InvalidRequestError,
            "The sender is not a number of this account that can text to the recipient.",
            "Use one of the account's own numbers.",
            "from_",
        ),
        "21608": Known(
            PermissionDeniedError,
            "A trial account texts to verified numbers only.",
            "Verify the number in the console, or upgrade the account.",
        ),
        "21609": Known(
            InvalidRequestError,
            "The status callback is not a URL.",
            "Correct status_url.",
            "status_url",
        ),
        OPTED_OUT: Known(
            OptedOutError,
            "The recipient has opted out of this sender.",
            "Send nothing until they text START; it is kept among the suppressions.",
            "to",
        ),
        "21611": Known(
            RateLimitedError,
            "The queue of the sender is full.",
            "It is retried more slowly; a messaging service spreads the load.",
        ),
        "21612": Known(
            InvalidRequestError,
            "There is no way from this sender to this recipient.",
            "Use a sender of the recipient's country.",
            "to",
        ),
        "21614": Known(InvalidRequestError, "The recipient is not a mobile number.", _CHECK, "to"),
        "21617": Known(
            InvalidRequestError,
            "The text has more than 1600 characters.",
            "Shorten or split it.",
            "body",
        ),
        "21620": Known(InvalidRequestError, "A media URL is not valid.", "Correct it.", "media"),
        "21623": Known(
            InvalidRequestError, "There are more than ten media.", "Send several messages.", "media"
        ),
        "21659": Known(
            InvalidRequestError,
            "The sender is not a number of this account, or of another country's short codes.",
            "Use one of the account's own numbers.",
            "from_",
        ),
        "21703": Known(
            InvalidRequestError,
            "The messaging service has no sender.",
            "Add a number to it in the console.",
            "from_",
        ),
        "63038": Known(
            RateLimitedError, "The account's daily limit is used up.", "Go on tomorrow."
        ),
        **{
            code: Known(InvalidRequestError, meaning, action)
            for code, (_, meaning, action) in FAILURES.items()
        },
    },
    request_id="twilio-request-id",
)
"""Refusals by code; Twilio's statuses say little."""
