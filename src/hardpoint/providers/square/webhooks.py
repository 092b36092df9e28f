"""Square's webhook signature, `x-square-hmacsha256-signature: <base64>` over address and body.

https://developer.squareup.com/docs/webhooks/step3validate, read 2026-12-01. Signed is the
notification URL, letter by letter as it is set at Square, with the body behind it and nothing
between. No time is signed: an old request is told from a new one by its event's id alone.
"""

import re
from collections.abc import Sequence
from typing import Any, final

import msgspec

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import Name, OptionalName, named, open_envelope
from hardpoint.webhooks.grammar import OneSignature, in_base64
from hardpoint.webhooks.schemes import CONTENT_HEADERS, HmacScheme
from hardpoint.webhooks.signatures import HmacKey, Unfit
from hardpoint.webhooks.verification import Notification, WebhookRequest

_RETRY = frozenset(
    {b"square-initial-delivery-timestamp", b"square-retry-number", b"square-retry-reason"}
)
_FIX = "Copy the Signature Key of the webhook subscription from the Developer Console"
_KEY = re.compile(r"[!-~]+", re.ASCII)
_URL = re.compile(r"https?://[!-~]+", re.ASCII)


class _Event(msgspec.Struct):
    """What we read of an event."""

    event_id: Name
    type: Name
    merchant_id: OptionalName = None


_event = msgspec.json.Decoder(_Event).decode


@final
class SquareWebhooks(HmacScheme):
    """Verifies and signs what Square sends to one subscription.

    Args:
        secrets: the subscription's signature keys that are live, newest first.
        url: the notification URL, letter by letter as it is set at Square. What a proxy makes of
            it, and what a request says of it, does not count.

    Raises:
        ConfigurationError: a secret that is no signature key, or a URL that is none.
    """

    grammar = OneSignature(
        "x-square-hmacsha256-signature",
        in_base64(32),
        weaker={b"x-square-signature": "the older signature, by SHA-1,"},
    )
    stored_headers = CONTENT_HEADERS | _RETRY

    def __init__(self, *, secrets: Sequence[Secret], url: str) -> None:
        super().__init__(secrets=secrets)
        if not _URL.fullmatch(url):
            raise ConfigurationError(
                "url",
                "is not an http or https URL",
                fix="Write the notification URL of the subscription, as it is set there",
            )
        self.url = url
        """What is signed before the body."""
        self._url = url.encode()

    def around(self, time: bytes | None, request: WebhookRequest) -> tuple[bytes, bytes]:
        """The address goes before the body."""
        return self._url, b""

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """The one event: id, type and the seller."""
        event = open_envelope(_event, request.body)
        return (named(event.event_id, event.type, event.merchant_id or None),)

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The signature by the newest key."""
        del now, event_id, event_type
        return self.grammar.write(self._signatures(self._url, body), b"")

    def clue(self, request: WebhookRequest) -> str | None:
        """What is mistaken most often."""
        return "Is url the notification URL to the letter, and the secret that subscription's key?"

    def key(self, text: str) -> HmacKey | Unfit:
        """The text of the key, which is not decoded."""
        if text.startswith(("sq0idp-", "sq0csp-", "EAAA")):
            return Unfit("is a credential of the API, not a signature key", _FIX)
        if not _KEY.fullmatch(text):
            return Unfit("is cut off or holds blanks", _FIX)
        return HmacKey(text.encode())
