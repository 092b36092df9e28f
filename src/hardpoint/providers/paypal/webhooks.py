"""PayPal's webhooks: RSA over ids, time and a checksum of the body, by a certificate to be fetched.

https://developer.paypal.com/api/rest/webhooks/rest/. Signed are the transmission's
id, its time, the webhook's id and the CRC-32 of the body, with bars between. A checksum is no hash:
who has one genuine request can make another body of the same sum. So what the body says is asserted
only, a second body under one transmission is set aside, and what costs money should be read again.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, final
from urllib.parse import urlsplit
from zlib import crc32

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    SignatureMismatchError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.certificates import RSA_US, RsaKey, believed
from hardpoint.webhooks.envelopes import Name, Unreadable, named, open_envelope
from hardpoint.webhooks.fetched_keys import KeySource
from hardpoint.webhooks.grammar import base64, from_base64
from hardpoint.webhooks.schemes import CONTENT_HEADERS, SignatureScheme
from hardpoint.webhooks.signatures import Unfit, check_age, prepare, signature_in
from hardpoint.webhooks.verification import (
    Coverage,
    Notification,
    Replay,
    Verified,
    WebhookRequest,
)

ALGORITHM: Final = b"SHA256withRSA"
CERTIFICATE_HOSTS: Final = frozenset({"api.paypal.com", "api.sandbox.paypal.com"})
DOMAIN: Final = "paypal.com"
"""Certificates are for `messageverificationcerts.paypal.com`."""
STAND_IN: Final = "https://api.paypal.com/v1/notifications/certs/CERT-stand-in"
"""What a stand-in's requests name in place of a certificate."""
TOLERANCE: Final = 3 * 86_400.0 + 6 * 3600.0
"""PayPal tries for three days."""

_TOLERANCE_MAX: Final = 7 * 86_400.0
_SIGNATURE: Final = b"paypal-transmission-sig"
_CERTIFICATE: Final = b"paypal-cert-url"
_ALGORITHM: Final = b"paypal-auth-algo"
_ID: Final = b"paypal-transmission-id"
_TIME: Final = b"paypal-transmission-time"
_NAMES: Final = frozenset({_SIGNATURE, _CERTIFICATE, _ALGORITHM, _ID, _TIME})
_PLAIN: Final = re.compile(rb"[!-{}~]{1,128}")  # visible, but for the bar
_MOMENT: Final = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    rb"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_PATH: Final = re.compile(r"/v1/notifications/certs/[A-Za-z0-9_-]{1,128}", re.ASCII)
_WEBHOOK_ID: Final = re.compile(r"[A-Za-z0-9_-]{4,64}", re.ASCII)
_PRIVATE: Final = "private:"
_SIMULATED: Final = "WEBHOOK_ID"
"""What events of the simulator are signed for: anybody may send these."""
_FIX: Final = "Copy the webhook's ID from the dashboard: the app, Webhooks"


class _Event(msgspec.Struct):
    """What we read of an event."""

    id: Name
    event_type: Name


_event = msgspec.json.Decoder(_Event).decode


@final
class _Subscription:
    """A webhook's id, and what stands in for PayPal's certificate where that is given."""

    __slots__ = ("name", "stand_in")

    def __init__(self, name: bytes, stand_in: RsaKey | None) -> None:
        self.name = name
        self.stand_in = stand_in


@final
class _Headers:
    """Where a signature stands."""

    signature_headers = frozenset({_SIGNATURE, _CERTIFICATE, _ALGORITHM})


@final
class PayPalWebhooks(SignatureScheme):
    """Verifies what PayPal sends to one webhook.

    Args:
        secrets: the ids of the webhooks that are live, newest first: they bind a request to its
            receiver, though they are no secrets. `private:ID:KEY`, with an RSA key (PKCS #8 in
            base64), stands in for PayPal's certificate, and signs too: for tests.
        tolerance: seconds the transmission's time may differ from now.
        authorities: a file in PEM, whom to believe in place of the system's authorities.

    Raises:
        ConfigurationError: a secret that is no webhook's id, or a tolerance out of range.

    Attributes:
        keys: the certificates, by their address.
    """

    covers = Coverage.FIELDS
    replay = Replay.WINDOW
    grammar = _Headers
    signature_headers = _Headers.signature_headers
    stored_headers = CONTENT_HEADERS | {_ID, _TIME}

    def __init__(
        self,
        *,
        secrets: Sequence[Secret],
        tolerance: float = TOLERANCE,
        authorities: Path | None = None,
    ) -> None:
        if not 1 <= tolerance <= _TOLERANCE_MAX:
            raise ConfigurationError("tolerance", f"is {tolerance!r}, not seconds up to a week")
        self._subscriptions = prepare(secrets, self.key)
        self._tolerance = tolerance
        self.refusal_us = RSA_US * len(self._subscriptions)
        self.keys: KeySource[RsaKey] = KeySource(
            _address,
            lambda document, name, now: {
                name: believed(document, domain=DOMAIN, now=now, authorities=authorities)
            },
        )

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """See `SignatureScheme`; a transmission counts as one body, whatever is in it."""
        key, signed_at, signed = self.authenticate(request, now=now)
        covered = hashlib.sha256(signed).digest()
        try:
            events = self.events(request, signed)
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key, signed_at=signed_at, covered=covered)
        return Verified(events=events, key=key, signed_at=signed_at, covered=covered)

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int, bytes]:
        """See `SignatureScheme`; what was found is what was signed."""
        headers = request.once(_NAMES)
        signature = from_base64(signature_in(headers.get(_SIGNATURE), _SIGNATURE))
        if signature is None:
            raise MalformedRequestError("the signature is not in base64")
        if headers.get(_ALGORITHM) != ALGORITHM:
            raise MalformedRequestError(f"it is not signed by {ALGORITHM.decode()}")
        transmission, time = headers.get(_ID, b""), headers.get(_TIME, b"")
        if not _PLAIN.fullmatch(transmission):
            raise MalformedRequestError("the transmission has no id")
        signed_at = _moment(time)
        where = headers.get(_CERTIFICATE, b"").decode("latin-1")
        checksum = b"%d" % crc32(request.body)
        messages = [
            (number, b"|".join((transmission, time, one.name, checksum)), one.stand_in)
            for number, one in self._subscriptions
        ]
        if where == STAND_IN:
            made = [stand_in and stand_in.made(signature, text) for _, text, stand_in in messages]
        else:
            made = self._made(where, signature, [text for _, text, _ in messages], now)
        for (number, text, _), holds in zip(messages, made, strict=True):
            if holds:
                check_age(signed_at, now, self._tolerance)
                return number, signed_at, text
        raise SignatureMismatchError

    def _made(self, where: str, signature: bytes, texts: Sequence[bytes], now: float) -> list[bool]:
        """Which of the texts the key of a certificate has signed."""
        key = self.keys.find(where, now=now)
        if not key.valid(now):
            raise SignatureMismatchError("the certificate is not valid any more")
        made: list[bool] = []

        def one_holds() -> bool:
            made.extend(key.made(signature, text) for text in texts)
            return any(made)

        self.keys.check(one_holds, now=now)
        return made

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """The one event, which the checksum does not vouch for."""
        event = open_envelope(_event, request.body)
        known = named(event.id, event.event_type)
        return (msgspec.structs.replace(known, asserted=True),)

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The headers, by the newest key that stands in.

        Raises:
            ConfigurationError: there is none, and PayPal alone can sign.
        """
        transmission = hashlib.sha256(f"{event_id}{event_type}".encode()).hexdigest()[:32].encode()
        moment = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        for _, one in self._subscriptions:
            text = b"|".join((transmission, moment, one.name, b"%d" % crc32(body)))
            signature = None if one.stand_in is None else one.stand_in.sign(text)
            if signature is not None:
                return _written(base64(signature), transmission, moment, STAND_IN)
        raise ConfigurationError(
            "secrets",
            "are webhooks' ids, by which nobody can sign",
            fix="Write private:ID:KEY, with an RSA key of your own that stands in for PayPal's",
        )

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """See `Scheme`; a source with fetched keys is never asked for one."""
        written = _written(base64(b"\1" * 256), b"decoy", b"2026-12-01T00:00:00Z", STAND_IN)
        return [(name.lower().encode(), value.encode()) for name, value in written]

    def clue(self, request: WebhookRequest) -> str | None:
        """What is mistaken most often."""
        return "Is the secret the ID of this webhook? Events of the simulator have WEBHOOK_ID"

    def key(self, text: str) -> _Subscription | Unfit:
        """A webhook's id, or what stands in for PayPal."""
        if not text.startswith(_PRIVATE):
            if _WEBHOOK_ID.fullmatch(text) and text != _SIMULATED:
                return _Subscription(text.encode(), None)
            return Unfit("is not the ID of a webhook", _FIX)
        name, _, encoded = text.removeprefix(_PRIVATE).partition(":")
        document = from_base64(encoded.encode("ascii", "replace"))
        if document is None or not _WEBHOOK_ID.fullmatch(name):
            return Unfit("is not private:ID:KEY, with the key in base64")
        try:
            private = load_der_private_key(
                document,
                password=None,
                unsafe_skip_rsa_key_validation=True,  # it is for tests, and takes 0.2 s
            )
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return Unfit("holds no private key")
        if not isinstance(private, RSAPrivateKey):
            return Unfit("holds no RSA key")
        return _Subscription(name.encode(), RsaKey(private.public_key(), private))


def _address(name: str) -> str:
    """Where a certificate is: at PayPal, in the one folder, and nowhere else."""
    try:
        parts = urlsplit(name)
    except ValueError:
        parts = urlsplit("")
    plain = name == f"https://{parts.netloc}{parts.path}"  # no user, port, query or fragment
    if not plain or parts.netloc not in CERTIFICATE_HOSTS or not _PATH.fullmatch(parts.path):
        raise MalformedRequestError("the certificate is not at an address of PayPal's")
    return name


def _moment(text: bytes) -> int:
    """The transmission's time in Unix seconds."""
    if _MOMENT.fullmatch(text):
        try:
            return int(datetime.fromisoformat(text.decode()).timestamp())
        except (ValueError, OverflowError):
            pass
    raise MalformedRequestError("the transmission has no time in ISO 8601")


def _written(
    signature: bytes, transmission: bytes, moment: bytes, where: str
) -> list[tuple[str, str]]:
    return [
        ("PAYPAL-TRANSMISSION-ID", transmission.decode()),
        ("PAYPAL-TRANSMISSION-TIME", moment.decode()),
        ("PAYPAL-TRANSMISSION-SIG", signature.decode()),
        ("PAYPAL-CERT-URL", where),
        ("PAYPAL-AUTH-ALGO", ALGORITHM.decode()),
    ]
