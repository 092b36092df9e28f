"""Private keys that sign messages, one for each of RFC 9421's algorithms (3.3)."""

from typing import Any, Final, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hardpoint.core.errors import ConfigurationError

_CURVES: Final = {
    "ecdsa-p256-sha256": (ec.SECP256R1, hashes.SHA256, 32),
    "ecdsa-p384-sha384": (ec.SECP384R1, hashes.SHA384, 48),
}
_RSA_BITS_MIN: Final = 2048


@final
class PrivateKey:
    """One key for one algorithm.

    Args:
        pem: the key, without a password.
        algorithm: its name.
        reference: what the key is called in errors.

    Raises:
        ConfigurationError: it is no key, or none for this algorithm.
    """

    def __init__(self, pem: str, algorithm: str, reference: str) -> None:
        try:
            key: Any = load_pem_private_key(pem.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigurationError(
                reference, "is not a private key in PEM without a password"
            ) from None
        if not _fits(key, algorithm):
            raise ConfigurationError(reference, f"is not a key for {algorithm}")
        self._key = key
        self._algorithm = algorithm

    def sign(self, text: bytes) -> bytes:
        """The signature, as it is sent."""
        match self._algorithm:
            case "ed25519":
                return self._key.sign(text)
            case "rsa-pss-sha512":
                pss = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)
                return self._key.sign(text, pss, hashes.SHA512())
            case "rsa-v1_5-sha256":
                return self._key.sign(text, padding.PKCS1v15(), hashes.SHA256())
            case _:
                _, digest, size = _CURVES[self._algorithm]
                r, s = decode_dss_signature(self._key.sign(text, ec.ECDSA(digest())))
                return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _fits(key: Any, algorithm: str) -> bool:
    if algorithm in _CURVES:
        curve = _CURVES[algorithm][0]
        return isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, curve)
    if algorithm == "ed25519":
        return isinstance(key, ed25519.Ed25519PrivateKey)
    return isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS_MIN
