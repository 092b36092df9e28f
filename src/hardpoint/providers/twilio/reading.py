"""Twilio's objects read into the port's values; a status we do not know is never a success."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from hardpoint.core.errors import UnexpectedResponseError
from hardpoint.providers.twilio import wire
from hardpoint.providers.twilio.errors import failure
from hardpoint.runtime.decoding_types import prepared
from hardpoint.sms.types import (
    Message,
    MessageChanged,
    MessageReceived,
    MessageStatus,
    SmsConsent,
    SmsEvent,
)
from hardpoint.webhooks.forms import FORM_FIELDS_MAX

_TRIAL = "Sent from your Twilio trial account - "
"""What a trial account puts before every text."""
_STATUSES = {one.value: one for one in MessageStatus if one is not MessageStatus.UNKNOWN}
_CONSENTS = {one.name: one for one in SmsConsent}
WORDS = {
    **dict.fromkeys(
        ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
        SmsConsent.STOP,
    ),
    **dict.fromkeys(("START", "YES", "UNSTOP"), SmsConsent.START),
    **dict.fromkeys(("HELP", "INFO"), SmsConsent.HELP),
}
"""What Twilio itself acts on, a message of one word in any case, unless Advanced Opt-Out is set up.

https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out, read 2026-11-30.
"""
_JSON = (b"{", b"[")


def message(found: wire.Message) -> Message:
    """A message."""
    code = None if found.error_code is None else str(found.error_code)
    segments = found.num_segments or ""
    return Message(
        id=found.sid,
        status=status(found.status),
        vendor_status=found.status,
        to=found.to,
        body=(found.body or "").removeprefix(_TRIAL),
        created=seconds(found.date_created),
        from_=found.from_,
        # A messaging service knows it only when it has chosen a sender, and says 0 until then.
        segments=int(segments) or None if segments.isdecimal() else None,
        failure=failure(code),
        vendor_code=code,
    )


def status(text: str) -> MessageStatus:
    """A status in our words."""
    return _STATUSES.get(text, MessageStatus.UNKNOWN)


def cursor(next_page_uri: str | None) -> str | None:
    """Where the next page starts, as a part of its query; never an address from an answer.

    Raises:
        UnexpectedResponseError: there is a next page, and it does not say where.
    """
    if next_page_uri is None:
        return None
    query = dict(parse_qsl(urlsplit(next_page_uri).query))
    if "PageToken" not in query:
        raise UnexpectedResponseError("the next page has no token", outcome_known=False)
    return urlencode({name: query[name] for name in ("Page", "PageToken") if name in query})


def event(body: bytes) -> SmsEvent | None:
    """What a callback says of a message, if it is about one.

    Raises:
        ValueError: it is about one, but not in a shape we know.
    """
    if body.startswith(_JSON):
        return None  # an event stream's; the port reads callbacks
    form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX))
    if "MessageSid" not in form:
        return None
    if "MessageStatus" in form:
        return _changed(msgspec.convert(form, prepared(wire.StatusCallback)))
    media = [
        form[name] for number in range(FORM_FIELDS_MAX) if (name := f"MediaUrl{number}") in form
    ]
    return _received(msgspec.convert(form, prepared(wire.Inbound)), media)


def _changed(found: wire.StatusCallback) -> MessageChanged:
    code = found.error_code or None
    return MessageChanged(
        message_id=found.message_sid,
        status=status(found.message_status),
        vendor_status=found.message_status,
        to=found.to,
        from_=found.from_,
        failure=failure(code),
        vendor_code=code,
        service=found.messaging_service_sid,
    )


def _received(found: wire.Inbound, media: list[str]) -> MessageReceived:
    return MessageReceived(
        message_id=found.message_sid,
        from_=found.from_,
        to=found.to,
        body=found.body,
        media=tuple(media),
        consent=_consent(found),
        service=found.messaging_service_sid,
    )


def _consent(found: wire.Inbound) -> SmsConsent | None:
    """Twilio says it where Advanced Opt-Out is set up; else the word itself does, as for Twilio."""
    if found.opt_out_type:
        return _CONSENTS.get(found.opt_out_type)
    return WORDS.get(found.body.strip().upper())


def seconds(text: str) -> float:
    """A time of RFC 2822 in Unix seconds."""
    try:
        from email.utils import parsedate_to_datetime  # 10 ms of import

        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError) as error:
        raise UnexpectedResponseError(
            "the message has no time that we can read", outcome_known=False
        ) from error
