"""Twilio Messages over REST.

https://www.twilio.com/docs/messaging/api/message-resource, read 2026-11-23; templates, validity and
messages for later by the pages of their error codes, read 2026-12-01.

There are no idempotency keys: what may have been sent is looked for, never sent again.
"""

from datetime import UTC, datetime
from typing import Any, final
from urllib.parse import urlencode

import msgspec

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import ConflictError, InvalidRequestError
from hardpoint.http.auth import basic
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.extras import merged
from hardpoint.http.forms import encode
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.twilio import HOSTS, Twilio, reading, wire
from hardpoint.providers.twilio.errors import ERRORS
from hardpoint.sms.addresses import MessageChannel, joined, parted
from hardpoint.sms.driver import SmsCapability
from hardpoint.sms.types import Message, MessagePage, MessageStatus, NewMessage, SmsEvent

_PAGE = 100


@final
class TwilioSms:
    """Twilio's programmable messaging."""

    provider = "twilio"
    capabilities = Capabilities(
        frozenset(SmsCapability),
        idempotency=Idempotency.NONE,
        limits={
            "text_characters": 1600,
            "media_items": 10,
            "schedule_seconds_min": 300,
            "schedule_seconds_max": 35 * 24 * 3600,
            "validity_seconds_min": 1,
            "validity_seconds_max": 36_000,
        },
    )

    def __init__(self, transport: Transport, settings: Twilio) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=basic(settings.api_key_sid or settings.account_sid, settings.secret),
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal, success={200, 201})
        self._settings = settings
        self._messages = f"/2010-04-01/Accounts/{settings.account_sid}/Messages"

    @property
    def sender(self) -> str | None:
        """The settings' own: a messaging service, or a number."""
        return self._settings.messaging_service_sid or self._settings.from_

    async def send(self, new: NewMessage, *, idempotency_key: str) -> Message:
        """Hand it over to be sent. The key stays here: Twilio has no use for one."""
        service = new.service or (None if new.from_ else self._settings.messaging_service_sid)
        channel, _ = parted(new.to)
        _check(new, service, channel)
        own = None if service else self._settings.from_
        template = new.template
        form: dict[str, Any] = {
            "To": new.to,
            "From": new.from_ or (own and joined(channel, own)),
            "MessagingServiceSid": service,
            "Body": new.body or None,
            "MediaUrl": new.media or None,
            "ContentSid": template and template.id,
            "ContentVariables": _variables(new),
            "SendAt": new.send_at and _instant(new.send_at),
            "ScheduleType": new.send_at and "fixed",
            "ValidityPeriod": new.validity,
            "StatusCallback": self._settings.status_url,
        }
        fields = encode(merged(form, new.extra, self.provider), repeat=True)
        found = await self._api.post(f"{self._messages}.json", wire.Message, form=fields)
        return reading.message(found)

    async def get_message(self, message_id: str) -> Message:
        """Read it."""
        target = f"{self._messages}/{segment(message_id)}.json"
        return reading.message(await self._api.get(target, wire.Message))

    async def cancel(self, message_id: str) -> Message:
        """Call off what is kept for later; one that was called off before is refused, and read."""
        target = f"{self._messages}/{segment(message_id)}.json"
        try:
            fields = encode({"Status": "canceled"})
            return reading.message(await self._api.post(target, wire.Message, form=fields))
        except ConflictError:
            message = await self.get_message(message_id)
            if message.status is not MessageStatus.CANCELED:
                raise
            return message

    async def list_messages(self, *, to: str, since: float, cursor: str | None) -> MessagePage:
        """A page, newest first. Not by `DateSent`, which what still waits does not have."""
        query = urlencode({"To": to, "PageSize": _PAGE})
        if cursor is not None:
            query += f"&{cursor}"
        page = await self._api.get(f"{self._messages}.json?{query}", wire.Messages)
        found = tuple(reading.message(one) for one in page.messages)
        older = bool(found) and found[-1].created < since
        return MessagePage(
            messages=found, cursor=None if older else reading.cursor(page.next_page_uri)
        )

    def parse_event(self, body: bytes) -> SmsEvent | None:
        """What a verified webhook's body says; None when it is about something else."""
        return reading.event(body)


def _check(new: NewMessage, service: str | None, channel: MessageChannel) -> None:
    """What Twilio wants beside what the port has seen."""
    if new.send_at is not None and service is None:
        raise InvalidRequestError("is missing: only a service keeps it for later", field="service")
    if channel is MessageChannel.RCS and not (service or new.from_):
        raise InvalidRequestError("is missing: a number is no sender of RCS", field="from_")
    if new.template is not None and new.template.language is not None:
        raise InvalidRequestError("is one with the template", field="template.language")


def _variables(new: NewMessage) -> str | None:
    if new.template is None or not new.template.variables:
        return None
    return msgspec.json.encode(new.template.variables).decode()


def _instant(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
