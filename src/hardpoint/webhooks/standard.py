"""Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature` headers.

https://github.com/standard-webhooks/standard-webhooks, specification 1.0. `v1` is HMAC-SHA256,
`v1a` is Ed25519; both are over `id.timestamp.body`.
"""

import binascii
import re
from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from typing import final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import Name, Unreadable, check_printable, open_envelope
from hardpoint.webhooks.signatures import (
    CANDIDATES_MAX,
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

_ID = b"webhook-id"
_TIMESTAMP = b"webhook-timestamp"
_SIGNATURE = b"webhook-signature"
_READ = frozenset({_ID, _TIMESTAMP, _SIGNATURE})
_HMAC_CHARS = 44
_ED25519_CHARS = 88
_ED25519_CANDIDATES_MAX = 4  # each costs a curve operation for every live key
_HMAC_BYTES = range(24, 65)
_SEED_BYTES = 32
# A dot in the id would let one signature stand for two splits into id, time and body.
_ID_GRAMMAR = re.compile(rb"[!-\-/-~]{1,256}")


class _Payload(msgspec.Struct):
    """What we read of a body."""

    type: Name


_payload = msgspec.json.Decoder(_Payload).decode


@final
class StandardWebhooks:
    """Verifies and signs by the Standard Webhooks specification.

    Args:
        secrets: every key that is live, newest first, of any kind: `whsec_` (HMAC), `whpk_`
            (Ed25519, verifies only), `whsk_` (Ed25519, signs too).
        tolerance: seconds a signed time may differ from now, in both directions.

    Raises:
        ConfigurationError: a key of the wrong shape, or a tolerance out of range.
    """

    covers = Coverage.FULL_BODY
    replay = Replay.WINDOW
    signature_headers = frozenset({_SIGNATURE})
    stored_headers = frozenset({b"content-type", b"user-agent", _ID, _TIMESTAMP})
    body_bytes_max = BODY_BYTES_MAX

    def __init__(self, *, secrets: Sequence[Secret], tolerance: float = TOLERANCE) -> None:
        self._keys = prepare(secrets, _key)
        self._tolerance = check_tolerance(tolerance)
        self._hmac = tuple((at, key) for at, key in self._keys if isinstance(key, HmacKey))
        self._ed25519 = tuple((at, key) for at, key in self._keys if isinstance(key, _Ed25519))

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature and its time; id comes from a signed header, type from the body."""
        key, signed_at, event_id = self.authenticate(request, now=now)
        try:
            event_type = open_envelope(_payload, request.body).type
            check_printable(event_type)
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key, signed_at=signed_at)
        event = Notification(id=event_id, type=event_type)
        return Verified(events=(event,), key=key, signed_at=signed_at)

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int, str]:
        """Check the signature and its time alone: index of the key, time and id."""
        headers = request.once(_READ)
        header = signature_in(headers.get(_SIGNATURE), _SIGNATURE)
        symmetric, asymmetric = _parse(header)
        event_id = headers.get(_ID, b"")
        if not _ID_GRAMMAR.fullmatch(event_id):
            raise MalformedRequestError("webhook-id is not 1 to 256 printable characters, no dot")
        signed = headers.get(_TIMESTAMP, b"")
        signed_at = timestamp(signed)
        prefix = b"%b.%b." % (event_id, signed)
        key = self._match(prefix, request.body, symmetric, asymmetric)
        check_age(signed_at, now, self._tolerance)
        return key, signed_at, event_id.decode()

    def clue(self, request: WebhookRequest) -> str | None:
        """Which kind of key would be needed, where none of that kind is live."""
        symmetric, asymmetric = _parse(request.once(_READ)[_SIGNATURE])
        if not self._hmac and not asymmetric:
            return "It is signed with a shared key (v1), and no whsec_ key is live"
        if not self._ed25519 and not symmetric:
            return "It is signed with Ed25519 (v1a), and no whpk_ key is live"
        return None

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The three headers; every live key that can sign does.

        Raises:
            ValueError: an id that would not verify.
            ConfigurationError: there are public keys only.
        """
        del event_type
        if not _ID_GRAMMAR.fullmatch(event_id.encode()):
            raise ValueError("an id is 1 to 256 printable ASCII characters without a dot")
        prefix = b"%b.%d." % (event_id.encode(), int(now))
        entries = [entry for _, key in self._keys if (entry := _signature(key, prefix, body))]
        if not entries:
            raise ConfigurationError(
                "secrets", "are public keys, which cannot sign", fix="Add a whsec_ or whsk_ key"
            )
        return [
            ("webhook-id", event_id),
            ("webhook-timestamp", str(int(now))),
            ("webhook-signature", " ".join(entries)),
        ]

    def _match(
        self, prefix: bytes, body: bytes, symmetric: list[bytes], asymmetric: list[bytes]
    ) -> int:
        if symmetric:
            found = matching_key(self._hmac, prefix, body, symmetric, _base64)
            if found is not None:
                return found
        if asymmetric and self._ed25519:
            message = prefix + body
            for number, key in self._ed25519:
                if any(key.made(signature, message) for signature in asymmetric):
                    return number
        raise SignatureMismatchError


@final
class _Ed25519:
    """A public key, and its private half where we have it."""

    __slots__ = ("_public", "private")

    def __init__(self, public: Ed25519PublicKey, private: Ed25519PrivateKey | None = None) -> None:
        self._public = public
        self.private = private

    def made(self, signature: bytes, message: bytes) -> bool:
        try:
            self._public.verify(signature, message)
        except InvalidSignature:
            return False
        return True


_Key = HmacKey | _Ed25519


def _parse(header: bytes) -> tuple[list[bytes], list[bytes]]:
    """The `v1` signatures as spelled and the `v1a` ones decoded; other versions are skipped."""
    symmetric: list[bytes] = []
    asymmetric: list[bytes] = []
    for entry in header.split(b" "):
        version, comma, value = entry.partition(b",")
        if not comma:
            raise MalformedRequestError("a signature is not version,base64")
        if version == b"v1":
            if len(value) != _HMAC_CHARS:
                raise MalformedRequestError("a v1 signature is not base64 of 32 bytes")
            symmetric.append(value)
        elif version == b"v1a":
            signature = _from_base64(value)
            if len(value) != _ED25519_CHARS or signature is None or _base64(signature) != value:
                raise MalformedRequestError("a v1a signature is not base64 of 64 bytes")
            asymmetric.append(signature)
    if not symmetric and not asymmetric:
        raise MissingSignatureError("there is no v1 or v1a signature")
    if len(symmetric) > CANDIDATES_MAX or len(asymmetric) > _ED25519_CANDIDATES_MAX:
        raise MalformedRequestError("there are too many signatures")
    return symmetric, asymmetric


def _signature(key: _Key, prefix: bytes, body: bytes) -> str | None:
    if isinstance(key, HmacKey):
        return f"v1,{_base64(key.digest(prefix, body)).decode()}"
    if key.private is None:
        return None
    return f"v1a,{_base64(key.private.sign(prefix + body)).decode()}"


def _key(text: str) -> _Key | Unfit:
    kind, _, encoded = text.partition("_")
    make = _KINDS.get(kind)
    if make is None:
        return Unfit("starts with none of whsec_, whpk_ and whsk_")
    decoded = _from_base64(encoded.encode("ascii", "replace") + b"=" * (-len(encoded) % 4))
    return Unfit(f"is not base64 after {kind}_") if decoded is None else make(decoded)


def _shared_key(decoded: bytes) -> _Key | Unfit:
    if len(decoded) not in _HMAC_BYTES:
        return Unfit(f"holds {len(decoded)} bytes, not 24 to 64")
    return HmacKey(decoded)


def _public_key(decoded: bytes) -> _Key | Unfit:
    if len(decoded) != _SEED_BYTES:
        return Unfit(f"holds {len(decoded)} bytes, not 32")
    return _Ed25519(Ed25519PublicKey.from_public_bytes(decoded))


def _signing_key(decoded: bytes) -> _Key | Unfit:
    """From a seed, or from seed and public key, as the senders in the field write it."""
    seed, stated = decoded[:_SEED_BYTES], decoded[_SEED_BYTES:]
    if len(seed) != _SEED_BYTES or len(stated) not in {0, _SEED_BYTES}:
        return Unfit(f"holds {len(decoded)} bytes, not 32 or 64")
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key()
    if stated and stated != public.public_bytes_raw():
        return Unfit("holds a public half that is not of its private half")
    return _Ed25519(public, private)


_KINDS: Mapping[str, Callable[[bytes], _Key | Unfit]] = {
    "whsec": _shared_key,
    "whpk": _public_key,
    "whsk": _signing_key,
}


def _base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False)


def _from_base64(text: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
