"""Rows of the store as a person reads them, and as JSON has them."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import msgspec

from hardpoint.cli.tables import Table
from hardpoint.core.traces import Place
from hardpoint.store.views import (
    AttemptView,
    CallView,
    DeadLetter,
    EventSummary,
    EventView,
    FailingJob,
    JobView,
)

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def moment(seconds: float | None) -> str:
    """Unix seconds as a time in UTC."""
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(seconds: float) -> str:
    """A whole minute in UTC, which is all that counters know."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")


def event_list(events: Sequence[EventSummary], short: Mapping[str, str] = NOTHING) -> Table:
    """One line for each event; the vendor's id as well as ours, which `short` may abbreviate."""
    rows = [
        (
            moment(one.received_at),
            one.source,
            one.type,
            one.state.value,
            str(one.attempts),
            one.vendor_id or "-",
            short.get(one.id, one.id),
        )
        for one in events
    ]
    return Table(("RECEIVED", "SOURCE", "TYPE", "STATE", "ATTEMPTS", "EVENT", "ID"), rows)


def dead_list(letters: Sequence[DeadLetter], short: Mapping[str, str] = NOTHING) -> Table:
    """One line for each job that was given up; see `event_list`."""
    rows = [
        (
            moment(one.at),
            one.source,
            one.type,
            one.handler,
            one.reason,
            str(one.failures),
            one.vendor_id or "-",
            short.get(one.event, one.event),
            _place(one.place),
            one.error or "-",
        )
        for one in letters
    ]
    heads = (
        *("GIVEN UP", "SOURCE", "TYPE", "HANDLER", "REASON", "FAILURES"),
        *("EVENT", "ID", "PLACE", "ERROR"),
    )
    return Table(heads, rows)


def failing_list(jobs: Sequence[FailingJob], short: Mapping[str, str] = NOTHING) -> Table:
    """One line for each job that is tried again; see `event_list`."""
    rows = [
        (
            moment(one.failed_at),
            one.source,
            one.type,
            one.handler,
            str(one.failures),
            "now" if one.next_at is None else moment(one.next_at),
            one.vendor_id or "-",
            short.get(one.event, one.event),
            _place(one.place),
            one.error or "-",
        )
        for one in jobs
    ]
    heads = (
        *("FAILED", "SOURCE", "TYPE", "HANDLER", "FAILURES", "NEXT TRY"),
        *("EVENT", "ID", "PLACE", "ERROR"),
    )
    return Table(heads, rows)


def plain_data(views: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows as plain values."""
    return msgspec.to_builtins(views)


def job_data(jobs: Sequence[DeadLetter | FailingJob]) -> list[dict[str, Any]]:
    """The same of jobs. Our id of the event is called `id`, as everywhere."""
    return [{"id": one.pop("event"), **one} for one in plain_data(jobs)]


def event_page(view: EventView) -> Iterator[str | Table]:
    """Everything about one event: what it is, what became of it, and its body as received."""
    summary = view.summary
    quarantine = f" ({summary.quarantine})" if summary.quarantine else ""
    facts = {
        "event": summary.vendor_id or "-",
        "id": summary.id,
        "source": summary.source,
        "type": summary.type,
        "account": summary.account or "-",
        "state": f"{summary.state.value}{quarantine}",
        "received": moment(summary.received_at),
        "signed": moment(view.signed_at),
        "correlation": summary.correlation_id,
        "body": f"{view.body_bytes} bytes, sha256 {view.body_sha256}",
    }
    yield from (f"{name:<12} {value}" for name, value in facts.items())
    yield from (f"{'header':<12} {name}: {value}" for name, value in view.headers.items())
    for title, table in (
        ("Waiting", _jobs(view.jobs)),
        ("Attempts", _attempts(view.attempts)),
        ("Given up", dead_list(view.dead)),
        ("Calls", _calls(view.calls)),
    ):
        if table.rows:
            yield from ("", title, table)
    yield from ("", _body(view.body))


def event_data(view: EventView) -> dict[str, Any]:
    """The same as plain values. A body that is not text comes as `body_base64`."""
    data = msgspec.to_builtins(view)
    data = data.pop("summary") | data
    data["dead"] = job_data(view.dead)
    text = _decoded(view.body)
    binary = view.body is not None and text is None
    data["body"] = text
    data["body_base64"] = b64encode(view.body).decode() if binary and view.body else None
    return data


def _jobs(jobs: Sequence[JobView]) -> Table:
    rows = [
        (
            one.handler,
            "running" if one.running else "pending",
            moment(one.run_at),
            str(one.failures),
            str(one.crashes),
        )
        for one in jobs
    ]
    return Table(("HANDLER", "STATE", "DUE", "FAILURES", "CRASHES"), rows)


def _attempts(attempts: Sequence[AttemptView]) -> Table:
    rows = [
        (
            one.handler,
            str(one.number),
            one.outcome.value,
            moment(one.started_at),
            f"{(one.ended_at - one.started_at) * 1000:.1f} ms",
            _place(one.place),
            one.error or "-",
        )
        for one in attempts
    ]
    return Table(("HANDLER", "NUMBER", "OUTCOME", "STARTED", "TOOK", "PLACE", "ERROR"), rows)


def _place(place: Place | None) -> str:
    return "-" if place is None else str(place)


def _calls(calls: Sequence[CallView]) -> Table:
    rows = [
        (
            one.handler,
            one.scope,
            "in doubt" if one.ended_at is None else "done",
            moment(one.started_at),
            one.subject or "-",
            one.key,
        )
        for one in calls
    ]
    return Table(("HANDLER", "CALL", "OUTCOME", "BEGUN", "MADE", "KEY"), rows)


def _body(body: bytes | None) -> str:
    if body is None:
        return "(the body was removed after its retention)"
    text = _decoded(body)
    return "(the body is not text; --json has it in base64)" if text is None else text


def _decoded(body: bytes | None) -> str | None:
    if body is None:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
