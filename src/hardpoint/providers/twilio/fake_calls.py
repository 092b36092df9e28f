"""The calls of a Twilio account that behaves as documented, without HTTP."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from hardpoint.fakes.fields import Fields
from hardpoint.providers.twilio.fake_messages import MessageRefusedError, finish

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_TO = {
    "+15005550001": (21217, "Phone number does not appear to be valid."),
    "+15005550002": (21214, "The phone number you are attempting to call cannot be reached."),
    "+15005550003": (21215, "Account not authorized to call the number."),
    "+15005550004": (21216, "Call blocked by Twilio blocklist."),
}
_FROM = {
    "+15005550001": (21212, "The 'From' number +15005550001 is not a valid phone number."),
    "+15005550007": (21210, "The source phone number provided is not yet verified."),
}
_TOLD = {"initiated", "ringing", "answered", "completed"}
_ENDED = {"completed", "busy", "no-answer", "canceled", "failed"}
_VERBS = {
    "Say": {"language", "voice", "loop"},
    "Play": {"loop", "digits"},
    "Pause": {"length"},
    "Gather": {
        *("input", "numDigits", "timeout", "finishOnKey", "language"),
        *("action", "actionOnEmptyResult"),
    },
    "Record": {"maxLength", "finishOnKey", "playBeep", "action"},
    "Dial": {"timeout", "callerId"},
    "Number": set[str](),
    "Redirect": set[str](),
}
_TWIML_CHARACTERS_MAX = 4000
STEPS = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}
"""What is told of a status; whatever ends a call is told as `completed`."""


@dataclass(slots=True, kw_only=True)
class Call:
    """One call.

    Attributes:
        twiml: what it does; None where Twilio asks at `url`.
        told: the steps that are told to `status_callback`.
    """

    sid: str
    account_sid: str
    to: str
    from_: str
    created: float
    twiml: str | None
    url: str | None
    status_callback: str | None
    told: set[str] = field(default_factory=set)
    status: str = "queued"
    duration: int | None = None
    sequence: int = 0

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "date_created": formatdate(self.created),
            "direction": "outbound-api",
            "duration": None if self.duration is None else str(self.duration),
            "from": self.from_,
            "sid": self.sid,
            "status": self.status,
            "to": self.to,
        }


@final
class Switchboard:
    """The calls of one account.

    Args:
        account_sid: its SID.
        numbers: its own.
        now: Unix seconds.
    """

    def __init__(self, account_sid: str, numbers: set[str], now: Callable[[], float]) -> None:
        self._account_sid = account_sid
        self._numbers = numbers
        self._now = now
        self._calls: dict[str, Call] = {}

    def call(self, sid: str) -> Call:
        """`GET Calls/:sid`."""
        call = self._calls.get(sid)
        if call is None:
            raise MessageRefusedError(20404, f"The requested resource {sid} was not found", 404)
        return call

    def create(self, form: list[tuple[str, str]]) -> Call:
        """`POST Calls`."""
        told = {value for name, value in form if name == "StatusCallbackEvent"}
        fields = Fields(dict(pair for pair in form if pair[0] != "StatusCallbackEvent"))
        to, from_ = fields.take("To"), fields.take("From")
        twiml: str | None = fields.take("Twiml")
        url: str | None = fields.take("Url")
        callback, timeout = fields.take("StatusCallback"), fields.take("Timeout")
        finish(fields)
        _check_numbers(to, from_, self._numbers)
        if (twiml is None) == (url is None):
            raise MessageRefusedError(21205, "Url or Twiml parameter is required.")
        if twiml is not None:
            check_twiml(twiml)
        if url is not None and not urlsplit(url).hostname:
            raise MessageRefusedError(21205, f"Url is not a valid URL: {url}")
        if told - _TOLD:
            raise MessageRefusedError(21626, "StatusCallbackEvent has an unknown event.")
        if timeout is not None and not 5 <= int(timeout) <= 600:
            raise MessageRefusedError(21218, "Timeout is out of range.")
        call = Call(
            sid=f"CA{len(self._calls) + 1:032x}",
            account_sid=self._account_sid,
            to=to or "",
            from_=from_ or "",
            created=self._now(),
            twiml=twiml,
            url=url,
            status_callback=callback,
            told=told or {"completed"},
        )
        self._calls[call.sid] = call
        return call

    def update(self, sid: str, form: list[tuple[str, str]]) -> Call:
        """`POST Calls/:sid`: it may only be ended."""
        fields = Fields(dict(form))
        status = fields.take("Status")
        finish(fields)
        call = self.call(sid)
        if status not in {"completed", "canceled"}:
            raise MessageRefusedError(21218, f"Invalid Status {status}.")
        if call.status in _ENDED:
            raise MessageRefusedError(21220, "Call is not in-progress. Cannot redirect.")
        taken = call.status == "in-progress"
        call.status, call.duration = ("completed", 7) if taken else ("canceled", 0)
        return call


def check_twiml(twiml: str) -> None:
    """Refuse what Twilio's interpreter would stumble over."""
    if len(twiml) > _TWIML_CHARACTERS_MAX:
        raise MessageRefusedError(21219, "Twiml has more than 4000 characters.")
    try:
        root = ET.fromstring(twiml)  # noqa: S314 - a fake, on what a test has sent
    except ET.ParseError:
        raise MessageRefusedError(12100, "Document parse failure.") from None
    known = root.tag == "Response" and all(
        one.tag in _VERBS and set(one.attrib) <= _VERBS[one.tag]
        for one in root.iter()
        if one is not root
    )
    if not known:
        raise MessageRefusedError(12200, "Schema validation warning.")


def _check_numbers(to: str | None, from_: str | None, own: set[str]) -> None:
    if not to:
        raise MessageRefusedError(21201, "No 'To' number is specified.")
    if to in _TO:
        raise MessageRefusedError(*_TO[to])
    if not _NUMBER.fullmatch(to):
        raise MessageRefusedError(21211, f"The 'To' number {to} is not a valid phone number.")
    if not from_:
        raise MessageRefusedError(21213, "No 'From' number is specified.")
    if from_ in _FROM:
        raise MessageRefusedError(*_FROM[from_])
    if from_ not in own:
        raise MessageRefusedError(21210, f"{from_} is not yet verified for your account.")
