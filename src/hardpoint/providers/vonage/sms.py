"""Vonage's Messages API over REST.

https://developer.vonage.com/en/api/messages, by published excerpts and the official Python package
(vonage-messages 1.8.1), whose limits these are; 2026-12-01.

There are no idempotency keys, and no way to ask for a message: what may have been sent is told by
its status webhook alone, which brings the caller's key back.
"""

from typing import Any, cast, final

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization, basic
from hardpoint.http.client import ApiClient
from hardpoint.http.extras import merged
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.vonage import HOSTS, Vonage, reading, wire
from hardpoint.providers.vonage.errors import ERRORS
from hardpoint.providers.vonage.tokens import ApplicationToken
from hardpoint.runtime.clocks import SystemClock
from hardpoint.sms.addresses import MessageChannel, joined, parted
from hardpoint.sms.driver import SmsCapability
from hardpoint.sms.types import Message, MessageStatus, MessageTemplate, NewMessage, SmsEvent

_REFERENCE_CHARACTERS_MAX = 100


@final
class VonageSms:
    """Vonage's messages."""

    provider = "vonage"
    capabilities = Capabilities(
        frozenset(
            {
                SmsCapability.SENDER_NAME,
                SmsCapability.WHATSAPP,
                SmsCapability.RCS,
                SmsCapability.TEMPLATES,
                SmsCapability.SERVICE,
                SmsCapability.VALIDITY,
            }
        ),
        idempotency=Idempotency.NONE,
        key_length_max=_REFERENCE_CHARACTERS_MAX,
        limits={
            "text_characters": 3072,  # of RCS; SMS takes 3200, WhatsApp 4096
            "validity_seconds_min": 20,
            "validity_seconds_max": 7 * 24 * 3600,
        },
    )

    def __init__(self, transport: Transport, settings: Vonage) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=_authorization(settings),
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal, success={202})
        self._settings = settings

    @property
    def sender(self) -> str | None:
        """The settings' own."""
        return self._settings.from_

    async def send(self, new: NewMessage, *, idempotency_key: str) -> Message:
        """Hand it over to be sent; the key goes along, and comes back with its events."""
        channel, number = parted(new.to)
        sender = self._sender(new, channel)
        own = len(new.key) <= _REFERENCE_CHARACTERS_MAX and new.key
        document: dict[str, Any] = {
            "channel": channel.value,
            "to": _bare(number),
            "from": _bare(parted(sender)[1]),
            "client_ref": own or idempotency_key,
            **_content(new, channel),
        }
        if new.validity is not None:
            document["ttl"] = new.validity
        if new.service is not None:
            document["sms"] = {"pool_id": new.service}
        if self._settings.status_url is not None:
            document |= {"webhook_url": self._settings.status_url, "webhook_version": "v1"}
        body = merged(document, new.extra, self.provider)
        taken = await self._api.post("/v1/messages", wire.Accepted, document=body)
        return Message(
            id=taken.message_uuid,
            status=MessageStatus.QUEUED,
            vendor_status="accepted",
            to=new.to,
            body=new.body,
            from_=sender,
        )

    def parse_event(self, body: bytes) -> SmsEvent | None:
        """What a verified webhook's body says; None when it is about something else."""
        return reading.event(body)

    def _sender(self, new: NewMessage, channel: MessageChannel) -> str:
        if new.service is not None and channel is not MessageChannel.SMS:
            raise InvalidRequestError("is a pool of numbers for SMS alone", field="service")
        if new.from_ is not None:
            return new.from_
        if channel is MessageChannel.RCS:
            raise InvalidRequestError("is missing: a number is no sender of RCS", field="from_")
        if self._settings.from_ is None:
            raise InvalidRequestError("is missing, even beside a service", field="from_")
        return joined(channel, self._settings.from_)


def _authorization(settings: Vonage) -> Authorization:
    if settings.application_id is not None and settings.private_key is not None:
        return ApplicationToken(settings.application_id, settings.private_key, SystemClock())
    return basic(str(settings.api_key), cast("Secret", settings.api_secret))


def _bare(sender: str) -> str:
    """A number as Vonage writes it, without its sign."""
    return sender.removeprefix("+")


def _content(new: NewMessage, channel: MessageChannel) -> dict[str, Any]:
    if new.template is None:
        return {"message_type": "text", "text": new.body}
    if channel is not MessageChannel.WHATSAPP:
        raise InvalidRequestError("is one of WhatsApp alone", field="template")
    if new.template.language is None:
        raise InvalidRequestError("is missing: en_US", field="template.language")
    return {
        "message_type": "template",
        "template": {"name": new.template.id, "parameters": _parameters(new.template)},
        "whatsapp": {"policy": "deterministic", "locale": new.template.language},
    }


def _parameters(template: MessageTemplate) -> list[str]:
    """The variables in order: they have no names, but places from 1."""
    places = [str(place) for place in range(1, len(template.variables) + 1)]
    if set(places) != set(template.variables):
        raise InvalidRequestError("are not named 1, 2, 3 and so on", field="template.variables")
    return [template.variables[place] for place in places]
