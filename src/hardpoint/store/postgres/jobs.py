"""Leases: claimed, marked, given back. A lease belongs to a process, see `processes`."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import msgspec

from hardpoint.store.driver import Claim, Event, Lease, LeaseName, WaitingLane
from hardpoint.store.statements import statements

_SQL = statements("jobs", "hardpoint.store.postgres")
_headers = msgspec.json.Decoder(dict[str, str])


@final
class JobStatements:
    """Moves leases of one process.

    Args:
        owner: the process.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner

    async def claim(self, connection: Any, lanes: Mapping[str, int]) -> Claim:
        """Lease what is due in these lanes, so many of each at most."""
        rows = await connection.fetch(_SQL["claim"], [*lanes], [*lanes.values()], self._owner)
        waits = await connection.fetch(_SQL["waits"], [*lanes])
        return Claim([_lease_of(row) for row in rows], dict(waits))

    async def claim_suspect(self, connection: Any, handlers: Sequence[str]) -> Lease | None:
        """Lease the suspect whose turn it is."""
        row = await connection.fetchrow(_SQL["claim_suspect"], handlers, self._owner)
        return None if row is None else _lease_of(row)

    async def mark(self, connection: Any, lease: Lease, *, started: bool) -> bool:
        """Mark it, so that a death from now on counts against it, or take the mark away."""
        name = (lease.event.id, lease.handler, lease.fence)
        return count_of(await connection.execute(_SQL["mark"], started, *name, self._owner)) > 0

    async def lost(self, connection: Any, leases: Sequence[LeaseName]) -> list[LeaseName]:
        """Those that are this process's no longer."""
        rows = await connection.fetch(_SQL["lost"], *_columns(leases), self._owner)
        return [(str(event), handler, fence) for event, handler, fence in rows]

    async def give_back(self, connection: Any, leases: Sequence[LeaseName]) -> None:
        """They were never begun: due as before."""
        await connection.execute(_SQL["give_back"], *_columns(leases), self._owner)

    async def give_all_back(self, connection: Any) -> None:
        """Nothing of it is in flight."""
        await connection.execute(_SQL["give_all_back"], self._owner)

    async def give_strays_back(self, connection: Any, held: Sequence[tuple[str, str]]) -> None:
        """All that is leased to the process, but for these jobs."""
        events, handlers = zip(*held, strict=True) if held else ((), ())
        await connection.execute(_SQL["stray"], self._owner, events, handlers)

    async def waiting(self, connection: Any, handlers: Sequence[str]) -> list[WaitingLane]:
        """The lanes of these handlers that have something."""
        rows = await connection.fetch(_SQL["waiting"], handlers)
        return [WaitingLane(*row) for row in rows]

    async def next_due(self, connection: Any, handlers: Sequence[str]) -> float | None:
        """Seconds until something is due, a suspect included; negative when it is overdue."""
        times = [one.due_in for one in await self.waiting(connection, handlers)]
        suspect = await connection.fetchval(_SQL["next_suspect"], handlers)
        if suspect is not None:
            times.append(suspect)
        return min(times, default=None)


def _columns(leases: Sequence[LeaseName]) -> tuple[Sequence[Any], ...]:
    return tuple(zip(*leases, strict=True)) if leases else ((), (), ())


def count_of(status: str) -> int:
    """How many rows a statement changed, by what the server said: `UPDATE 3`."""
    return int(status.rpartition(" ")[2])


def _lease_of(row: Any) -> Lease:
    event, handler, lane, fence, failures, crashes, suspect = row[:7]
    source, vendor_id, type_, account, received_at, correlation_id, headers, body = row[7:]
    return Lease(
        event=Event(
            id=str(event),
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
        lane=lane,
        fence=fence,
        failures=failures,
        crashes=crashes,
        suspect=suspect,
    )
