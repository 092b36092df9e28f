"""Leases: claimed, marked, prolonged, given back, and taken over from an earlier boot."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from hardpoint.store.driver import Event, Lease
from hardpoint.store.sqlite.statements import statements

LeaseName = tuple[str, str, int]
"""Event, handler, fence."""

_SQL = statements("jobs")
_headers = msgspec.json.Decoder(dict[str, str])


class Jobs:
    """Moves leases on the writer's connection, inside its transaction."""

    def __init__(self, connection: sqlite3.Connection, *, boot: int) -> None:
        self._connection = connection
        self._boot = boot

    def claim(
        self, handlers: Sequence[str], limit: int, *, now: float, until: float
    ) -> Sequence[Lease]:
        """Lease the suspect whose turn it is, alone, or else up to `limit` jobs that are due."""
        names = msgspec.json.encode(handlers).decode()
        rows = [] if self._suspect_out(now) else self._rows("suspect", (now, names))
        rows = rows or self._rows("due", (now, names, limit))
        self._connection.executemany(
            _SQL["lease"], [(until, self._boot, row[2], row[0], row[1]) for row in rows]
        )
        return [_lease_of(row) for row in rows]

    def mark_started(self, lease: LeaseName) -> bool:
        """Mark it, so that a crash from now on counts against it."""
        return bool(self._connection.execute(_SQL["start"], (*lease, self._boot)).rowcount)

    def extend(self, leases: Sequence[LeaseName], until: float) -> None:
        """Prolong those that are ours still."""
        self._connection.executemany(
            _SQL["extend"], [(until, *lease, self._boot) for lease in leases]
        )

    def release(self, leases: Sequence[LeaseName], now: float) -> None:
        """Give back those that are ours still."""
        self._connection.executemany(
            _SQL["give_back"], [(now, *lease, self._boot) for lease in leases]
        )

    def release_all(self, now: float) -> None:
        """Give everything back before the store is closed: nothing of it was in flight."""
        self._connection.execute(_SQL["give_all_back"], (now,))

    def take_over(self, now: float) -> None:
        """Release what an earlier boot left leased: it died, so each of them is suspect.

        Only those that it had marked as started, alone, are known to have run when it died.
        """
        self._connection.execute(_SQL["take_over"], (now,))

    def next_due(self, handlers: Sequence[str], now: float) -> float | None:
        """When `claim` will next give something; suspects that must wait do not count."""
        names = msgspec.json.encode(handlers).decode()
        row = self._connection.execute(_SQL["next_due"], (names, self._suspect_out(now))).fetchone()
        return None if row is None else row[0]

    def _suspect_out(self, now: float) -> bool:
        return self._connection.execute(_SQL["suspect_out"], (now,)).fetchone() is not None

    def _rows(self, name: str, parameters: tuple[Any, ...]) -> list[Any]:
        return self._connection.execute(_SQL[name], parameters).fetchall()


def _lease_of(row: Any) -> Lease:
    event, handler, fence, failures, crashes, suspect = row[:6]
    source, vendor_id, type_, account, received_at, correlation_id, headers, body = row[6:]
    return Lease(
        event=Event(
            id=event,
            source=source,
            vendor_id=vendor_id,
            type=type_,
            account=account,
            received_at=received_at,
            correlation_id=correlation_id,
            headers=_headers.decode(headers),
            body=body,
        ),
        handler=handler,
        fence=fence,
        failures=failures,
        crashes=crashes,
        suspect=bool(suspect),
    )
