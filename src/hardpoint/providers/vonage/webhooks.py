"""Vonage's webhooks: a token in `Authorization` that holds the body's hash, signed by HMAC-SHA256.

https://developer.vonage.com/en/getting-started/concepts/webhooks, by published excerpts,
2026-12-01. The hash is of the body as it is sent. The secret is the account's
signature secret, whichever application sends.
"""

import hashlib
import hmac
import json
from binascii import hexlify
from collections.abc import Sequence
from typing import Any, final

import msgspec

from hardpoint.core.errors import MalformedRequestError, SignatureMismatchError
from hardpoint.core.secrets import Secret
from hardpoint.providers.vonage.tokens import PART
from hardpoint.webhooks.envelopes import OptionalName, named, open_envelope
from hardpoint.webhooks.grammar import Encoding, OneSignature
from hardpoint.webhooks.schemes import CONTENT_HEADERS, SignatureScheme
from hardpoint.webhooks.signatures import (
    HMAC_US,
    TOLERANCE,
    HmacKey,
    Unfit,
    check_age,
    check_tolerance,
    matching_key,
    prepare,
)
from hardpoint.webhooks.verification import Notification, Replay, WebhookRequest

_HEADER = b'{"alg":"HS256","typ":"JWT"}'
_TOKEN = Encoding(
    form="a JSON web token", least=64, most=4096, spell=PART.spell, decode=PART.decode
)
_FIX = "Copy the signature secret from the dashboard, Settings"


class _Header(msgspec.Struct):
    alg: str


class _Claims(msgspec.Struct):
    """What we read of a token."""

    iat: int
    payload_hash: str
    api_key: OptionalName = None


class _Event(msgspec.Struct):
    """What we read of a body."""

    message_uuid: OptionalName = None
    status: OptionalName = None


_header = msgspec.json.Decoder(_Header).decode
_claims = msgspec.json.Decoder(_Claims).decode
_event = msgspec.json.Decoder(_Event).decode


@final
class VonageWebhooks(SignatureScheme):
    """Verifies and signs what Vonage sends.

    Args:
        secrets: the account's signature secrets that are live, newest first.
        tolerance: seconds by which the token's time may differ from now, in both directions.

    Raises:
        ConfigurationError: a secret that is none, or a tolerance out of range.
    """

    grammar = OneSignature("Authorization", _TOKEN, prefix="Bearer ")
    replay = Replay.WINDOW
    signature_headers = grammar.signature_headers
    stored_headers = CONTENT_HEADERS

    def __init__(self, *, secrets: Sequence[Secret], tolerance: float = TOLERANCE) -> None:
        self._keys = prepare(secrets, _key)
        self._tolerance = check_tolerance(tolerance)
        self.refusal_us = HMAC_US * (1 + len(self._keys))

    def authenticate(
        self, request: WebhookRequest, *, now: float
    ) -> tuple[int, int | None, str | None]:
        """See `SignatureScheme`; what was found is the account's key."""
        (token,), _, _ = self.grammar.read(request)
        signed, _, signature = token.rpartition(b".")
        head, dot, payload = signed.partition(b".")
        if not dot or b"." in payload:
            raise MalformedRequestError("the token is not three parts")
        digest = hexlify(hashlib.sha256(request.body).digest())
        key = matching_key(self._keys, b"", signed, (signature,), PART.spell)
        if key is None:
            raise SignatureMismatchError
        claims = _opened(head, payload)
        if not hmac.compare_digest(claims.payload_hash.encode("utf-8", "replace"), digest):
            raise SignatureMismatchError("the token is of another body")
        check_age(claims.iat, now, self._tolerance)
        return key, claims.iat, claims.api_key

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """A message by its id and status; what else Vonage signs has no id that we know."""
        event = open_envelope(_event, request.body)
        if not event.message_uuid:
            return (named("", "event", found),)
        status = event.status or "received"
        return (named(f"{event.message_uuid}:{status}", f"message.{status}", found),)

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The token by the newest secret."""
        del event_type
        claims = {
            "iss": "Vonage",
            "iat": int(now),
            "jti": event_id,
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": "abcd1234",
        }
        signed = PART.spell(_HEADER) + b"." + PART.spell(json.dumps(claims).encode())
        _, key = self._keys[0]
        token = signed + b"." + PART.spell(key.digest(b"", signed))
        return self.grammar.write([token], b"")

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """A token of the right form that no key made."""
        payload = PART.spell(json.dumps({"iat": int(now)}).encode())
        token = b".".join((PART.spell(_HEADER), payload, PART.spell(bytes(32))))
        return [(b"authorization", b"Bearer " + token)]


def _opened(head: bytes, payload: bytes) -> _Claims:
    """The claims of a token whose signature holds."""
    try:
        if _header(PART.decode(head) or b"").alg != "HS256":
            raise MalformedRequestError("the token is not signed by HS256")
        return _claims(PART.decode(payload) or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedRequestError("the token lacks its time or the body's hash") from None


def _key(text: str) -> HmacKey | Unfit:
    if not (text.isascii() and text.isprintable()) or not text or " " in text:
        return Unfit("is cut off or holds blanks", _FIX)
    return HmacKey(text.encode())
