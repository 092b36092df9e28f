"""Keys as they are written and read: one transaction each, wherever the vault keeps its rows."""

from collections.abc import Callable, Mapping
from typing import final

from hardpoint.api_keys.types import ApiKey, NewApiKey, api_key_of
from hardpoint.api_keys.writing import hash_of, new_key
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.errors import InvalidRequestError, NotFoundError
from hardpoint.core.secrets import Secret
from hardpoint.store.vault import ApiKeyRow, ApiKeyRows, VaultTables


@final
class KeyRecords:
    """The rows. Every verb blocks, and raises what the tables raise.

    Args:
        tables: opened when they are first needed.
        brand: what new keys begin with.
        clock, ids, entropy: effects.
    """

    def __init__(
        self,
        tables: VaultTables,
        brand: str,
        *,
        clock: Clock,
        ids: Ids,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._tables = tables
        self._brand = brand
        self._clock = clock
        self._ids = ids
        self._entropy = entropy
        self._opened = False

    def create(self, name: str, scopes: str, tenant: str, expires_in: float | None) -> NewApiKey:
        """A new key."""
        with self._ready().transaction() as rows:
            now = self._clock.now()
            ends = None if expires_in is None else now + expires_in
            text, row = self._made(name, scopes, tenant, now, ends)
            ApiKeyRows(rows).add(row)
        return NewApiKey(secret=Secret.value(text), key=api_key_of(row))

    def of_tenant(self, tenant: str | None) -> tuple[ApiKey, ...]:
        """A tenant's, or everyone's."""
        with self._ready().reading() as rows:
            return tuple(api_key_of(row) for row in ApiKeyRows(rows).of_tenant(tenant))

    def revoke(self, key: str) -> ApiKey:
        """Take one out of use.

        Raises:
            NotFoundError: there is none.
        """
        with self._ready().transaction() as rows:
            keys = ApiKeyRows(rows)
            found = _named(keys, key)
            keys.revoke(found.id, self._clock.now())
            return api_key_of(_named(keys, found.id))

    def rotate(self, key: str, grace: float) -> tuple[NewApiKey, str]:
        """A key in place of another, and what that one begins with.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: it is not taken any more.
        """
        with self._ready().transaction() as rows:
            keys, now = ApiKeyRows(rows), self._clock.now()
            old = _named(keys, key)
            if not api_key_of(old).usable(now):
                raise InvalidRequestError(f"{old.prefix} is not taken any more: create another")
            life = None if old.expires_at is None else old.expires_at - old.created_at
            ends = None if life is None else now + life
            text, row = self._made(old.name, old.scopes, old.tenant, now, ends)
            keys.add(row)
            keys.expire(old.id, min(now + grace, old.expires_at or float("inf")))
        return NewApiKey(secret=Secret.value(text), key=api_key_of(row)), old.prefix

    def find(self, prefix: str) -> ApiKeyRow | None:
        """The key that begins so."""
        with self._ready().reading() as rows:
            return ApiKeyRows(rows).find(prefix)

    def used(self, uses: Mapping[str, float]) -> None:
        """Note when keys were used last."""
        with self._ready().transaction() as rows:
            ApiKeyRows(rows).used(uses.items())

    def use_up(self, key: str, until: float) -> bool:
        """Use up a nonce; False when it is used up already."""
        with self._ready().transaction() as rows:
            return ApiKeyRows(rows).use_up(key, until=until, now=self._clock.now())

    def close(self) -> None:
        """Let go what is open; it can be used on."""
        self._tables.close()

    def _ready(self) -> VaultTables:
        if not self._opened:
            self._tables.open()
            self._opened = True
        return self._tables

    def _made(
        self, name: str, scopes: str, tenant: str, now: float, ends: float | None
    ) -> tuple[str, ApiKeyRow]:
        text, prefix = new_key(self._brand, self._entropy)
        row = ApiKeyRow(
            id=self._ids(),
            prefix=prefix,
            hash=hash_of(text),
            name=name,
            scopes=scopes,
            tenant=tenant,
            created_at=now,
            expires_at=ends,
        )
        return text, row


def _named(keys: ApiKeyRows, name: str) -> ApiKeyRow:
    found = keys.named(name)
    if found is None:
        raise NotFoundError("there is no such API key", operation="api_keys")
    return found
