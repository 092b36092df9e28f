"""Schemes whose vendor keeps the private half of the key: Ed25519, and ECDSA on P-256.

All keys make and check signatures of a `message`, which each kind makes from what is signed before
the body and the body, once for all keys.
"""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    SignatureMismatchError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.grammar import from_base64
from hardpoint.webhooks.schemes import BodyScheme
from hardpoint.webhooks.signatures import (
    TOLERANCE,
    Unfit,
    check_age,
    check_tolerance,
    prepare,
    timestamp,
)
from hardpoint.webhooks.verification import Replay, WebhookRequest

ED25519_US = 150.0
ECDSA_US = 90.0
"""About what one check costs; see `Scheme.refusal_us`."""

_PREHASHED = ECDSA(Prehashed(SHA256()))


@final
class Ed25519Key:
    """A public key, and its private half where we have it."""

    __slots__ = ("_public", "private")
    refusal_us = ED25519_US
    forged = b"\1" + bytes(63)
    """A signature of the right form that no key made."""

    def __init__(self, public: Ed25519PublicKey, private: Ed25519PrivateKey | None = None) -> None:
        self._public = public
        self.private = private

    @staticmethod
    def message(prefix: bytes, body: bytes) -> bytes:
        """What is signed."""
        return prefix + body

    def made(self, signature: bytes, message: bytes) -> bool:
        """Whether it made this signature."""
        try:
            self._public.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def sign(self, message: bytes) -> bytes | None:
        """The signature; None where there is no private half."""
        return None if self.private is None else self.private.sign(message)


@final
class EcdsaKey:
    """A public key of P-256 with SHA-256, and its private half where we have it; DER signatures."""

    __slots__ = ("_public", "private")
    refusal_us = ECDSA_US
    forged = encode_dss_signature(1, 1)
    """A signature of the right form that no key made."""

    def __init__(
        self, public: EllipticCurvePublicKey, private: EllipticCurvePrivateKey | None = None
    ) -> None:
        self._public = public
        self.private = private

    @classmethod
    def read(cls, text: str, fix: str) -> "EcdsaKey | Unfit":
        """From base64 of a public key (SPKI), or of a private one (PKCS #8), which signs too."""
        decoded = from_base64(text.strip().encode("ascii", "replace"))
        if decoded is None:
            return Unfit("is not base64", fix)
        private = None
        try:
            public = load_der_public_key(decoded)
        except (ValueError, UnsupportedAlgorithm):
            try:
                private = load_der_private_key(decoded, password=None)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                return Unfit("is no key", fix)
            public = private.public_key()
        if not isinstance(public, EllipticCurvePublicKey) or not isinstance(
            public.curve, SECP256R1
        ):
            return Unfit("is no key of the curve P-256", fix)
        return cls(public, private if isinstance(private, EllipticCurvePrivateKey) else None)

    @staticmethod
    def message(prefix: bytes, body: bytes) -> bytes:
        """What is signed, hashed; the body is never copied."""
        digest = hashlib.sha256(prefix)
        digest.update(body)
        return digest.digest()

    def made(self, signature: bytes, message: bytes) -> bool:
        """Whether it made this signature."""
        try:
            self._public.verify(signature, message, _PREHASHED)
        except InvalidSignature:
            return False
        return True

    def sign(self, message: bytes) -> bytes | None:
        """The signature; None where there is no private half."""
        return None if self.private is None else self.private.sign(message, _PREHASHED)


AsymmetricKey = Ed25519Key | EcdsaKey


class PublicKeyScheme(BodyScheme):
    """A scheme whose vendor alone can sign; a private key stands in for it where it is given.

    Args:
        secrets: the keys that are live, newest first.
        tolerance: seconds a signed time may differ from now; None where it is not to be judged.

    Raises:
        ConfigurationError: a key of the wrong shape, or a tolerance out of range.
    """

    def __init__(self, *, secrets: Sequence[Secret], tolerance: float | None = TOLERANCE) -> None:
        self._keys = prepare(secrets, self.key)
        self._tolerance = None if tolerance is None else check_tolerance(tolerance)
        checks_age = self.grammar.has_timestamp and tolerance is not None
        self.replay = Replay.WINDOW if checks_age else Replay.NONE
        kind = self._keys[0][1]
        self._message = kind.message
        self._encoding = self.grammar.encoding
        self._forged = self._encoding.spell(kind.forged)
        self.refusal_us = sum(key.refusal_us for _, key in self._keys)

    @abstractmethod
    def key(self, text: str) -> AsymmetricKey | Unfit:
        """A key from its text, or why it cannot be one; all keys of a scheme are of one kind."""

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int | None, Any]:
        """See `SignatureScheme`; the age is looked at last."""
        candidates, time, headers = self.grammar.read(request)
        signed_at, prefix = None, b""
        if time is not None:
            signed_at = timestamp(time)
            before, after = self.around_time
            prefix = before + time + after
        signatures = [self._encoding.decode(one) for one in candidates]
        if None in signatures:
            raise MalformedRequestError(f"the signature is not {self._encoding.form}")
        message = self._message(prefix, request.body)
        for number, key in self._keys:
            if any(key.made(one, message) for one in signatures if one is not None):
                if signed_at is not None and self._tolerance is not None:
                    check_age(signed_at, now, self._tolerance)
                return number, signed_at, headers
        raise SignatureMismatchError

    def _signatures(self, prefix: bytes, body: bytes) -> list[bytes]:
        message = self._message(prefix, body)
        made = [key.sign(message) for _, key in self._keys]
        signatures = [self._encoding.spell(one) for one in made if one is not None]
        if not signatures:
            raise ConfigurationError(
                "secrets",
                "are public keys, which cannot sign",
                fix="Add a key of your own, with its private half",
            )
        return signatures
