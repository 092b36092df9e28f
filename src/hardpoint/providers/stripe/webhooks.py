"""Stripe's webhook signature, `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>...]`.

https://docs.stripe.com/webhooks#verify-manually, read 2026-11-23. The same for account, Connect
and thin (v2) events.
"""

from binascii import hexlify
from collections.abc import Sequence
from typing import final

import msgspec

from hardpoint.core.errors import (
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import Name, Unreadable, check_printable, open_envelope
from hardpoint.webhooks.signatures import (
    CANDIDATES_MAX,
    HMAC_US,
    TOLERANCE,
    HmacKey,
    Unfit,
    check_age,
    check_tolerance,
    matching_key,
    prepare,
    signature_in,
    timestamp,
)
from hardpoint.webhooks.verification import (
    BODY_BYTES_MAX,
    Coverage,
    Notification,
    Replay,
    Verified,
    WebhookRequest,
)

_HEADER = b"stripe-signature"
_HEX_CHARS = 64
_PREFIX = "whsec_"
_THIN = "v2.core.event"


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
class StripeWebhooks:
    """Verifies and signs what Stripe sends to one endpoint.

    Args:
        secrets: the endpoint's signing secrets that are live; rolling keeps the old one for up to
            a day. The whole text is the key, `whsec_` included, and it is not base64.
        tolerance: seconds a signed time may differ from now, in both directions.

    Raises:
        ConfigurationError: a secret that is no endpoint secret, or a tolerance out of range.
    """

    covers = Coverage.FULL_BODY
    replay = Replay.WINDOW
    signature_headers = frozenset({_HEADER})
    stored_headers = frozenset({b"content-type", b"user-agent"})
    body_bytes_max = BODY_BYTES_MAX

    def __init__(self, *, secrets: Sequence[Secret], tolerance: float = TOLERANCE) -> None:
        self._keys = prepare(secrets, _key)
        self._tolerance = check_tolerance(tolerance)
        self.refusal_us = HMAC_US * len(self._keys)

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature and its time, then read id, type and account."""
        key, signed_at = self.authenticate(request, now=now)
        try:
            event = _read(request.body)
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key, signed_at=signed_at)
        return Verified(events=(event,), key=key, signed_at=signed_at)

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int]:
        """Check the signature and its time alone: the index of the secret, and the time."""
        signed, candidates = _parse(signature_in(request.header(_HEADER), _HEADER))
        signed_at = timestamp(signed)
        key = matching_key(self._keys, signed + b".", request.body, candidates)
        if key is None:
            raise SignatureMismatchError
        check_age(signed_at, now, self._tolerance)
        return key, signed_at

    def clue(self, request: WebhookRequest) -> str | None:
        """The event's mode: each mode's endpoints, and the CLI, have secrets of their own."""
        try:
            mode = "live" if open_envelope(_mode, request.body).livemode else "test"
        except Unreadable:
            return None
        return f"The event is of {mode} mode; is the secret of that mode's endpoint, or the CLI's?"

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The signature header; every live secret signs. Id and type stand in the body."""
        del event_id, event_type
        prefix = b"%d." % int(now)
        signatures = (hexlify(key.digest(prefix, body)).decode() for _, key in self._keys)
        entries = ",".join(f"v1={signature}" for signature in signatures)
        return [("Stripe-Signature", f"t={int(now)},{entries}")]

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """A signature of the right form that no secret made."""
        return [(_HEADER, b"t=%d,v1=%b" % (now, b"0" * _HEX_CHARS))]


def _parse(header: bytes) -> tuple[bytes, list[bytes]]:
    """The signed time as it stands, and the `v1` signatures that can be one; others are skipped."""
    signed = None
    candidates: list[bytes] = []
    unreadable = False
    for entry in header.split(b","):
        name, _, value = entry.partition(b"=")
        if name == b"v1":
            if len(value) == _HEX_CHARS:
                candidates.append(value)
            else:
                unreadable = True
        elif name == b"t":
            if signed is not None:
                raise MalformedRequestError("the signed time stands twice")
            signed = value
    if signed is None:
        raise MalformedRequestError("the signature header has no t=")
    if not candidates and unreadable:
        raise MalformedRequestError(f"no v1 signature is {_HEX_CHARS} hex digits")
    if not candidates:
        raise MissingSignatureError("the signature header has no v1=")
    if len(candidates) > CANDIDATES_MAX:
        raise MalformedRequestError(f"there are more than {CANDIDATES_MAX} signatures")
    return signed, candidates


def _read(body: bytes) -> Notification:
    event = open_envelope(_event, body)
    account = event.account
    if event.object == _THIN:
        account = open_envelope(_thin_event, body).context
    check_printable(event.id + event.type + (account or ""))
    return Notification(id=event.id, type=event.type, account=account)


def _key(text: str) -> HmacKey | Unfit:
    fix = f"Copy the endpoint's signing secret, {_PREFIX}..., from the dashboard or the CLI"
    if text.startswith(("sk_", "rk_", "pk_")):
        return Unfit("is an API key, not a signing secret", fix)
    if text.startswith("we_"):
        return Unfit("is the endpoint's id, not its signing secret", fix)
    rest = text.removeprefix(_PREFIX)
    if rest == text:
        return Unfit(f"does not start with {_PREFIX}", fix)
    if not (rest.isascii() and rest.isprintable()) or not rest or " " in rest:
        return Unfit("is cut off or holds blanks", fix)
    return HmacKey(text.encode())
