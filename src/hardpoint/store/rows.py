"""The rows of an engine's `reader.sql`, by the names of their columns, as what its reader gives."""

from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from typing import Any, Final

import msgspec

from hardpoint.core.traces import Place
from hardpoint.store.driver import Outcome
from hardpoint.store.views import (
    AttemptView,
    AuditRecord,
    CallView,
    DeadCause,
    DeadLetter,
    EventSummary,
    EventView,
    FailingJob,
    JobView,
    RefusedRun,
    SourceTraffic,
    State,
)

SHORT_MIN: Final = 8
"""Characters of an id: the time, to the minute."""

ReaderRow = Mapping[str, Any]
_headers: Final = msgspec.json.Decoder(dict[str, str])


def summary_of(row: ReaderRow) -> EventSummary:
    """Of `listing` or `event`."""
    return EventSummary(
        id=str(row["id"]),
        source=row["source"],
        vendor_id=row["vendor_id"],
        type=row["type"],
        account=row["account"],
        received_at=row["received_at"],
        correlation_id=row["correlation_id"],
        state=State(row["state"]),
        attempts=row["attempts"],
        quarantine=row["quarantine"],
    )


def event_of(row: ReaderRow, rows: Callable[[str], Iterable[ReaderRow]]) -> EventView:
    """Of `event`.

    Args:
        row: its row.
        rows: gives those of another statement about the same event.
    """
    return EventView(
        summary=summary_of(row),
        headers={} if row["headers"] is None else _headers.decode(row["headers"]),
        body=row["body"],
        body_bytes=row["body_bytes"],
        body_sha256=row["body_sha256"].hex(),
        signed_at=row["signed_at"],
        jobs=tuple(_job(job) for job in rows("jobs")),
        attempts=tuple(_attempt(attempt) for attempt in rows("attempts")),
        dead=tuple(dead_letter(letter) for letter in rows("dead_letters_of")),
        calls=tuple(CallView(**call) for call in rows("calls")),
    )


def dead_letter(row: ReaderRow) -> DeadLetter:
    """Of `dead_letters`, or `dead_letters_of` an event."""
    return DeadLetter(**_placed(row))


def dead_cause(row: ReaderRow) -> DeadCause:
    """Of `causes`."""
    return DeadCause(**_placed(row))


def of_cause(cause: DeadCause) -> dict[str, str | None]:
    """What the letters of a cause have in common, as arguments of `letters_of`."""
    return {
        "source": cause.source,
        "handler": cause.handler,
        "reason": cause.reason,
        "kind": cause.kind,
        "place": cause.place and cause.place.stored(),
    }


def audit_record(row: ReaderRow) -> AuditRecord:
    """Of `audit`."""
    return AuditRecord(**row)


def failing_job(row: ReaderRow) -> FailingJob:
    """Of `failing`."""
    return FailingJob(**_placed(row))


def counts_of(row: ReaderRow) -> dict[str, int]:
    """Of `counts`: each `State`, and `total`."""
    counted = ("pending", "gone", "quarantined", "skipped", "resolved")
    return {
        "pending": row["pending"],
        "done": row["total"] - sum(row[one] for one in counted),
        "resolved": row["resolved"],
        "skipped": row["skipped"],
        "dead": row["gone"] - row["parked"],
        "needs_reconcile": row["parked"],
        "quarantined": row["quarantined"],
        "total": row["total"],
    }


def refusals_of(rows: Iterable[ReaderRow]) -> dict[str, dict[str, int]]:
    """Of `refusals`: by source and reason."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["source"], {})[row["reason"]] = row["count"]
    return found


def traffic_of(
    backlog: Iterable[ReaderRow], dead: Iterable[ReaderRow], arrivals: Iterable[ReaderRow]
) -> list[SourceTraffic]:
    """Of `backlog`, `dead_of_sources` and `arrivals`."""
    came: dict[str, list[float]] = {}
    for row in arrivals:
        came.setdefault(row["source"], []).append(row["received_at"])
    waits = {row["source"]: row for row in backlog}
    given_up = {row["source"]: row["dead"] for row in dead}
    return [
        SourceTraffic(
            source=source,
            waiting=waits[source]["waiting"] if source in waits else 0,
            due_at=waits[source]["due_at"] if source in waits else None,
            dead=given_up.get(source, 0),
            arrivals=tuple(came.get(source, ())),
        )
        for source in sorted({*came, *waits, *given_up})
    ]


def refused_run(row: ReaderRow) -> RefusedRun:
    """Of `refused`."""
    return RefusedRun(
        source=row["source"],
        reason=row["reason"],
        count=row["count"],
        first_at=row["first"] * 60.0,
        last_at=row["last"] * 60.0,
    )


def short_id(identifier: str, row: ReaderRow) -> str:
    """The beginning of an id that neither of its `neighbours` has."""
    shared = max(_shared(identifier, str(row[one] or "")) for one in ("before", "after"))
    enough = max(SHORT_MIN, shared + 1)
    return identifier[: enough + identifier[:enough].endswith("-")]


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _job(row: ReaderRow) -> JobView:
    known: dict[str, Any] = {**row, "running": bool(row["running"])}
    return JobView(**known)


def _attempt(row: ReaderRow) -> AttemptView:
    known: dict[str, Any] = {
        **row,
        "outcome": Outcome(row["outcome"]),
        "place": Place.read(row["place"]),
    }
    return AttemptView(**known)


def _placed(row: ReaderRow) -> dict[str, Any]:
    return {**row, "event": str(row["event"]), "place": Place.read(row["place"])}
