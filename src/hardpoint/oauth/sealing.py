"""A connection's tokens as the vault keeps them: sealed for one place and version."""

from dataclasses import dataclass
from typing import Any, final

import msgspec

from hardpoint.core.secrets import Secret
from hardpoint.oauth.envelope import Envelope, Sealed, SlotPlace
from hardpoint.oauth.tokens import Tokens
from hardpoint.store.vault import ClientRow, ConnectionRow, CredentialRow, Key, Rows


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
    """

    row: ConnectionRow
    tokens: Tokens
    refused: ClientRow | None = None


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


def held(envelope: Envelope, rows: Rows, row: ConnectionRow) -> HeldCredential | None:
    """The row with its tokens; None when they were erased.

    Raises:
        StoreCorruptError, ConfigurationError: see `Envelope.open`.
    """
    found = rows.credential(row.key, row.version)
    return None if found is None else HeldCredential(row=row, tokens=opened(envelope, row, found))


def opened(envelope: Envelope, row: ConnectionRow, found: CredentialRow) -> Tokens:
    """The tokens of a sealed credential.

    Raises:
        StoreCorruptError, ConfigurationError: see `Envelope.open`.
    """
    payload = msgspec.json.decode(
        envelope.open(box_of(found), _place(row.key, found.version)), type=_Payload
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


def rewrapped(envelope: Envelope, key: Key, found: CredentialRow) -> Sealed:
    """A credential with its data key wrapped by the primary; it stays sealed as it is."""
    return envelope.rewrapped(box_of(found), _place(key, found.version))


def box_of(found: CredentialRow) -> Sealed:
    """The sealed part of a row."""
    return Sealed(key_id=found.key_id, wrapped=found.wrapped, sealed=found.sealed)


def _place(key: Key, version: int) -> SlotPlace:
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
