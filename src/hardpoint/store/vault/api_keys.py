"""The rows of the keys by which others call us, and of what their signed requests have used up."""

from collections.abc import Iterable, Sequence
from typing import Any, final

import msgspec

from hardpoint.store.vault.rows import VaultRows


class ApiKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One key. Times are Unix seconds; `scopes` are divided by blanks, `hash` is SHA-256."""

    id: str
    prefix: str
    hash: bytes
    name: str
    scopes: str
    tenant: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None


@final
class ApiKeyRows:
    """The tables within one transaction.

    Args:
        rows: of that transaction.
    """

    __slots__ = ("_connection", "_sql")

    def __init__(self, rows: VaultRows) -> None:
        self._connection = rows._connection
        self._sql = rows._sql

    def find(self, prefix: str) -> ApiKeyRow | None:
        """The key that begins so."""
        return next(iter(self._all("api_key", (prefix,))), None)

    def named(self, name: str) -> ApiKeyRow | None:
        """The key of that id, or that begins so."""
        return next(iter(self._all("api_key_named", (name, name))), None)

    def of_tenant(self, tenant: str | None) -> tuple[ApiKeyRow, ...]:
        """All of a tenant's, or of everyone's, oldest first."""
        return tuple(self._all("api_keys", (tenant,)))

    def add(self, row: ApiKeyRow) -> None:
        """A new one."""
        self._connection.execute(self._sql["add_api_key"], msgspec.structs.asdict(row))

    def revoke(self, identifier: str, now: float) -> None:
        """Note that nobody may use it any more; since when stays as it was."""
        self._connection.execute(self._sql["revoke_api_key"], (now, identifier))

    def expire(self, identifier: str, at: float) -> None:
        """Set its end."""
        self._connection.execute(self._sql["expire_api_key"], (at, identifier))

    def used(self, uses: Iterable[tuple[str, float]]) -> None:
        """Note when keys were used last, by their ids; it never goes back."""
        for identifier, at in uses:
            self._connection.execute(self._sql["use_api_key"], {"id": identifier, "at": at})

    def use_up(self, key: str, *, until: float, now: float) -> bool:
        """Use up a nonce; False when it is used up already. Those that are too old are dropped."""
        self._connection.execute(self._sql["drop_nonces"], (now,))
        return self._connection.execute(self._sql["add_nonce"], (key, until)).rowcount > 0

    def _all(self, statement: str, values: Sequence[object]) -> list[ApiKeyRow]:
        cursor: Any = self._connection.execute(self._sql[statement], values)
        names = [column[0] for column in cursor.description]
        return [ApiKeyRow(**dict(zip(names, row, strict=True))) for row in cursor]
