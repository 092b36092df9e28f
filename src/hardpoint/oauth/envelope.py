"""Sealing a credential: AES-256-GCM under a key of its own, which the keyring wraps.

What is authenticated along with it is the place it is kept at, so that nothing can be moved to
another tenant, connection, slot or version. To change the wrapping key, the data key is wrapped
anew; what it sealed stays as it is.
"""

import os
from collections.abc import Callable
from typing import NamedTuple, final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hardpoint.core.errors import StoreCorruptError
from hardpoint.oauth.keyring import Keyring

_NONCE_BYTES = 12
_KEY_BYTES = 32


class Place(NamedTuple):
    """Where a credential is kept. No name holds a control character."""

    tenant: str
    connection: str
    slot: str
    version: int


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as it is stored.

    Attributes:
        key_id: the wrapping key.
        wrapped: nonce and wrapped data key.
        sealed: nonce and ciphertext.
    """

    key_id: str
    wrapped: bytes
    sealed: bytes


@final
class Envelope:
    """Seals and opens.

    Args:
        keyring: the wrapping keys.
        entropy: random bytes.
    """

    def __init__(self, keyring: Keyring, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self.keyring = keyring
        self._entropy = entropy

    def seal(self, plain: bytes, place: Place) -> Sealed:
        """Seal it under a new data key, for this place alone."""
        chance = self._entropy(_KEY_BYTES + _NONCE_BYTES)  # one draw: each is a system call
        data_key, nonce = chance[:_KEY_BYTES], chance[_KEY_BYTES:]
        sealed = nonce + AESGCM(data_key).encrypt(nonce, plain, _bound(place, ""))
        return self._wrapped(data_key, sealed, place)

    def open(self, sealed: Sealed, place: Place) -> bytes:
        """What was sealed for this place.

        Raises:
            StoreCorruptError: it was sealed for another, was changed, or under another key.
            ConfigurationError: its key is not in the keyring.
        """
        key = self.keyring.get(sealed.key_id).cipher
        plain = _opened(key, sealed, place)
        if plain is None:
            raise StoreCorruptError(
                f"a credential of {place.connection} cannot be opened: it was damaged, moved, or "
                "sealed with another key of the same id"
            )
        return plain

    def rewrapped(self, sealed: Sealed, place: Place) -> Sealed:
        """The same with its data key wrapped by the primary.

        Raises:
            StoreCorruptError, ConfigurationError: see `open`.
        """
        self.open(sealed, place)  # nothing is rewrapped that could not be opened
        key = self.keyring.get(sealed.key_id).cipher
        return self._wrapped(_unwrapped(key, sealed, place), sealed.sealed, place)

    def _wrapped(self, data_key: bytes, sealed: bytes, place: Place) -> Sealed:
        primary = self.keyring.primary
        nonce = self._entropy(_NONCE_BYTES)
        wrapped = nonce + primary.cipher.encrypt(nonce, data_key, _bound(place, primary.id))
        return Sealed(key_id=primary.id, wrapped=wrapped, sealed=sealed)


def _bound(place: Place, key_id: str) -> bytes:
    """What is authenticated; names hold no NUL, so no two places look alike."""
    tenant, connection, slot, version = place
    return f"hp1\0{tenant}\0{connection}\0{slot}\0{version}\0{key_id}".encode()


def _unwrapped(key: AESGCM, sealed: Sealed, place: Place) -> bytes:
    wrapped = sealed.wrapped
    return key.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound(place, sealed.key_id))


def _opened(key: AESGCM, sealed: Sealed, place: Place) -> bytes | None:
    data = sealed.sealed
    try:
        data_key = AESGCM(_unwrapped(key, sealed, place))
        return data_key.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(place, ""))
    except (InvalidTag, ValueError):  # too short a nonce is a ValueError
        return None
