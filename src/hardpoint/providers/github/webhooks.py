"""GitHub's webhook signature, `X-Hub-Signature-256: sha256=<hex>` over the body alone.

https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries, read 2026-11-23.
Id and type of a delivery stand in headers that nobody signs, and no time is signed.
"""

import re
from binascii import hexlify
from collections.abc import Sequence
from typing import final
from urllib.parse import parse_qs

import msgspec

from hardpoint.core.errors import (
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import Unreadable, open_envelope
from hardpoint.webhooks.signatures import HMAC_US, HmacKey, Unfit, matching_key, prepare
from hardpoint.webhooks.verification import (
    Coverage,
    Notification,
    Replay,
    Verified,
    WebhookRequest,
)

_SIGNATURE = b"x-hub-signature-256"
_SHA1 = b"x-hub-signature"
_DELIVERY = b"x-github-delivery"
_EVENT = b"x-github-event"
_HOOK = b"x-github-hook-id"
_READ = frozenset({_SIGNATURE, _SHA1, _DELIVERY, _EVENT})
_ALGORITHM = b"sha256="
_SIGNATURE_CHARS = len(_ALGORITHM) + 64
_FORM = b"payload="
_FIELDS_MAX = 8
_NAME = re.compile(rb"[\w.-]{1,256}", re.ASCII)


class _Payload(msgspec.Struct):
    """A JSON object, none of it read."""


_payload = msgspec.json.Decoder(_Payload).decode


@final
class GitHubWebhooks:
    """Verifies and signs what GitHub sends for one hook. Id and type are only asserted.

    Args:
        secrets: the hook's secrets that are live, newest first.

    Raises:
        ConfigurationError: a blank secret, or one with blanks around it.
    """

    covers = Coverage.FULL_BODY
    replay = Replay.NONE
    signature_headers = frozenset({_SIGNATURE, _SHA1})
    stored_headers = frozenset(
        {
            b"content-type",
            b"user-agent",
            _DELIVERY,
            _EVENT,
            _HOOK,
            b"x-github-hook-installation-target-id",
            b"x-github-hook-installation-target-type",
        }
    )
    body_bytes_max = 25 * 1024 * 1024  # GitHub sends nothing larger

    def __init__(self, *, secrets: Sequence[Secret]) -> None:
        self._keys = prepare(secrets, _key)
        self.refusal_us = HMAC_US * len(self._keys)

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature and that the body is JSON; take id and type from the headers."""
        key, headers = self.authenticate(request, now=now)
        event_id = _asserted(headers, _DELIVERY)
        event_type = _asserted(headers, _EVENT)
        try:
            open_envelope(_payload, _json(request.body))
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key)
        event = Notification(id=event_id, type=event_type, asserted=True)
        return Verified(events=(event,), key=key)

    def authenticate(
        self, request: WebhookRequest, *, now: float
    ) -> tuple[int, dict[bytes, bytes]]:
        """Check the signature alone: the index of the secret, and the headers that were read."""
        del now  # nothing is signed that could be too old
        headers = request.once(_READ)
        signature = headers.get(_SIGNATURE)
        if signature is None:
            weak = "; SHA-1 is not accepted" if _SHA1 in headers else ""
            raise MissingSignatureError(f"the request has no {_SIGNATURE.decode()} header{weak}")
        if len(signature) != _SIGNATURE_CHARS or not signature.startswith(_ALGORITHM):
            raise MalformedRequestError("the signature is not sha256= and 64 hex digits")
        candidates = (signature[len(_ALGORITHM) :],)
        key = matching_key(self._keys, b"", request.body, candidates)
        if key is None:
            raise SignatureMismatchError
        return key, headers

    def clue(self, request: WebhookRequest) -> str | None:
        """Which hook sent it: each has a secret of its own."""
        hook = dict(request.headers).get(_HOOK, b"").decode("latin-1")
        return f"Hook {hook} sent it; is the secret of that hook?" if hook.isdecimal() else None

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """Event, delivery and signature headers; the newest secret signs."""
        del now
        _, newest = self._keys[0]
        signature = hexlify(newest.digest(b"", body)).decode()
        return [
            ("X-GitHub-Event", event_type),
            ("X-GitHub-Delivery", event_id),
            ("X-Hub-Signature-256", f"sha256={signature}"),
        ]

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """A signature of the right form that no secret made."""
        del now
        return [(_SIGNATURE, _ALGORITHM.ljust(_SIGNATURE_CHARS, b"0"))]


def _asserted(headers: dict[bytes, bytes], name: bytes) -> str:
    value = headers.get(name, b"")
    if not _NAME.fullmatch(value):
        raise MalformedRequestError(f"{name.decode()} is missing or no plain name")
    return value.decode()


def _json(body: bytes) -> bytes:
    """The JSON in a body, which may be a form that holds it in `payload`.

    The body says which it is, not the content type, since that is not signed.
    """
    if not body.startswith(_FORM):
        return body
    try:
        fields = parse_qs(body.decode("ascii"), errors="strict", max_num_fields=_FIELDS_MAX)
        return fields["payload"][0].encode()
    except (ValueError, KeyError):
        raise Unreadable("the form cannot be read") from None


def _key(text: str) -> HmacKey | Unfit:
    if text != text.strip():
        return Unfit("has blanks around it", "Remove them; the hook's secret has none")
    try:
        # An environment variable that is not UTF-8 comes with its bytes escaped.
        return HmacKey(text.encode(errors="surrogateescape"))
    except UnicodeEncodeError:
        return Unfit("is not text")
