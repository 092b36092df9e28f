"""Twilio Messages over REST.

https://www.twilio.com/docs/messaging/api/message-resource, read 2026-11-23.

There are no idempotency keys: what may have been sent is looked for, never sent again.
"""

from typing import Any, final
from urllib.parse import urlencode

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.http.auth import basic
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.extras import merged
from hardpoint.http.forms import encode
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.twilio import HOSTS, Twilio, reading, wire
from hardpoint.providers.twilio.errors import ERRORS
from hardpoint.sms.driver import SmsCapability
from hardpoint.sms.types import Message, MessagePage, NewMessage, SmsEvent

_PAGE = 100


@final
class TwilioSms:
    """Twilio's programmable messaging."""

    provider = "twilio"
    capabilities = Capabilities(
        frozenset(SmsCapability),
        idempotency=Idempotency.NONE,
        limits={"text_characters": 1600, "media_items": 10},
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
        service = None if new.from_ else self._settings.messaging_service_sid
        form: dict[str, Any] = {
            "To": new.to,
            "From": None if service else new.from_ or self._settings.from_,
            "MessagingServiceSid": service,
            "Body": new.body or None,
            "MediaUrl": new.media or None,
            "StatusCallback": self._settings.status_url,
        }
        fields = encode(merged(form, new.extra, self.provider), repeat=True)
        found = await self._api.post(f"{self._messages}.json", wire.Message, form=fields)
        return reading.message(found)

    async def get_message(self, message_id: str) -> Message:
        """Read it."""
        target = f"{self._messages}/{segment(message_id)}.json"
        return reading.message(await self._api.get(target, wire.Message))

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
