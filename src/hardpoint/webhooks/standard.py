"""Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature` headers.

https://github.com/standard-webhooks/standard-webhooks, specification 1.0. `v1` is HMAC-SHA256,
`v1a` is Ed25519; both are over `id.timestamp.body`. Svix, where it comes from, spells the headers
`svix-id`, `svix-timestamp` and `svix-signature`; they mean the same. Nothing is asked of the body.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import check_name
from hardpoint.webhooks.event_facts import DEFAULT_TYPE, FactFrom
from hardpoint.webhooks.grammar import base64, decoded, from_base64
from hardpoint.webhooks.public_keys import ED25519_US, Ed25519Key
from hardpoint.webhooks.schemes import CONTENT_HEADERS, SignatureScheme
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
from hardpoint.webhooks.verification import Notification, Replay, WebhookRequest


class _Names(NamedTuple):
    """The three headers, as one sender spells them."""

    id: bytes
    timestamp: bytes
    signature: bytes


_WEBHOOK = _Names(b"webhook-id", b"webhook-timestamp", b"webhook-signature")
_SVIX = _Names(b"svix-id", b"svix-timestamp", b"svix-signature")
_READ = frozenset({*_WEBHOOK, *_SVIX})
_HMAC_CHARS = 44
_ED25519_CHARS = 88
_ED25519_CANDIDATES_MAX = 2  # each costs a curve operation for every live key
_HMAC_BYTES = range(16, 257)  # 24 to 64 by the specification; its libraries take any
_SEED_BYTES = 32
_OURS = frozenset({b"v1", b"v1a"})
_FORGED_HMAC = b"v1,".ljust(3 + _HMAC_CHARS, b"A")
_FORGED_ED25519 = b"v1a," + base64(Ed25519Key.forged)
_STORED = CONTENT_HEADERS | {*_WEBHOOK[:2], *_SVIX[:2]}
# A dot in the id would let one signature stand for two splits into id, time and body.
_ID_GRAMMAR = re.compile(rb"[!-\-/-~]{1,256}")


@final
class StandardWebhooks(SignatureScheme):
    """Verifies and signs by the Standard Webhooks specification.

    Args:
        secrets: every key that is live, newest first, of any kind: `whsec_` (HMAC; the prefix may
            be left out), `whpk_` (Ed25519, verifies only), `whsk_` (Ed25519, signs too). Blanks
            around one do not count.
        tolerance: seconds a signed time may differ from now, in both directions.
        type_from: where an event's type stands: a JSON pointer into the body, or `header:NAME`,
            which nobody signs. An event without one has the empty type, which `*` matches.

    Raises:
        ConfigurationError: a key of the wrong shape, or a setting out of range.
    """

    replay = Replay.WINDOW
    signature_headers = frozenset({_WEBHOOK.signature, _SVIX.signature})

    def __init__(
        self,
        *,
        secrets: Sequence[Secret],
        tolerance: float = TOLERANCE,
        type_from: str = DEFAULT_TYPE,
    ) -> None:
        self._keys = prepare(secrets, _key)
        self._tolerance = check_tolerance(tolerance)
        self._type = FactFrom("type_from", type_from)
        self._hmac = tuple((at, key) for at, key in self._keys if isinstance(key, HmacKey))
        self._ed25519 = tuple((at, key) for at, key in self._keys if isinstance(key, Ed25519Key))
        self.refusal_us = HMAC_US * len(self._hmac) + ED25519_US * len(self._ed25519)
        self.stored_headers = _STORED | self._type.headers

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int, str]:
        """Check the signature and its time alone: index of the key, time and id."""
        headers = request.once(_READ)
        names = _spelling(headers)
        symmetric, asymmetric = _parse(signature_in(headers.get(names.signature), names.signature))
        event_id, signed = headers.get(names.id, b""), headers.get(names.timestamp, b"")
        if not event_id or not signed:
            _refuse_mixture(headers, names)
        if not _ID_GRAMMAR.fullmatch(event_id):
            raise MalformedRequestError(
                f"{names.id.decode()} is not 1 to 256 printable characters, no dot"
            )
        signed_at = timestamp(signed)
        prefix = b"%b.%b." % (event_id, signed)
        key = self._match(prefix, request.body, symmetric, asymmetric)
        check_age(signed_at, now, self._tolerance)
        return key, signed_at, event_id.decode()

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """The one event; its id comes from a signed header."""
        event_type = self._type.of(request)
        check_name(event_type)
        return (Notification(id=found, type=event_type),)

    def clue(self, request: WebhookRequest) -> str | None:
        """Which kind of key would be needed, where none of that kind is live."""
        headers = request.once(_READ)
        symmetric, asymmetric = _parse(headers[_spelling(headers).signature])
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

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """Signatures of the right form, one for each kind of key, that none made."""
        forged = [_FORGED_HMAC] * bool(self._hmac) + [_FORGED_ED25519] * bool(self._ed25519)
        return [
            (_WEBHOOK.id, b"msg"),
            (_WEBHOOK.timestamp, b"%d" % now),
            (_WEBHOOK.signature, b" ".join(forged)),
        ]

    def _match(
        self, prefix: bytes, body: bytes, symmetric: list[bytes], asymmetric: list[bytes]
    ) -> int:
        if symmetric:
            found = matching_key(self._hmac, prefix, body, symmetric, base64)
            if found is not None:
                return found
        if asymmetric and self._ed25519:
            message = prefix + body
            for number, key in self._ed25519:
                if any(key.made(signature, message) for signature in asymmetric):
                    return number
        raise SignatureMismatchError


_Key = HmacKey | Ed25519Key


def _refuse_mixture(headers: Mapping[bytes, bytes], names: _Names) -> None:
    """Something is missing: say so where it is there in the other spelling."""
    other = _SVIX if names is _WEBHOOK else _WEBHOOK
    for wanted, found in zip(names[:2], other[:2], strict=True):
        if wanted not in headers and found in headers:
            raise MalformedRequestError(
                f"{found.decode()} stands beside {names.signature.decode()}: the headers of one "
                "request are all webhook-* or all svix-*, never mixed"
            )


def _spelling(headers: Mapping[bytes, bytes]) -> _Names:
    """Which of the two a request uses, for all three of its headers: never some of each."""
    if _WEBHOOK.signature not in headers and _SVIX.signature in headers:
        return _SVIX
    return _WEBHOOK


def _parse(header: bytes) -> tuple[list[bytes], list[bytes]]:
    """The `v1` signatures as spelled and the `v1a` ones decoded.

    Other versions are skipped, and so is what cannot be read beside one that can.
    """
    symmetric: list[bytes] = []
    asymmetric: list[bytes] = []
    unreadable = False
    for entry in header.split(b" "):
        version, _, value = entry.partition(b",")
        if version == b"v1" and len(value) == _HMAC_CHARS:
            symmetric.append(value)
        elif version == b"v1a" and (signature := _ed25519_signature(value)) is not None:
            asymmetric.append(signature)
        else:
            unreadable = unreadable or version in _OURS or not value
    if not symmetric and not asymmetric:
        if unreadable:
            raise MalformedRequestError("no v1 or v1a signature can be read")
        raise MissingSignatureError("there is no v1 or v1a signature")
    if len(symmetric) > CANDIDATES_MAX or len(asymmetric) > _ED25519_CANDIDATES_MAX:
        raise MalformedRequestError("there are too many signatures")
    return symmetric, asymmetric


def _ed25519_signature(text: bytes) -> bytes | None:
    return from_base64(text) if len(text) == _ED25519_CHARS else None


def _signature(key: _Key, prefix: bytes, body: bytes) -> str | None:
    if isinstance(key, HmacKey):
        return f"v1,{base64(key.digest(prefix, body)).decode()}"
    signature = key.sign(prefix + body)
    return None if signature is None else f"v1a,{base64(signature).decode()}"


def _key(text: str) -> _Key | Unfit:
    text = text.strip()  # the libraries overlook blanks, and files end in a newline
    kind, mark, encoded = text.partition("_")
    if not mark:
        kind, encoded = "whsec", text
    make = _KINDS.get(kind)
    if make is None:
        return Unfit("starts with none of whsec_, whpk_ and whsk_")
    data = decoded(encoded.encode("ascii", "replace") + b"=" * (-len(encoded) % 4))
    if data is None:
        return Unfit(
            f"is not base64 after {kind}_"
            if mark
            else "has no prefix, such as whsec_, and is not base64"
        )
    return make(data)


def _shared_key(data: bytes) -> _Key | Unfit:
    if len(data) not in _HMAC_BYTES:
        return Unfit(
            f"holds {len(data)} bytes, not {_HMAC_BYTES.start} to {_HMAC_BYTES.stop - 1}; "
            "is it whole?"
        )
    return HmacKey(data)


def _public_key(data: bytes) -> _Key | Unfit:
    if len(data) != _SEED_BYTES:
        return Unfit(f"holds {len(data)} bytes, not 32")
    return Ed25519Key(Ed25519PublicKey.from_public_bytes(data))


def _signing_key(data: bytes) -> _Key | Unfit:
    """From a seed, or from seed and public key, as the senders in the field write it."""
    seed, stated = data[:_SEED_BYTES], data[_SEED_BYTES:]
    if len(seed) != _SEED_BYTES or len(stated) not in {0, _SEED_BYTES}:
        return Unfit(f"holds {len(data)} bytes, not 32 or 64")
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key()
    if stated and stated != public.public_bytes_raw():
        return Unfit("holds a public half that is not of its private half")
    return Ed25519Key(public, private)


_KINDS: Mapping[str, Callable[[bytes], _Key | Unfit]] = {
    "whsec": _shared_key,
    "whpk": _public_key,
    "whsk": _signing_key,
}
