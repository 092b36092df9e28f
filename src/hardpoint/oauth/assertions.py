"""Statements by which a client proves who it is with a key of its own (RFC 7523 2.2, 3)."""

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.catalogue import Client

KIND: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SECONDS: Final = 60
"""How long one holds: it is sent at once, and never again."""

_CURVES: Final[Mapping[str, str]] = {
    "secp256r1": "ES256",
    "secp384r1": "ES384",
    "secp521r1": "ES512",
}


def assertion(client: Client, client_key: Secret, *, now: float) -> Mapping[str, str | Secret]:
    """The fields that prove a client to its token endpoint.

    Args:
        client: who.
        client_key: its key, read now, so that it can rotate.
        now: Unix seconds.

    Raises:
        ConfigurationError: the key is no private key that signs, or joserfc is not installed.
    """
    entry = client.entry
    key, algorithm = _key(client_key, f"oauth.{entry.name}.client_key")
    issued = int(now)
    claims = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": entry.assertion_audience or entry.token_url,
        "jti": _encoded(os.urandom(16)).decode(),
        "iat": issued,
        "exp": issued + SECONDS,
    }
    header = {"alg": algorithm, "typ": "JWT"}
    if client.client_key_id is not None:
        header["kid"] = client.client_key_id
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    # Its models sign, as they verify in `jwks`: what an algorithm is called is not theirs to judge.
    model = import_module("joserfc.jws").JWSRegistry.algorithms[algorithm]
    text = (signed + b"." + _encoded(model.sign(signed, key))).decode()
    return {"client_assertion_type": KIND, "client_assertion": Secret.value(text)}


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def check_key(secret: Secret, name: str) -> None:
    """See that a key can sign, at the start rather than at the first sign-in.

    Raises:
        ConfigurationError: it cannot; `name` is the setting's path.
    """
    _key(secret, name)


def _key(secret: Secret, name: str) -> tuple[Any, str]:
    """A key as joserfc takes it, and what it signs with."""
    pem = secret.reveal().encode()
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a passphrase
        private = None
    match private:
        case RSAPrivateKey():
            kind, algorithm = "RSA", "RS256"
        case EllipticCurvePrivateKey() if private.curve.name in _CURVES:
            kind, algorithm = "EC", _CURVES[private.curve.name]
        case Ed25519PrivateKey():
            kind, algorithm = "OKP", "EdDSA"
        case _:
            raise ConfigurationError(
                name,
                "is not a private key that signs, without a passphrase",
                fix="Write PEM of RSA, P-256, P-384, P-521 or Ed25519",
            )
    try:
        return import_module("joserfc.jwk").import_key(pem, kind), algorithm
    except ImportError:
        raise ConfigurationError(
            "oauth", "the extra is not installed", fix="pip install 'hardpoint[oauth]'"
        ) from None
