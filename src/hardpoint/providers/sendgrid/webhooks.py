"""SendGrid's Event Webhook: ECDSA over the time and the body, which is a list of events.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features,
read 2026-11-28. P-256 with SHA-256; the signature is DER in base64, the key SPKI in base64.
"""

import binascii
import hashlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from typing import final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    SignatureMismatchError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import (
    Name,
    OptionalName,
    Unreadable,
    check_printable,
    open_batch,
    open_envelope,
)
from hardpoint.webhooks.signatures import (
    Unfit,
    check_age,
    check_tolerance,
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

_SIGNATURE = b"x-twilio-email-event-webhook-signature"
_TIMESTAMP = b"x-twilio-email-event-webhook-timestamp"
_READ = frozenset({_SIGNATURE, _TIMESTAMP})
_SIGNATURE_CHARS_MAX = 96  # of 72 bytes, the longest DER of two numbers of 256 bits
_ECDSA = ECDSA(Prehashed(SHA256()))
_ECDSA_US = 90.0
_DECOY = b2a_base64(encode_dss_signature(1, 1), newline=False)
_FIX = "Copy the verification key from the console, Mail Settings, Event Webhooks"


class _Event(msgspec.Struct):
    """What we read of one. Not all have an id: events of tests, and of some integrations."""

    event: Name
    sg_event_id: OptionalName = None


_event = msgspec.json.Decoder(_Event).decode


@final
class SendGridWebhooks:
    """Verifies and signs what SendGrid sends to one event webhook.

    Args:
        secrets: the verification keys that are live, newest first. They are public, and verify
            only; a private key (PKCS #8 in base64) stands in for SendGrid's own, and signs too.
        tolerance: seconds a signed time may differ from now. Not looked at unless given: SendGrid
            tries for a day, and does not say whether it signs a repeat anew. A captured request
            that comes again is a duplicate by its events' ids, which the signature covers.

    Raises:
        ConfigurationError: a key of the wrong shape, or a tolerance out of range.
    """

    covers = Coverage.FULL_BODY
    signature_headers = frozenset({_SIGNATURE})
    stored_headers = frozenset({b"content-type", b"user-agent", _TIMESTAMP})
    body_bytes_max = BODY_BYTES_MAX  # SendGrid cuts its lists at 768 KB

    def __init__(self, *, secrets: Sequence[Secret], tolerance: float | None = None) -> None:
        self._keys = prepare(secrets, _key)
        self._tolerance = None if tolerance is None else check_tolerance(tolerance)
        self.replay = Replay.NONE if tolerance is None else Replay.WINDOW
        self.refusal_us = _ECDSA_US * len(self._keys)

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature, then read id and type of every event in the list."""
        key, signed_at = self.authenticate(request, now=now)
        try:
            events = open_batch(request.body, _notification)
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key, signed_at=signed_at)
        return Verified(events=events, key=key, signed_at=signed_at)

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int]:
        """Check the signature, and its time if asked to: the index of the key, and the time."""
        headers = request.once(_READ)
        received = signature_in(headers.get(_SIGNATURE), _SIGNATURE)
        signature = _from_base64(received)
        if signature is None or len(received) > _SIGNATURE_CHARS_MAX:
            raise MalformedRequestError("the signature is not base64 of an ECDSA signature")
        signed = headers.get(_TIMESTAMP, b"")
        signed_at = timestamp(signed)
        digest = _digest(signed, request.body)
        for number, key in self._keys:
            if key.made(signature, digest):
                if self._tolerance is not None:
                    check_age(signed_at, now, self._tolerance)
                return number, signed_at
        raise SignatureMismatchError

    def clue(self, request: WebhookRequest) -> str | None:
        """What is mistaken most often."""
        return "Each event webhook has a key of its own; is it the one of this webhook?"

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """Signature and time; the newest private key signs.

        Raises:
            ConfigurationError: there are public keys only.
        """
        del event_id, event_type
        private = next((key.private for _, key in self._keys if key.private), None)
        if private is None:
            raise ConfigurationError(
                "secrets",
                "are public keys, which cannot sign",
                fix="Make a key of your own: openssl genpkey, see the page on SendGrid",
            )
        signed = str(int(now))
        signature = private.sign(_digest(signed.encode(), body), _ECDSA)
        return [
            ("X-Twilio-Email-Event-Webhook-Signature", _to_base64(signature).decode()),
            ("X-Twilio-Email-Event-Webhook-Timestamp", signed),
        ]

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """A signature of the right form that no key made."""
        return [(_SIGNATURE, _DECOY), (_TIMESTAMP, b"%d" % now)]


@final
class VerificationKey:
    """A public key, and its private half where we have it."""

    __slots__ = ("_public", "private")

    def __init__(
        self, public: EllipticCurvePublicKey, private: EllipticCurvePrivateKey | None = None
    ) -> None:
        self._public = public
        self.private = private

    def made(self, signature: bytes, digest: bytes) -> bool:
        """Whether it made this signature."""
        try:
            self._public.verify(signature, digest, _ECDSA)
        except InvalidSignature:
            return False
        return True


def _digest(signed: bytes, body: bytes) -> bytes:
    """What is signed, hashed once for all keys; the body is never copied."""
    digest = hashlib.sha256(signed)
    digest.update(body)
    return digest.digest()


def _notification(item: bytes) -> Notification:
    one = open_envelope(_event, item)
    identifier = one.sg_event_id or ""
    check_printable(identifier + one.event)
    return Notification(id=identifier, type=one.event, body=item)


def _key(text: str) -> VerificationKey | Unfit:
    decoded = _from_base64(text.strip().encode("ascii", "replace"))
    if decoded is None:
        return Unfit("is not base64", _FIX)
    try:
        public = load_der_public_key(decoded)
        private = None
    except (ValueError, UnsupportedAlgorithm):
        try:
            private = load_der_private_key(decoded, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return Unfit("is no key", _FIX)
        public = private.public_key()
    if not isinstance(public, EllipticCurvePublicKey) or not isinstance(public.curve, SECP256R1):
        return Unfit("is no key of the curve P-256", _FIX)
    return VerificationKey(
        public, private if isinstance(private, EllipticCurvePrivateKey) else None
    )


def _to_base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False)


def _from_base64(text: bytes) -> bytes | None:
    """What is encoded; None unless it is spelled as we would."""
    try:
        data = a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
    return data if _to_base64(data) == text else None
