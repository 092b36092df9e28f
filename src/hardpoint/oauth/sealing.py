"""A connection's tokens as the vault keeps them: sealed for one place and version."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hardpoint.core.errors import ConfigurationError, StoreCorruptError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.keyring import Keyring, WrappingKey
from hardpoint.oauth.states import ConnectionState
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.decoding_types import prepared
from hardpoint.store.vault import (
    ClientRow,
    ConnectionRow,
    CredentialRow,
    SlotKey,
    VaultRows,
    VaultTables,
)

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
        drawn = self._entropy(_KEY_BYTES + 2 * _NONCE_BYTES)  # one draw: each is a system call
        data_key, nonce = drawn[:_KEY_BYTES], drawn[_KEY_BYTES:_DRAWN]
        bound = _bound(place)
        sealed = nonce + AESGCM(data_key).encrypt(nonce, plain, bound)
        return _wrapped(self.keyring.latest(), data_key, drawn[_DRAWN:], sealed, bound)

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


class _Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sealed; its fields are written into files, so they only ever grow."""

    access: str
    refresh: str | None = None
    id_token: str | None = None
    token_type: str = "Bearer"  # noqa: S105 - a word
    details: dict[str, Any] = {}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCredential:
    """A credential as it was read: where it stands, and its tokens.

    Attributes:
        refused: the client that could not refresh it, where the provider refuses that.
        sealed: what its tokens were opened from; no other credential has the same.
    """

    row: ConnectionRow
    tokens: Tokens
    refused: ClientRow | None = None
    sealed: bytes = field(default=b"", repr=False, compare=False)

    def serving_at(self, now: float) -> bool:
        """Whether its access token can be used then."""
        row = self.row
        usable = row.state not in {
            ConnectionState.NEEDS_REAUTH.value,
            ConnectionState.DISCONNECTED.value,
        }
        return usable and row.rejected != row.version and self.tokens.fresh_at(now)

    @property
    def refresh_token(self) -> Secret:
        """Of a row that says it is refreshable.

        Raises:
            StoreCorruptError: there is none.
        """
        if self.tokens.refresh is None:
            raise StoreCorruptError("a credential has lost its refresh token")
        return self.tokens.refresh


def sealed(envelope: Envelope, row: ConnectionRow, tokens: Tokens, now: float) -> CredentialRow:
    """The tokens as the row's version keeps them."""
    box = envelope.seal(_encoded(tokens), _place(row.key, row.version))
    return CredentialRow(
        version=row.version,
        key_id=box.key_id,
        wrapped=box.wrapped,
        sealed=box.sealed,
        created_at=now,
    )


def held(
    envelope: Envelope,
    rows: VaultRows,
    row: ConnectionRow,
    known: HeldCredential | None = None,
) -> HeldCredential | None:
    """The row with its tokens; None when they were erased.

    Args:
        envelope: opens them.
        rows: of the file.
        row: whose.
        known: what a look before has opened; if that is what stands there, it is not opened again.

    Raises:
        StoreCorruptError, ConfigurationError: see `Envelope.open`.
    """
    found = rows.credential(row.key, row.version)
    if found is None:
        return None
    if known is not None and known.sealed == found.sealed:
        return replace(known, row=row)
    return HeldCredential(row=row, tokens=opened(envelope, row, found), sealed=found.sealed)


def opened(envelope: Envelope, row: ConnectionRow, found: CredentialRow) -> Tokens:
    """The tokens of a sealed credential.

    Raises:
        StoreCorruptError, ConfigurationError: see `Envelope.open`.
    """
    payload = msgspec.json.decode(
        envelope.open(box_of(found), _place(row.key, found.version)), type=prepared(_Payload)
    )
    return Tokens(
        access=Secret.value(payload.access),
        refresh=_secret(payload.refresh),
        id_token=_secret(payload.id_token),
        token_type=payload.token_type,
        scope=None if row.scope is None else tuple(row.scope.split()),
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        refresh_expires_at=row.refresh_expires_at,
        details=payload.details,
    )


def rewrapped(envelope: Envelope, key: SlotKey, found: CredentialRow) -> Sealed:
    """A credential with its data key wrapped by the primary; it stays sealed as it is."""
    return envelope.rewrapped(box_of(found), _place(key, found.version))


def box_of(found: CredentialRow) -> Sealed:
    """The sealed part of a row."""
    return Sealed(key_id=found.key_id, wrapped=found.wrapped, sealed=found.sealed)


def _place(key: SlotKey, version: int) -> SlotPlace:
    return SlotPlace(key.tenant, key.name, key.slot, version)


def _encoded(tokens: Tokens) -> bytes:
    return msgspec.json.encode(
        _Payload(
            access=tokens.access.reveal(),
            refresh=_text(tokens.refresh),
            id_token=_text(tokens.id_token),
            token_type=tokens.token_type,
            details=dict(tokens.details),
        )
    )


def _text(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret.value(text)


_BATCH = 100


@final
class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation did.

    Attributes:
        primary: the key that wraps everything now.
        rewrapped: how many credentials it took over.
        idle: keys of the keyring that wrap nothing any more.
    """

    primary: str
    rewrapped: int
    idle: tuple[str, ...]


def rotate(file: VaultTables, envelope: Envelope) -> Rotated:
    """Wrap every data key with the keyring's first key; repeat it after a crash.

    Raises:
        ConfigurationError: a key that something is wrapped with is not in the keyring.
        StoreCorruptError: a credential cannot be opened; those before it are rewrapped.
    """
    envelope.keyring.reload()
    check_keys(file, envelope.keyring)
    primary, count = envelope.keyring.primary.id, 0
    while True:
        with file.transaction() as rows:
            batch = rows.wrapped_otherwise(primary, _BATCH)
            for key, found in batch:
                box = rewrapped(envelope, key, found)
                rows.rewrap(key, found.version, box.key_id, box.wrapped)
            if not batch:
                rows.drop_keys()
                idle = set(envelope.keyring.keys) - rows.keys_in_use() - {primary}
                return Rotated(primary=primary, rewrapped=count, idle=tuple(sorted(idle)))
        count += len(batch)


def check_keys(file: VaultTables, keyring: Keyring) -> None:
    """See that each id means the key that the vault knows by it.

    Raises:
        ConfigurationError: one means another, or one that is needed is missing.
    """
    with file.transaction() as rows:
        for one in keyring.keys.values():
            if rows.key_check(one.id, one.check) != one.check:
                raise ConfigurationError(
                    keyring.setting,
                    f"has another key under the id {one.id} than the vault was written with",
                    fix="Put the former key back, and give the new one an id of its own",
                )
        for identifier in sorted(rows.keys_in_use()):
            keyring.get(identifier)
