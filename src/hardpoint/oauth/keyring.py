"""The keys that wrap the vault's data keys, from the environment or a file.

A keyring is text: `id:key` for each key, apart by blanks or lines, a key being 32 bytes in base64.
The first wraps what is new; the others only unwrap what was wrapped before they were replaced.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret

KEY_BYTES = 32
MAKE = "Make one: hardpoint oauth new-key"
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WrappingKey:
    """One key; `check` tells it from any other without giving it away."""

    id: str
    cipher: AESGCM
    check: bytes
    name: bytes
    """The id once more, as it is authenticated."""


@final
class Keyring:
    """The keys at hand.

    One that is not known is looked for anew in the secret: a rotation in another process may have
    added it.

    Args:
        secret: where the keyring is: `Secret.env` or `Secret.file`.
        key: the setting's path, for errors.

    Raises:
        ConfigurationError: missing, empty, malformed, or a key of another length.
    """

    def __init__(self, secret: Secret, *, key: str = "vault.keyring") -> None:
        self._secret = secret
        self.setting = key
        self.reload()

    @property
    def primary(self) -> WrappingKey:
        """The key that wraps what is new."""
        return self._primary

    @property
    def keys(self) -> Mapping[str, WrappingKey]:
        """Every key by its id, the primary first."""
        return self._keys

    def get(self, identifier: str) -> WrappingKey:
        """A key.

        Raises:
            ConfigurationError: it is not in the keyring.
        """
        found = self._keys.get(identifier)
        if found is None:
            self.reload()
            found = self._keys.get(identifier)
        if found is None:
            raise ConfigurationError(
                self.setting,
                f"lacks the key {identifier}, which something in the vault is wrapped with",
                fix="Put it back; remove a key only when `hardpoint oauth rotate-key` says so",
            )
        return found

    def latest(self) -> WrappingKey:
        """The key that wraps what is new, after another look at the secret.

        A process that only writes would else go on with the key that it was started with, which by
        then may have been taken out. What cannot be a keyring now changes nothing here, and a key
        stays at hand until the process ends: what runs, goes on.
        """
        try:
            found = self._read()
        except ConfigurationError:
            return self._primary
        if all(self._keys.get(one.id, one).check == one.check for one in found.values()):
            self._primary = next(iter(found.values()))
            self._keys = {**found, **self._keys}
        return self._primary

    def reload(self) -> None:
        """Read the secret again.

        Raises:
            ConfigurationError: see the class.
        """
        self._keys = self._read()
        self._primary = next(iter(self._keys.values()))

    def _read(self) -> dict[str, WrappingKey]:
        try:
            text = self._secret.reveal()
        except ConfigurationError as error:
            raise ConfigurationError(
                self.setting, f"{self._secret.reference} {error.problem}", fix=MAKE
            ) from None
        keys: dict[str, WrappingKey] = {}
        for number, entry in enumerate(text.split(), start=1):
            identifier, colon, encoded = entry.partition(":")
            if not colon or not _ID.fullmatch(identifier):
                raise ConfigurationError(self.setting, f"entry {number} is not id:key", fix=MAKE)
            if identifier in keys:
                raise ConfigurationError(self.setting, f"names {identifier} twice")
            keys[identifier] = self._wrapping_key(identifier, encoded)
        return keys

    def _wrapping_key(self, identifier: str, encoded: str) -> WrappingKey:
        try:
            raw = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise ConfigurationError(
                self.setting, f"the key {identifier} is not {KEY_BYTES} bytes in base64", fix=MAKE
            )
        check = hmac.digest(raw, b"hardpoint vault key check", hashlib.sha256)
        return WrappingKey(identifier, AESGCM(raw), check[:16], identifier.encode())


def new_key(now: float, entropy: Callable[[int], bytes]) -> str:
    """An entry for a keyring, `k20261128-1f2e:...`; a secret."""
    day = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d")
    return f"k{day}-{entropy(2).hex()}:{base64.b64encode(entropy(KEY_BYTES)).decode()}"
