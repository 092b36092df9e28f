"""Twilio calls over REST.

https://www.twilio.com/docs/voice/api/call-resource.

There are no idempotency keys, and a listing shows nothing that tells two calls apart: what may have
been begun is not looked for, and never begun again.
"""

from typing import Any, final
from urllib.parse import parse_qsl

import msgspec

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.http.auth import basic
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.extras import merged
from hardpoint.http.forms import encode
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.twilio import HOSTS, Twilio, reading, wire
from hardpoint.providers.twilio.errors import ERRORS
from hardpoint.providers.twilio.twiml import twiml
from hardpoint.voice.driver import VoiceCapability
from hardpoint.voice.script import Script
from hardpoint.voice.types import (
    CallAsked,
    CallChanged,
    CallStatus,
    NewCall,
    VoiceCall,
    VoiceEvent,
)
from hardpoint.webhooks.forms import FORM_FIELDS_MAX

_STATUSES = {
    one.value.replace("_", "-"): one for one in CallStatus if one is not CallStatus.UNKNOWN
} | {"initiated": CallStatus.QUEUED}
_TOLD = ("initiated", "ringing", "answered", "completed")


@final
class TwilioVoice:
    """Twilio's programmable voice."""

    provider = "twilio"
    capabilities = Capabilities(
        frozenset(VoiceCapability),
        idempotency=Idempotency.NONE,
        limits={"script_characters": 4000, "ring_seconds": 600},
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
        self._calls = f"/2010-04-01/Accounts/{settings.account_sid}/Calls"

    @property
    def caller(self) -> str | None:
        """The settings' own number."""
        return self._settings.from_

    def markup(self, script: Script) -> str:
        """TwiML."""
        return twiml(script)

    async def call(self, new: NewCall, *, idempotency_key: str) -> VoiceCall:
        """Begin to call. The key stays here: Twilio has no use for one."""
        told = self._settings.status_url
        form: dict[str, Any] = {
            "To": new.to,
            "From": new.from_ or self._settings.from_,
            "Twiml": None if new.script is None else twiml(new.script),
            "Url": new.url,
            "Timeout": new.ring_seconds,
            "StatusCallback": told,
            "StatusCallbackEvent": told and _TOLD,
        }
        fields = encode(merged(form, new.extra, self.provider), repeat=True)
        return _call(await self._api.post(f"{self._calls}.json", wire.Call, form=fields))

    async def get_call(self, call_id: str) -> VoiceCall:
        """Read it."""
        return _call(await self._api.get(f"{self._calls}/{segment(call_id)}.json", wire.Call))

    async def hang_up(self, call_id: str) -> VoiceCall:
        """End it: what nobody has taken yet, too."""
        target = f"{self._calls}/{segment(call_id)}.json"
        fields = encode({"Status": "completed"})
        return _call(await self._api.post(target, wire.Call, form=fields))

    def parse_event(self, body: bytes) -> VoiceEvent | None:
        """What a verified webhook's form says; None when it is about no call."""
        if body.startswith((b"{", b"[")):
            return None
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
        form = dict(pairs)
        if "CallSid" not in form:
            return None
        found = msgspec.convert(form, wire.CallForm)
        status = _status(found.call_status)
        # One that is over asks for nothing; what is told of each step is numbered.
        if found.sequence_number is not None or status.ended:
            return CallChanged(
                call_id=found.call_sid,
                status=status,
                vendor_status=found.call_status,
                to=found.to,
                from_=found.from_,
                seconds=_whole(found.call_duration),
            )
        return CallAsked(
            call_id=found.call_sid,
            status=status,
            vendor_status=found.call_status,
            to=found.to,
            from_=found.from_,
            digits=found.digits,
            speech=found.speech_result,
            recording_url=found.recording_url,
        )


def _call(found: wire.Call) -> VoiceCall:
    created = found.date_created
    return VoiceCall(
        id=found.sid,
        status=_status(found.status),
        vendor_status=found.status,
        to=found.to,
        from_=found.from_,
        created=None if created is None else reading.seconds(created),
        seconds=_whole(found.duration),
    )


def _status(text: str) -> CallStatus:
    return _STATUSES.get(text, CallStatus.UNKNOWN)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else None
