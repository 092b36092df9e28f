"""Jobs: leased, marked, given back, taken over from an earlier boot; and what operators do to them.

A lease lasts as long as this process has the store: nobody else could take it meanwhile. What an
operator does is written into the audit record.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.store.driver import Claim, Event, Lease, Refusals, WaitingLane
from hardpoint.store.keys import replay_of, storable
from hardpoint.store.sqlite.calls import CallRows
from hardpoint.store.statements import statements

_SQL = statements("jobs")
_OPERATIONS = statements("operations")
_headers = msgspec.json.Decoder(dict[str, str])


class Jobs:
    """Moves leases on the writer's connection, inside its transaction."""

    def __init__(self, connection: sqlite3.Connection, *, boot: int, clock: Clock) -> None:
        self._connection = connection
        self._boot = boot
        self._clock = clock

    def claim(self, lanes: Mapping[str, int]) -> Claim:
        """Lease what is due in these lanes, so many of each at most; see `InboxStore.claim`."""
        now = self._clock.now()
        rows: list[Any] = []
        for lane, limit in lanes.items():
            rows += self._execute("due", lane, now, limit).fetchall()
        leases = self._lease(rows)
        waits: dict[str, float] = {}
        for lane in lanes:
            row = self._execute("next_of_lane", lane).fetchone()
            if row is not None:
                waits[lane] = row[0] - now
        return Claim(leases, waits)

    def claim_suspect(self, handlers: Sequence[str]) -> Lease | None:
        """Lease the suspect whose turn it is."""
        leases = self._lease(self._execute("suspect", _json(handlers)).fetchall())
        return leases[0] if leases else None

    def mark_started(self, lease: Lease, *, started: bool) -> bool:
        """Mark it, so that a crash from now on counts against it, or take the mark away."""
        name = (lease.event.id, lease.handler, lease.fence)
        return bool(self._execute("mark", started, *name, self._boot).rowcount)

    def release(self, leases: Sequence[Lease]) -> None:
        """Give back what was never begun: it is due as before."""
        for one in leases:
            self._execute("give_back", one.event.id, one.handler, one.fence, self._boot)

    def release_all(self) -> None:
        """Give everything back: nothing of it is in flight."""
        self._execute("give_all_back", self._clock.now())

    def take_over(self) -> None:
        """Release what an earlier boot left leased: it died, so each of them is suspect.

        Only those that it had marked as started are known to have run when it died.
        """
        self._execute("take_over", self._clock.now())

    def waiting(self, handlers: Sequence[str]) -> list[WaitingLane]:
        """The lanes of these handlers that have something; they are found by leaps in the index."""
        now, lane = self._clock.now(), ""
        found: list[WaitingLane] = []
        while (row := self._execute("next_lane", lane).fetchone()) is not None:
            lane, handler, run_at = row
            if handler in handlers:
                found.append(WaitingLane(lane, handler, run_at - now))
        return found

    def next_due(self, handlers: Sequence[str]) -> float | None:
        """Seconds until something is due, a suspect included; negative when it is overdue."""
        times = [one.due_in for one in self.waiting(handlers)]
        (suspect,) = self._execute("next_suspect", _json(handlers)).fetchone()
        if suspect is not None:
            times.append(suspect - self._clock.now())
        return min(times, default=None)

    def _lease(self, rows: Sequence[Any]) -> list[Lease]:
        self._connection.executemany(
            _SQL["lease"], [(self._boot, row[3], row[0], row[1]) for row in rows]
        )
        return [_lease_of(row) for row in rows]

    def _execute(self, name: str, *parameters: Any) -> sqlite3.Cursor:
        return self._connection.execute(_SQL[name], parameters)


def _json(names: Sequence[str]) -> str:
    return msgspec.json.encode(names).decode()


def _lease_of(row: Any) -> Lease:
    event, handler, lane, fence, failures, crashes, suspect = row[:7]
    source, vendor_id, type_, account, received_at, correlation_id, headers, body = row[7:]
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
        lane=lane,
        fence=fence,
        failures=failures,
        crashes=crashes,
        suspect=bool(suspect),
    )


class Operations:
    """What operators do, on the writer's connection, inside its transaction."""

    def __init__(self, connection: sqlite3.Connection, calls: CallRows, clock: Clock) -> None:
        self._connection = connection
        self._calls = calls
        self._clock = clock

    def retry(self, event: str, handler: str | None, actor: str, reason: str) -> int:
        """Revive dead jobs and hurry waiting ones; gives how many."""
        execute, now = self._connection.execute, self._clock.now()
        hurried = execute(_OPERATIONS["hurry"], (now, event, handler, now)).rowcount
        revived = execute(_OPERATIONS["revive"], (now, event, handler)).rowcount
        if revived:
            self._calls.clear(event, handler)
            execute(_OPERATIONS["unbury"], (event,))
        self._record(now, actor, "retry", _target(event, handler), reason)
        return hurried + revived

    def replay(
        self,
        event: str,
        handlers: Sequence[str],
        force: bool,
        audit: tuple[str, str],
        plan: str = "",
    ) -> int:
        """Make new jobs for these handlers; gives how many. `audit`: who asks, and why."""
        execute, now = self._connection.execute, self._clock.now()
        action, target = replay_of(plan), _target(event, ", ".join(handlers))
        if plan and execute(_OPERATIONS["planned"], (storable(target), action)).fetchone():
            return 0
        made = execute(_OPERATIONS["replay"], (now, _json(handlers), event, force)).rowcount
        if made:
            execute(_OPERATIONS["unbury"], (event,))
            execute(_OPERATIONS["handled"], (made, event))
        self._record(now, audit[0], action, target, audit[1])
        return made

    def resolve(self, event: str, handler: str | None, actor: str, note: str) -> int:
        """Close dead letters and waiting jobs: done by someone's hand; gives how many."""
        execute, now = self._connection.execute, self._clock.now()
        execute(_OPERATIONS["resolved"], (now, now, storable(f"resolved: {note}"), event, handler))
        closed = execute(_OPERATIONS["resolve"], (event, handler)).rowcount
        closed += execute(_OPERATIONS["resolve_waiting"], (event, handler)).rowcount
        self._record(now, actor, "resolve", _target(event, handler), note)
        return closed

    def note(self, action: str, target: str, actor: str, reason: str) -> None:
        """Write a line into the audit record."""
        self._record(self._clock.now(), actor, action, target, reason)

    def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters."""
        self._connection.executemany(
            _OPERATIONS["refuse"],
            [(one.source, one.reason, one.minute, one.count) for one in counts],
        )

    def _record(self, now: float, *audit: str) -> None:
        self._connection.execute(_OPERATIONS["audit"], (now, *map(storable, audit)))


def _target(event: str, handler: str | None) -> str:
    return f"{event} {handler}" if handler else event
