"""GitHub's webhook signature, `X-Hub-Signature-256: sha256=<hex>` over the body alone.

https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries, read 2026-11-23.
Id and type of a delivery stand in headers that nobody signs, and no time is signed.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, final
from urllib.parse import parse_qs

import msgspec

from hardpoint.core.errors import MalformedRequestError
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import Unreadable, open_envelope
from hardpoint.webhooks.grammar import OneSignature, in_hex
from hardpoint.webhooks.schemes import CONTENT_HEADERS, HmacScheme
from hardpoint.webhooks.signatures import HmacKey, Unfit
from hardpoint.webhooks.verification import Notification, WebhookRequest

_DELIVERY = b"x-github-delivery"
_EVENT = b"x-github-event"
_HOOK = b"x-github-hook-id"
_TARGET = b"x-github-hook-installation-target-"
_FORM = b"payload="
_FIELDS_MAX = 8
_NAME = re.compile(rb"[\w.-]{1,256}", re.ASCII)


class _Payload(msgspec.Struct):
    """A JSON object, none of it read."""


_payload = msgspec.json.Decoder(_Payload).decode


@final
class GitHubWebhooks(HmacScheme):
    """Verifies and signs what GitHub sends for one hook. Id and type are only asserted.

    Args:
        secrets: the hook's secrets that are live, newest first.

    Raises:
        ConfigurationError: a blank secret, or one with blanks around it.
    """

    grammar = OneSignature(
        "X-Hub-Signature-256",
        in_hex(32),
        prefix="sha256=",
        also=(_DELIVERY, _EVENT),
        weaker={b"x-hub-signature": "SHA-1"},
    )
    stored_headers = CONTENT_HEADERS | {
        _DELIVERY,
        _EVENT,
        _HOOK,
        _TARGET + b"id",
        _TARGET + b"type",
    }
    body_bytes_max = 25 * 1024 * 1024  # GitHub sends nothing larger

    def __init__(self, *, secrets: Sequence[Secret]) -> None:
        super().__init__(secrets=secrets)

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """The one event: id and type of the headers, the body JSON."""
        event_id, event_type = _asserted(found, _DELIVERY), _asserted(found, _EVENT)
        open_envelope(_payload, _json(request.body))
        return (Notification(id=event_id, type=event_type, asserted=True),)

    def clue(self, request: WebhookRequest) -> str | None:
        """Which hook sent it: each has a secret of its own."""
        hook = dict(request.headers).get(_HOOK, b"").decode("latin-1")
        return f"Hook {hook} sent it; is the secret of that hook?" if hook.isdecimal() else None

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """Event, delivery and signature headers; the newest secret signs."""
        signed = super().sign(body, now=now, event_id=event_id, event_type=event_type)
        return [("X-GitHub-Event", event_type), ("X-GitHub-Delivery", event_id), *signed]

    def key(self, text: str) -> HmacKey | Unfit:
        """The whole text."""
        if text != text.strip():
            return Unfit("has blanks around it", "Remove them; the hook's secret has none")
        try:
            # An environment variable that is not UTF-8 comes with its bytes escaped.
            return HmacKey(text.encode(errors="surrogateescape"))
        except UnicodeEncodeError:
            return Unfit("is not text")


def _asserted(headers: Mapping[bytes, bytes], name: bytes) -> str:
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
