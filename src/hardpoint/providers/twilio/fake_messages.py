"""The messages of a Twilio account that behaves as documented, without HTTP."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import Any, final
from urllib.parse import urlencode, urlsplit

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.fakes.fields import Fields
from hardpoint.fakes.vendors import Trigger
from hardpoint.providers.twilio.reading import WORDS
from hardpoint.sms.segmentation import segments
from hardpoint.sms.types import SmsConsent

_NUMBER = re.compile(r"(?:whatsapp:|rcs:)?\+[1-9][0-9]{6,14}", re.ASCII)
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}", re.ASCII)
_FROM = {
    "+15005550001": (21212, "The 'From' number +15005550001 is not a valid phone number."),
    "+15005550007": (21606, "The 'From' phone number +15005550007 is not yours."),
    "+15005550008": (21611, "This 'From' number has exceeded the maximum number of messages."),
}
_TO = {
    "+15005550001": (21211, "The 'To' number +15005550001 is not a valid phone number."),
    "+15005550002": (21612, "The 'To' number is not currently reachable from the 'From' number."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region."),
    "+15005550004": (21610, "The message From/To pair violates a blacklist rule."),
    "+15005550009": (21614, "'To' number is not a valid mobile number."),
}
TRIGGERS = tuple(
    Trigger(field=field, value=number, answer=str(code))
    for field, magic in (("To", _TO), ("From", _FROM))
    for number, (code, _) in magic.items()
)
CONTENT_SID = "HX" + "f" * 32
"""The one template of the account, `Hello {{1}}`."""
_WITHOUT_EFFECT = ("ProvideFeedback", "RiskCheck", "SmartEncoded")
_SCHEDULE_SECONDS = (300, 35 * 24 * 3600)
_VALIDITY_SECONDS = range(1, 36_001)
_CHARACTERS_MAX = 1600
_MEDIA_MAX = 10
_PAGE_SIZE_MAX = 1000


class MessageRefusedError(Exception):
    """Twilio says no."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.body = {
            "code": code,
            "message": message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }


@dataclass(slots=True, kw_only=True)
class Text:
    """A message, either way."""

    sid: str
    account_sid: str
    to: str
    from_: str | None
    body: str
    status: str
    created: float
    direction: str = "outbound-api"
    media: int = 0
    service_sid: str | None = None
    status_callback: str | None = None
    error_code: int | None = None

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        chosen = self.status != "accepted"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": formatdate(self.created),
            "date_sent": formatdate(self.created) if self.status != "queued" and chosen else None,
            "date_updated": formatdate(self.created),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": None,
            "from": self.from_ if chosen else None,
            "messaging_service_sid": self.service_sid,
            "num_media": str(self.media),
            "num_segments": str(segments(self.body).count) if chosen else "0",
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "to": self.to,
            "uri": f"/2010-04-01/Accounts/{self.account_sid}/Messages/{self.sid}.json",
        }


@final
class Mailbox:
    """The messages of one account.

    Args:
        account_sid: its SID.
        numbers: its own.
        services: its messaging services, and the number that each sends from.
        now: Unix seconds.
    """

    def __init__(
        self,
        account_sid: str,
        numbers: set[str],
        services: Mapping[str, str],
        now: Callable[[], float],
    ) -> None:
        self._account_sid = account_sid
        self._numbers = numbers
        self._services = services
        self._now = now
        self.rewrites: Callable[[str], str] = str
        """What it makes of a text before it keeps it: it may shorten links and trim blanks."""
        self._texts: dict[str, Text] = {}
        self._opted_out: set[str] = set()

    def text(self, sid: str) -> Text:
        """`GET Messages/:sid`."""
        text = self._texts.get(sid)
        if text is None:
            raise MessageRefusedError(
                20404, f"The requested resource {sid} was not found", status=404
            )
        return text

    def create(self, form: list[tuple[str, str]]) -> Text:
        """`POST Messages`."""
        media = [value for name, value in form if name == "MediaUrl"]
        fields = _single([pair for pair in form if pair[0] != "MediaUrl"])
        to, body = fields.take("To"), fields.take("Body") or ""
        service, from_ = fields.take("MessagingServiceSid"), fields.take("From")
        callback: str | None = fields.take("StatusCallback")
        content = _content(fields.take("ContentSid"), fields.take("ContentVariables"))
        later = self._later(fields.take("SendAt"), fields.take("ScheduleType"), service)
        validity = fields.take("ValidityPeriod")
        for name in _WITHOUT_EFFECT:
            fields.take(name)
        finish(fields)
        sender = self._sender(service, from_)
        self._check_recipient(to)
        if validity is not None and int(validity) not in _VALIDITY_SECONDS:
            raise MessageRefusedError(21624, "The ValidityPeriod is out of range.")
        if service is None and _channel(to) != _channel(sender):
            raise MessageRefusedError(21910, "'From' and 'To' are not of the same channel.")
        body = body if content is None else content
        _check_content(body, media)
        if callback is not None and not urlsplit(callback).hostname:
            raise MessageRefusedError(
                21609, f"The 'StatusCallback' URL {callback} is not a valid URL."
            )
        return self._kept(
            to=to,
            from_=sender,
            body=self.rewrites(body),
            status="scheduled" if later else "accepted" if service else "queued",
            media=len(media),
            service_sid=service,
            status_callback=callback,
        )

    def cancel(self, sid: str, form: list[tuple[str, str]]) -> Text:
        """`POST Messages/:sid`, for one that is kept for later."""
        text, fields = self.text(sid), _single(form)
        if fields.take("Status") != "canceled":
            raise MessageRefusedError(20001, "This fake changes the status to canceled only.")
        finish(fields)
        if text.status != "scheduled":
            raise MessageRefusedError(30409, "This message cannot be canceled", status=409)
        text.status = "canceled"
        return text

    def page(self, query: list[tuple[str, str]]) -> dict[str, Any]:
        """`GET Messages`, newest first."""
        fields = _single(query)
        to, from_ = fields.take("To"), fields.take("From")
        size = min(int(fields.take("PageSize") or 50), _PAGE_SIZE_MAX)
        number = int(fields.take("Page") or 0)
        token = fields.take("PageToken")
        finish(fields)
        if number and token is None:
            raise MessageRefusedError(20001, "Page number needs its PageToken.")
        found = [
            one
            for one in reversed(self._texts.values())
            if to in {None, one.to} and from_ in {None, one.from_}
        ]
        sids = [one.sid for one in found]
        start = sids.index(token.removeprefix("PA")) + 1 if token else 0
        shown = found[start : start + size]
        path = f"/2010-04-01/Accounts/{self._account_sid}/Messages.json"
        following = None
        if len(found) > start + size:
            last = {"Page": number + 1, "PageToken": f"PA{shown[-1].sid}"}
            following = f"{path}?{urlencode({'To': to or '', 'PageSize': size} | last)}"
        return {
            "messages": [one.shown() for one in shown],
            "next_page_uri": following,
            "page": number,
            "page_size": size,
            "uri": path,
        }

    def receive(self, from_: str, to: str, body: str) -> Text:
        """Someone texts one of our numbers."""
        return self._kept(to=to, from_=from_, body=body, status="received", direction="inbound")

    def consent(self, number: str, body: str) -> str | None:
        """What a word does to the number's consent: `STOP`, `START`, `HELP` or nothing."""
        consent = WORDS.get(body.strip().upper())
        if consent is SmsConsent.STOP:
            self._opted_out.add(number)
        elif consent is SmsConsent.START:
            self._opted_out.discard(number)
        return consent and consent.name

    def _kept(self, **facts: Any) -> Text:
        prefix = "MM" if facts.get("media") else "SM"
        text = Text(
            sid=f"{prefix}{len(self._texts) + 1:032x}",
            account_sid=self._account_sid,
            created=self._now(),
            **facts,
        )
        self._texts[text.sid] = text
        return text

    def _sender(self, service: str | None, from_: str | None) -> str:
        if service is not None:
            if service not in self._services:
                raise MessageRefusedError(21701, "The messaging service does not exist.")
            return from_ or self._services[service]
        if not from_:
            raise MessageRefusedError(21603, "A 'From' phone number is required.")
        if from_ in _FROM:
            raise MessageRefusedError(*_FROM[from_], status=429 if from_.endswith("8") else 400)
        if from_.startswith("rcs:") and not from_.startswith("rcs:+"):
            return from_
        if from_.rpartition(":")[2] not in self._numbers and not _NAME.fullmatch(from_):
            raise MessageRefusedError(21606, f"The 'From' phone number {from_} is not yours.")
        return from_

    def _later(self, send_at: str | None, kind: str | None, service: str | None) -> bool:
        if send_at is None and kind is None:
            return False
        if send_at is None or kind != "fixed":
            raise MessageRefusedError(35111, "'SendAt' and 'ScheduleType' go together.")
        if service is None:
            raise MessageRefusedError(35118, "MessagingServiceSid is required to schedule.")
        least, most = _SCHEDULE_SECONDS
        if not least - 5 <= datetime.fromisoformat(send_at).timestamp() - self._now() <= most + 5:
            raise MessageRefusedError(35114, "SendAt must be between 300 seconds and 35 days.")
        return True

    def _check_recipient(self, to: str | None) -> None:
        if not to:
            raise MessageRefusedError(21604, "A 'To' phone number is required.")
        number = to.rpartition(":")[2]
        if to in self._opted_out:
            raise MessageRefusedError(*_TO["+15005550004"])
        if number in _TO:
            raise MessageRefusedError(*_TO[number])
        if not _NUMBER.fullmatch(to):
            raise MessageRefusedError(21211, f"The 'To' number {to} is not a valid phone number.")


def _channel(address: str | None) -> str:
    return (address or "").rpartition(":")[0]


def _content(sid: str | None, variables: str | None) -> str | None:
    """The text that a template makes; None where there is none."""
    if sid is None:
        if variables is not None:
            raise MessageRefusedError(21655, "ContentVariables without a ContentSid.")
        return None
    if sid != CONTENT_SID:
        raise MessageRefusedError(21655, f"The ContentSid {sid} is invalid.")
    try:
        given = msgspec.json.decode(variables or "{}", type=dict[str, str])
    except UNREADABLE:
        raise MessageRefusedError(21656, "The ContentVariables parameter is invalid.") from None
    return f"Hello {given.get('1', '')}"


def _single(pairs: list[tuple[str, str]]) -> Fields:
    doubled = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if doubled:
        raise MessageRefusedError(20001, f"This fake takes {doubled[0]} once only.")
    return Fields(dict(pairs))


def finish(fields: Fields) -> None:
    """Refuse a parameter that nobody has taken."""
    if left := fields.left():
        raise MessageRefusedError(20001, f"This fake knows no parameter {', '.join(left)}.")


def _check_content(body: str, media: list[str]) -> None:
    if not body and not media:
        raise MessageRefusedError(21602, "Message body is required.")
    if len(body) > _CHARACTERS_MAX:
        raise MessageRefusedError(
            21617, "The concatenated message body exceeds the 1600 character limit."
        )
    if len(media) > _MEDIA_MAX:
        raise MessageRefusedError(21623, "Number of media files exceeds allowed limit.")
    if any(urlsplit(one).scheme not in {"http", "https"} for one in media):
        raise MessageRefusedError(21620, "Invalid media URL(s).")
