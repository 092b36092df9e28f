"""Twilio's webhook signature, `X-Twilio-Signature: <base64 HMAC-SHA1>`, of forms and of JSON.

Not the body is signed but the address with a form's parameters; see `signing`. No time is signed.
Names and values of a form are signed without anything between them, so that many forms have one
signature: dedupe goes by what was signed, not by what it says.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import cast, final

import msgspec

from hardpoint.core.errors import MalformedRequestError, SignatureMismatchError
from hardpoint.core.secrets import Secret
from hardpoint.providers.twilio.signing import SignedAddress, is_json, parameters
from hardpoint.providers.twilio.twiml import twiml
from hardpoint.voice.script import Verb, checked_script
from hardpoint.webhooks.envelopes import (
    Name,
    OptionalName,
    Unreadable,
    check_name,
    named,
    open_batch,
    open_envelope,
)
from hardpoint.webhooks.forms import FormField, form_fields, form_texts
from hardpoint.webhooks.grammar import OneSignature, in_base64
from hardpoint.webhooks.replies import plain_reply
from hardpoint.webhooks.schemes import CONTENT_HEADERS, HmacScheme
from hardpoint.webhooks.signatures import HmacKey, Unfit, matching_key
from hardpoint.webhooks.verification import Coverage, Notification, Reply, Verified, WebhookRequest

_SETTINGS = b"x-twilio-webhooks-signature-settings"
_TOKEN = b"i-twilio-idempotency-token"
_REFUSAL_US = 30.0
_Signed = tuple[list[FormField], bytes | None]
"""A form's parameters, and the hash of what is signed of them."""
_FIX = "Copy the auth token from the console"
_NAMING = frozenset(
    {
        b"AccountSid",
        b"CallSid",
        b"CallStatus",
        b"EventType",
        b"MessageSid",
        b"MessageStatus",
        b"SequenceNumber",
        b"SmsStatus",
    }
)
_XML = ((b"content-type", b"text/xml; charset=utf-8"),)
_NOTHING = Reply(headers=_XML, body=b"<Response/>")
"""What a form hears: a message is not answered, and a call ends."""
_PLAIN = re.compile(rb"[\w.-]{1,256}", re.ASCII)


class _About(msgspec.Struct, rename="camel"):
    """Where a CloudEvent says whose it is."""

    account_sid: Name | None = None


class _CloudEvent(msgspec.Struct):
    """What we read of one."""

    id: OptionalName = None
    type: OptionalName = None
    data: _About = msgspec.field(default_factory=_About)


_cloud_event = msgspec.json.Decoder(_CloudEvent).decode


@final
class TwilioWebhooks(HmacScheme):
    """Verifies and signs what Twilio sends to one address.

    A form's event is named after what it tells of: a message by its SID and status, a call by its
    SID, status and sequence number. Where neither is there, by the header that Twilio keeps the
    same when it repeats a request, if it is there. All of that is only asserted.

    Args:
        secrets: the account's auth tokens that are live, primary first; never an API key's secret.
        url: the address as it is set at Twilio. What a proxy makes of it, and what a request says
            of it, does not count.

    Raises:
        ConfigurationError: a secret that is no auth token, or a URL that is none.
    """

    grammar = OneSignature("X-Twilio-Signature", in_base64(20), also=(_SETTINGS, _TOKEN))
    covers = Coverage.FIELDS
    signature_headers = grammar.signature_headers | {_SETTINGS}
    stored_headers = CONTENT_HEADERS | {_TOKEN}

    def __init__(self, *, secrets: Sequence[Secret], url: str) -> None:
        super().__init__(secrets=secrets)
        self._address = SignedAddress(url)
        self.refusal_us = _REFUSAL_US * len(secrets)

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature, then read what it is about."""
        key, _, found = self.authenticate(request, now=now)
        try:
            events = self.events(request, found)
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key, covered=found[1])
        heard = None if is_json(request.body) else _NOTHING
        return Verified(events=events, key=key, covered=found[1], heard=heard)

    def events(self, request: WebhookRequest, found: _Signed) -> tuple[Notification, ...]:
        """What a form tells, or each event of a stream."""
        if is_json(request.body):
            return _streamed(request.body)
        return (_told(found[0], request.header(_TOKEN)),)

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, None, _Signed]:
        """Check the signature alone: the index of the secret, the form, what of it is signed."""
        del now  # nothing is signed that could be too old
        candidates, _, headers = self.grammar.read(request)
        if _SETTINGS in headers:
            # A key that is shared for SHA-256 must never be tried as an auth token, nor this as it.
            raise MalformedRequestError("the signature is by a shared key, and we hold none")
        json = is_json(request.body)
        fields = [] if json else form_fields(request.body)
        signed = parameters(fields)
        query = request.arrival.query
        received = request.url or (f"?{query.decode('latin-1')}" if query else "")
        addresses = self._address.signed(received, request.body)
        for address in addresses:
            key = matching_key(self._keys, address, signed, candidates, self._spell)
            if key is not None:
                covered = None if json else hashlib.sha256(addresses[0] + signed).digest()
                return key, None, (fields, covered)
        raise SignatureMismatchError

    def reply(self, value: object) -> Reply:
        """A call's script as TwiML; text is sent as a message, or read out to a caller."""
        if isinstance(value, list | tuple):
            script = checked_script(cast("list[Verb]", value), field="reply")
            return Reply(headers=_XML, body=twiml(script).encode())
        return plain_reply(value)

    def clue(self, request: WebhookRequest) -> str | None:
        """Whose it is, and what is compared."""
        fields = {} if is_json(request.body) else dict(form_fields(request.body))
        account = fields.get(b"AccountSid", b"")
        whose = f"Account {account.decode()} sent it; " if _PLAIN.fullmatch(account) else ""
        return f"{whose}is url as it is set at Twilio, and the secret that account's auth token?"

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The signature by the newest secret, and the id in the header that stays the same."""
        del now, event_type
        address = self._address.signed("", body)[0]
        signed = b"" if is_json(body) else parameters(form_fields(body))
        written = self.grammar.write(self._signatures(address, signed), b"")
        return [*written, ("I-Twilio-Idempotency-Token", event_id)]

    def key(self, text: str) -> HmacKey | Unfit:
        """HMAC-SHA1: its collisions do not touch it (RFC 6194, 3.3)."""
        if text.startswith(("AC", "SK")) and len(text) == 34:
            return Unfit("is a SID, not an auth token", _FIX)
        if not (text.isascii() and text.isprintable()) or not text or " " in text:
            return Unfit("is cut off or holds blanks", _FIX)
        return HmacKey(text.encode(), "sha1")


def _streamed(body: bytes) -> tuple[Notification, ...]:
    """The events of a stream: CloudEvents, usually several."""
    if body.startswith(b"["):
        return open_batch(body, lambda item: _read(item, item))
    return (_read(body, None),)


def _read(item: bytes, own: bytes | None) -> Notification:
    one = open_envelope(_cloud_event, item)
    return named(one.id or "", one.type or "", one.data.account_sid, body=own)


def _told(fields: list[FormField], token: bytes | None) -> Notification:
    """What a form tells: `message.delivered` of a message, `call.completed` of a call."""
    said = form_texts(fields, _NAMING)
    identifier = "" if token is None else token.decode("latin-1")
    event_type = said.get("EventType") or "form"
    if sid := said.get("MessageSid"):
        status = said.get("MessageStatus") or said.get("SmsStatus") or "received"
        identifier, event_type = f"{sid}:{status}", f"message.{status}"
    elif sid := said.get("CallSid"):
        status = said.get("CallStatus") or "unknown"
        event_type = f"call.{status}"
        # One call asks for instructions again and again, in one status.
        if sequence := said.get("SequenceNumber"):
            identifier = f"{sid}:{status}:{sequence}"
        elif token is None:
            identifier = f"{sid}:{status}"
    account = said.get("AccountSid")
    for name in (identifier, event_type, account or ""):
        check_name(name)
    return Notification(id=identifier, type=event_type, account=account or None, asserted=True)
