"""Discord's requests: an Ed25519 signature over the time and the body.

https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint and
https://docs.discord.com/developers/events/webhook-events, read 2026-12-01. PINGs are answered once
their signature holds, and not stored. Discord sends forged requests on purpose, and takes an
endpoint away that does not answer them 401.
"""

import re
from typing import Any, cast, final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hardpoint.webhooks.envelopes import Name, OptionalName, Unreadable, named, open_envelope
from hardpoint.webhooks.grammar import OneSignature, in_hex
from hardpoint.webhooks.public_keys import Ed25519Key, PublicKeyScheme
from hardpoint.webhooks.replies import json_reply
from hardpoint.webhooks.schemes import CONTENT_HEADERS
from hardpoint.webhooks.signatures import Unfit
from hardpoint.webhooks.verification import Notification, Reply, Verified, WebhookRequest

_TIME = "X-Signature-Timestamp"
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
_PRIVATE = "private:"
_FIX = "Copy the Public Key from General Information, 64 hex digits"
_JSON = ((b"content-type", b"application/json"),)
_PONG = Reply(headers=_JSON, body=b'{"type":1}')
_HEARD = Reply(status=204, headers=_JSON)
_PING = 1
_TEXT_CHARACTERS_MAX = 2000
_INTERACTIONS = {2: "command", 3: "component", 4: "autocomplete", 5: "modal"}
_DEFERRED = {
    2: Reply(headers=_JSON, body=b'{"type":5}'),  # "is thinking", until a message follows
    3: Reply(headers=_JSON, body=b'{"type":6}'),  # nothing changes, until a message follows
    4: Reply(headers=_JSON, body=b'{"type":8,"data":{"choices":[]}}'),
    5: Reply(headers=_JSON, body=b'{"type":6}'),
}
"""What an interaction hears: it can be answered for 15 minutes more, by its token."""


class _Named(msgspec.Struct):
    """What a command or a component is called."""

    name: OptionalName = None
    custom_id: OptionalName = None


class _Inner(msgspec.Struct):
    """What happened, of a webhook event."""

    type: Name


class _Envelope(msgspec.Struct):
    """What we read of either: an interaction has an id, a webhook event has none."""

    type: int
    application_id: OptionalName = None
    id: OptionalName = None
    data: _Named | None = None
    event: _Inner | None = None


_envelope = msgspec.json.Decoder(_Envelope).decode


@final
class DiscordWebhooks(PublicKeyScheme):
    """Verifies and signs what Discord sends to one application.

    An interaction's type is its kind and its name: `command.deploy`, `component.approve`,
    `modal.refund`, `autocomplete.deploy`; a webhook event's is Discord's own,
    `APPLICATION_AUTHORIZED`. Events have no id: a repeat is known by its bytes.

    Args:
        secrets: the application's public key in hex, which verifies only. A private one, written
            `private:` and hex, stands in for Discord's own, and signs too.
        tolerance: seconds the signed time may differ from now; Discord names no number.

    Raises:
        ConfigurationError: a key of the wrong shape, or a tolerance out of range.
    """

    grammar = OneSignature("X-Signature-Ed25519", in_hex(64), time=_TIME)
    around_time = (b"", b"")
    stored_headers = CONTENT_HEADERS | {_TIME.lower().encode()}

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature; answer a PING, or read what it is about."""
        key, signed_at, _ = self.authenticate(request, now=now)
        try:
            one = open_envelope(_envelope, request.body)
            if (reply := _handshake(one)) is not None:
                return Verified(reply=reply, key=key, signed_at=signed_at)
            events = self.events(request, one)
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key, signed_at=signed_at)
        heard = _HEARD if one.event is not None else _DEFERRED[one.type]
        return Verified(events=events, key=key, signed_at=signed_at, heard=heard)

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """The one event, of an envelope that `verify` has read."""
        return (_told(found),)

    def reply(self, value: object) -> Reply:
        """Text as a message that mentions nobody, or an interaction response as Discord has it."""
        if isinstance(value, str) and 0 < len(value) <= _TEXT_CHARACTERS_MAX:
            value = {"type": 4, "data": {"content": value, "allowed_mentions": {"parse": ()}}}
        if not isinstance(value, dict) or "type" not in value:
            raise TypeError('a reply is up to 2000 characters, or {"type": 4, "data": ...}')
        return json_reply(cast(object, value))

    def clue(self, request: WebhookRequest) -> str | None:
        """What is mistaken most often, and what is no mistake."""
        return "Is it the public key of this application? Discord also sends forged ones, as a test"

    def key(self, text: str) -> Ed25519Key | Unfit:
        """32 bytes in hex."""
        digits = text.removeprefix(_PRIVATE)
        if not _HEX.fullmatch(digits):
            return Unfit("is no key", _FIX)
        if digits != text:
            private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(digits))
            return Ed25519Key(private.public_key(), private)
        return Ed25519Key(Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)))


def _handshake(one: _Envelope) -> Reply | None:
    """What a PING is answered: of interactions they have an id, of events none."""
    if one.event is None and one.type == 0:
        return _HEARD
    return _PONG if one.event is None and one.type == _PING else None


def _told(one: _Envelope) -> Notification:
    if one.event is not None:
        return named("", one.event.type, one.application_id or None)
    kind = _INTERACTIONS.get(one.type)
    if kind is None:
        raise Unreadable(f"interactions of type {one.type} are not known")
    about = one.data or _Named()
    called = about.name or about.custom_id
    return named(one.id or "", f"{kind}.{called}" if called else kind, one.application_id or None)
