"""Stripe's webhook signature, `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>...]`.

https://docs.stripe.com/webhooks#verify-manually, read 2026-11-23. The same for account, Connect
and thin (v2) events.
"""

from typing import Any, final

import msgspec

from hardpoint.webhooks.envelopes import Name, Unreadable, named, open_envelope
from hardpoint.webhooks.grammar import Pairs, in_hex
from hardpoint.webhooks.schemes import HmacScheme
from hardpoint.webhooks.signatures import HmacKey, Unfit
from hardpoint.webhooks.verification import Notification, WebhookRequest

_PREFIX = "whsec_"
_THIN = "v2.core.event"
_FIX = f"Copy the endpoint's signing secret, {_PREFIX}..., from the dashboard or the CLI"


class _Event(msgspec.Struct):
    """What we read of an event."""

    id: Name
    type: Name
    object: str = ""
    account: Name | None = None


class _ThinEvent(msgspec.Struct):
    """Where a thin event (version 2) says whose it is; others hold anything in `context`."""

    context: Name | None = None


class _Mode(msgspec.Struct):
    """What tells live from test."""

    livemode: bool


_event = msgspec.json.Decoder(_Event).decode
_thin_event = msgspec.json.Decoder(_ThinEvent).decode
_mode = msgspec.json.Decoder(_Mode).decode


@final
class StripeWebhooks(HmacScheme):
    """Verifies and signs what Stripe sends to one endpoint.

    Args:
        secrets: the endpoint's signing secrets that are live; rolling keeps the old one for up to
            a day. The whole text is the key, `whsec_` included, and it is not base64.
        tolerance: seconds a signed time may differ from now, in both directions.

    Raises:
        ConfigurationError: a secret that is no endpoint secret, or a tolerance out of range.
    """

    grammar = Pairs("Stripe-Signature", in_hex(32))

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """The one event: id, type and account."""
        event = open_envelope(_event, request.body)
        account = event.account
        if event.object == _THIN:
            account = open_envelope(_thin_event, request.body).context
        return (named(event.id, event.type, account),)

    def clue(self, request: WebhookRequest) -> str | None:
        """The event's mode: each mode's endpoints, and the CLI, have secrets of their own."""
        try:
            mode = "live" if open_envelope(_mode, request.body).livemode else "test"
        except Unreadable:
            return None
        return f"The event is of {mode} mode; is the secret of that mode's endpoint, or the CLI's?"

    def key(self, text: str) -> HmacKey | Unfit:
        """The whole text; what is mistaken for it is named."""
        if text.startswith(("sk_", "rk_", "pk_")):
            return Unfit("is an API key, not a signing secret", _FIX)
        if text.startswith("we_"):
            return Unfit("is the endpoint's id, not its signing secret", _FIX)
        rest = text.removeprefix(_PREFIX)
        if rest == text:
            return Unfit(f"does not start with {_PREFIX}", _FIX)
        if not (rest.isascii() and rest.isprintable()) or not rest or " " in rest:
            return Unfit("is cut off or holds blanks", _FIX)
        return HmacKey(text.encode())
