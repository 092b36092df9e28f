"""Changing the wrapping key: data keys are wrapped anew, in batches, while the vault is used."""

from typing import final

import msgspec

from hardpoint.core.errors import ConfigurationError
from hardpoint.oauth.envelope import Envelope
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.sealing import rewrapped
from hardpoint.store.vault import VaultFile

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


def rotate(file: VaultFile, envelope: Envelope) -> Rotated:
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


def check_keys(file: VaultFile, keyring: Keyring) -> None:
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
