"""The vault's rows, as values, and the statements that read and write them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import msgspec


class SlotKey(NamedTuple):
    """Which credential: one slot of one tenant's connection."""

    tenant: str
    name: str
    slot: str = "main"


class ConnectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where one credential stands. Times are Unix seconds.

    Attributes:
        kind: `oauth`, `api_key`, `basic`, or `client` for the tokens of a client's own.
        client: what refreshes it.
        version: of its current credential; 0 before there is one.
        refreshable: whether it has a refresh token.
        lease_owner, lease_until: who refreshes it now.
        attempt_at: since when the outcome of a refresh is not known.
        failures, retry_at: refreshes that failed in a row, and when to try again.
        rejected: the latest version that the provider's API refused.
    """

    tenant: str
    name: str
    slot: str
    kind: str
    client: str | None
    account: str | None
    state: str
    reason: str | None
    state_since: float
    version: int
    scope: str | None
    issued_at: float
    expires_at: float | None
    refresh_expires_at: float | None
    refreshable: int
    created_at: float
    lease_owner: str | None = None
    lease_until: float | None = None
    attempt_at: float | None = None
    failures: int = 0
    retry_at: float | None = None
    rejected: int = 0

    @property
    def key(self) -> SlotKey:
        """Which it is."""
        return SlotKey(self.tenant, self.name, self.slot)


class CredentialRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed credential."""

    version: int
    key_id: str
    wrapped: bytes
    sealed: bytes
    created_at: float


class ClientRow(msgspec.Struct, frozen=True, kw_only=True):
    """A client that its provider refuses."""

    name: str
    refused_at: float
    retry_at: float
    reason: str


@final
class VaultRows:
    """The tables within one transaction.

    Args:
        connection: of `sqlite3` or psycopg.
        sql: the statements, also those of `SigninRows`, as that library takes them.
    """

    __slots__ = ("_connection", "_sql")

    def __init__(self, connection: Any, sql: Mapping[str, str]) -> None:
        self._connection = connection
        self._sql = sql

    def connection(self, key: SlotKey) -> ConnectionRow | None:
        """Where a credential stands."""
        row = self._one("connection", key)
        return None if row is None else ConnectionRow(**row)

    def connections(self, tenant: str | None) -> tuple[ConnectionRow, ...]:
        """All of a tenant's, or of everyone's, in order."""
        return tuple(ConnectionRow(**row) for row in self._all("connections", (tenant,)))

    def save(self, row: ConnectionRow) -> None:
        """Write it in place of what stood there."""
        self._connection.execute(self._sql["save"], msgspec.structs.asdict(row))

    def credential(self, key: SlotKey, version: int) -> CredentialRow | None:
        """A sealed credential."""
        row = self._one("credential", (*key, version))
        return None if row is None else CredentialRow(**row)

    def add_credential(self, key: SlotKey, new: CredentialRow) -> None:
        """A new version; it takes no other's place."""
        facts = (new.version, new.key_id, new.wrapped, new.sealed, new.created_at)
        self._connection.execute(self._sql["add_credential"], (*key, *facts))

    def drop_credentials(self, key: SlotKey, *, before: int) -> None:
        """Erase the older versions; `secure_delete` overwrites them."""
        self._connection.execute(self._sql["drop_credentials"], (*key, before))

    def wrapped_otherwise(self, key_id: str, most: int) -> list[tuple[SlotKey, CredentialRow]]:
        """Credentials that another key wraps."""
        return [
            (
                SlotKey(row.pop("tenant"), row.pop("name"), row.pop("slot")),
                CredentialRow(**row),
            )
            for row in self._all("wrapped_otherwise", (key_id, most))
        ]

    def rewrap(self, key: SlotKey, version: int, key_id: str, wrapped: bytes) -> None:
        """Write a data key as another key wraps it."""
        self._connection.execute(self._sql["rewrap"], (key_id, wrapped, *key, version))

    def keys_in_use(self) -> frozenset[str]:
        """The ids of the keys that wrap something."""
        return frozenset(row["key_id"] for row in self._all("keys_in_use", ()))

    def key_check(self, identifier: str, check: bytes) -> bytes:
        """What tells the key of this id from others; noted when the id is new."""
        self._connection.execute(self._sql["add_key"], (identifier, check))
        row = self._one("key_check", (identifier,))
        return check if row is None else row["key_check"]

    def drop_keys(self) -> None:
        """Forget the ids of keys that wrap nothing."""
        self._connection.execute(self._sql["drop_keys"])

    def client(self, name: str) -> ClientRow | None:
        """A client, if it is refused."""
        row = self._one("client", (name,))
        return None if row is None else ClientRow(**row)

    def refuse_client(self, row: ClientRow) -> None:
        """Note that it is; since when stays as it was."""
        facts = (row.name, row.refused_at, row.retry_at, row.reason)
        self._connection.execute(self._sql["refuse_client"], facts)

    def accept_client(self, name: str) -> bool:
        """Note that it is not, or no more; whether it was."""
        return self._connection.execute(self._sql["accept_client"], (name,)).rowcount > 0

    def _one(self, statement: str, values: Sequence[object]) -> dict[str, Any] | None:
        return next(iter(self._all(statement, values)), None)

    def _all(self, statement: str, values: Sequence[object]) -> list[dict[str, Any]]:
        cursor = self._connection.execute(self._sql[statement], values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]
