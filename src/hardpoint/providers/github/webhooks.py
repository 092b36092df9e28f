"""GitHub's webhook signature, `X-Hub-Signature-256: sha256=<hex>` over the body alone.

https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries, read 2026-11-23.
Id and type of a delivery stand in headers that nobody signs, and no time is signed.
"""

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
from hardpoint.webhooks.envelopes import is_name, open_envelope
from hardpoint.webhooks.signatures import HmacKey, Unfit, bounded, matching_key, prepare
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
_READ = frozenset({_SIGNATURE, _SHA1, _DELIVERY, _EVENT})
_ALGORITHM = b"sha256="
_SIGNATURE_CHARS = len(_ALGORITHM) + 64
_FORM = b"payload="


class _Payload(msgspec.Struct):
    """A JSON object, none of it read."""


_PAYLOAD = msgspec.json.Decoder(_Payload)


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
            b"x-github-hook-id",
            b"x-github-hook-installation-target-id",
            b"x-github-hook-installation-target-type",
        }
    )
    body_bytes_max = 25 * 1024 * 1024  # GitHub sends nothing larger

    def __init__(self, *, secrets: Sequence[Secret]) -> None:
        self._keys = prepare(secrets, _key)

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature and that the body is JSON; take id and type from the headers."""
        key, headers = self.authenticate(request, now=now)
        event_id = _asserted(headers, _DELIVERY)
        event_type = _asserted(headers, _EVENT)
        problem = _problem(request.body)
        if problem is not None:
            return Verified(malformed=problem, key=key)
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

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """Event, delivery and signature headers; the newest secret signs."""
        del now
        signature = hexlify(self._keys[0].digest(b"", body)).decode()
        return [
            ("X-GitHub-Event", event_type),
            ("X-GitHub-Delivery", event_id),
            ("X-Hub-Signature-256", f"sha256={signature}"),
        ]


def _asserted(headers: dict[bytes, bytes], name: bytes) -> str:
    value = bounded(name, headers.get(name, b""))
    text = value.decode("latin-1")
    if not (text.isascii() and is_name(text)):
        raise MalformedRequestError(f"the {name.decode()} header is no usable name")
    return text


def _problem(body: bytes) -> str | None:
    """Why a body is neither JSON nor a form with JSON in its `payload`.

    The body says which it is, not the content type, since that is not signed.
    """
    if body.startswith(_FORM):
        try:
            fields = parse_qs(body.decode("ascii"), errors="strict", max_num_fields=8)
        except ValueError:
            return "the form cannot be read"
        body = fields["payload"][0].encode() if "payload" in fields else b""
    opened = open_envelope(_PAYLOAD, body)
    return opened if isinstance(opened, str) else None


def _key(text: str) -> HmacKey | Unfit:
    if text != text.strip():
        return Unfit("has blanks around it", "Remove them; the hook's secret has none")
    return HmacKey(text.encode())
