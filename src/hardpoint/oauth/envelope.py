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
from hardpoint.oauth.keyring import Keyring, WrappingKey

_NONCE_BYTES = 12
_KEY_BYTES = 32
_DRAWN = _KEY_BYTES + _NONCE_BYTES


class SlotPlace(NamedTuple):
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

    def seal(self, plain: bytes, place: SlotPlace) -> Sealed:
        """Seal it under a new data key, for this place alone."""
        chance = self._entropy(_KEY_BYTES + 2 * _NONCE_BYTES)  # one draw: each is a system call
        data_key, nonce = chance[:_KEY_BYTES], chance[_KEY_BYTES:_DRAWN]
        bound = _bound(place)
        sealed = nonce + AESGCM(data_key).encrypt(nonce, plain, bound)
        return _wrapped(self.keyring.primary, data_key, chance[_DRAWN:], sealed, bound)

    def open(self, sealed: Sealed, place: SlotPlace) -> bytes:
        """What was sealed for this place.

        Raises:
            StoreCorruptError: it was sealed for another, was changed, or under another key.
            ConfigurationError: its key is not in the keyring.
        """
        key = self.keyring.get(sealed.key_id)
        try:
            return _opened(key, sealed, _bound(place))
        except (InvalidTag, ValueError):  # too short a nonce is a ValueError
            pass
        raise StoreCorruptError(
            f"a credential of {place.connection} cannot be opened: it was damaged, moved, or "
            "sealed with another key of the same id"
        )

    def rewrapped(self, sealed: Sealed, place: SlotPlace) -> Sealed:
        """The same with its data key wrapped by the primary.

        Raises:
            StoreCorruptError, ConfigurationError: see `open`.
        """
        self.open(sealed, place)  # nothing is rewrapped that could not be opened
        bound = _bound(place)
        data_key = _unwrapped(self.keyring.get(sealed.key_id), sealed, bound)
        nonce = self._entropy(_NONCE_BYTES)
        return _wrapped(self.keyring.primary, data_key, nonce, sealed.sealed, bound)


def _bound(place: SlotPlace) -> bytes:
    """What is authenticated along; names hold no NUL, so no two places look alike."""
    return ("hp1\0%s\0%s\0%s\0%d\0" % place).encode()  # noqa: UP031 - the fastest way


def _wrapped(
    key: WrappingKey, data_key: bytes, nonce: bytes, sealed: bytes, bound: bytes
) -> Sealed:
    wrapped = nonce + key.cipher.encrypt(nonce, data_key, bound + key.name)
    return Sealed(key_id=key.id, wrapped=wrapped, sealed=sealed)


def _unwrapped(key: WrappingKey, sealed: Sealed, bound: bytes) -> bytes:
    wrapped = sealed.wrapped
    return key.cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound + key.name)


def _opened(key: WrappingKey, sealed: Sealed, bound: bytes) -> bytes:
    data = sealed.sealed
    data_key = AESGCM(_unwrapped(key, sealed, bound))
    return data_key.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound)
