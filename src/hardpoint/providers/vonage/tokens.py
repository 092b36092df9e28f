"""The token for Vonage's API, which an application signs itself (RS256).

https://developer.vonage.com/en/getting-started/concepts/authentication, by published
excerpts, 2026-12-01.
"""

import json
import os
from collections.abc import Sequence
from typing import Final, final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.providers.vonage import HOSTS
from hardpoint.webhooks.grammar import in_base64url

LIFE_SECONDS: Final = 15 * 60
EARLY_SECONDS: Final = 60
PART: Final = in_base64url(32)
"""How each part of a token is spelled."""


@final
class ApplicationToken:
    """An `Authorization`: a token of the application's own, made anew before it expires.

    Args:
        application_id: whose.
        private_key: signs; read at each use, so that it can rotate.
        clock: how long a token lasts.
    """

    def __init__(self, application_id: str, private_key: Secret, clock: Clock) -> None:
        self._application_id = application_id
        self._private_key = private_key
        self._clock = clock
        self._latest = ("", 0.0)

    async def headers(self) -> Sequence[tuple[str, str]]:
        """With the token that is valid now."""
        token, until = self._latest
        now = self._clock.now()
        if not now < until <= now + LIFE_SECONDS:
            token = self._made(int(now))
            self._latest = (token, now + LIFE_SECONDS - EARLY_SECONDS)
        return (("authorization", f"Bearer {token}"),)

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """Nothing: another token by the same key is refused too."""

    def permits(self, host: str) -> bool:
        """Vonage's hosts."""
        return host in HOSTS

    def secrets(self) -> Sequence[str]:
        """The latest token, and the key."""
        return (self._latest[0], self._private_key.reveal())

    def _made(self, now: int) -> str:
        claims = {
            "application_id": self._application_id,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "jti": os.urandom(16).hex(),
        }
        header = {"alg": "RS256", "typ": "JWT"}
        signed = b".".join(PART.spell(json.dumps(part).encode()) for part in (header, claims))
        return (signed + b"." + PART.spell(self._signature(signed))).decode()

    def _signature(self, signed: bytes) -> bytes:
        # OpenSSL is loaded by the first call, not by whoever imports the driver.
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self._private_key.reveal().encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a passphrase
            key = None
        if not isinstance(key, RSAPrivateKey):
            raise ConfigurationError(
                "private_key",
                "is not an RSA key in PEM, without a passphrase",
                fix="Write file:private.key, the file that Vonage gave you for the application",
            )
        return key.sign(signed, PKCS1v15(), SHA256())
