"""The rows of flows under way and of sessions, as plain facts by column."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from hardpoint.store.vault.rows import VaultRows

SignInFacts = Mapping[str, Any]


@final
class SigninRows:
    """The tables within one transaction.

    Args:
        rows: of that transaction.
    """

    __slots__ = ("_connection", "_sql")

    def __init__(self, rows: VaultRows) -> None:
        self._connection = rows._connection
        self._sql = rows._sql

    def put_flow(self, flow: SignInFacts, *, most: int, now: float) -> None:
        """Keep one; drop those that have expired, and the oldest of its browser beyond `most`."""
        self._changed("drop_flows", (now,))
        self._changed("crowd_out", {"browser": flow["browser"], "kept": most - 1})
        self._changed("put_flow", flow)

    def find_flow(self, key: str) -> dict[str, Any] | None:
        """The flow of that state."""
        return self._one("find_flow", key)

    def take_flow(self, key: str) -> bool:
        """Use it up; whether it was there."""
        return self._changed("take_flow", (key,)) > 0

    def put_session(self, session: SignInFacts) -> None:
        """Keep one; drop those that have ended."""
        self._changed("drop_sessions", (session["created_at"],))
        self._changed("put_session", session)

    def see_session(self, key: str, seen_at: float, idle_until: float) -> None:
        """Note that one was seen, if it has not ended."""
        self._changed("see_session", (seen_at, idle_until, key))

    def find_session(self, key: str) -> dict[str, Any] | None:
        """The session of that hash."""
        return self._one("find_session", key)

    def end(self, statement: str, *values: str | float) -> int:
        """End sessions by one of the statements `end_...`; gives how many."""
        return self._changed(statement, values)

    def _changed(self, statement: str, values: Sequence[object] | SignInFacts) -> int:
        return self._connection.execute(self._sql[statement], values).rowcount

    def _one(self, statement: str, key: str) -> dict[str, Any] | None:
        cursor = self._connection.execute(self._sql[statement], (key,))
        names = [column[0] for column in cursor.description]
        row = cursor.fetchone()
        return None if row is None else dict(zip(names, row, strict=True))
