"""`hardpoint health`: how every connection and every source is, once or again and again."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from hardpoint.cli.admin import AdminClient, AdminOption
from hardpoint.cli.failures import CommandError, Exit, Failure
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.hub.observing import look_into, sources_of
from hardpoint.hub.settings import Settings
from hardpoint.store.opening import engine
from hardpoint.telemetry.health import HealthState, worst

WATCH_SECONDS: Final = 2.0
_CLEAR: Final = b"\x1b[H\x1b[2J"
_UNITS: Final = (("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))

app = commands()


class FailOn(StrEnum):
    """From which state on the answer is no."""

    DEGRADED = "degraded"
    DOWN = "down"


@app.command()
def health(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    admin: AdminOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds.")] = False,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="From which state on the exit code is 1.")
    ] = FailOn.DOWN,
    json: Json = False,
) -> int:
    """Show how every connection and every source of webhooks is.

    What a server has seen of its calls is asked of that server. Without one the store alone is
    looked at.
    """
    terminal = terminal_of(context, json=json)
    while True:
        report, where = _report(terminal, config, admin)
        if watch and terminal.width is not None:
            terminal.write(_CLEAR)
        code = _show(terminal, report, where, fail_on, once=not watch)
        if not watch:
            return code
        terminal.sleep(WATCH_SECONDS)


def _report(
    terminal: Terminal, config: Path, admin: str | None
) -> tuple[Mapping[str, Any], str | None]:
    """What a server says, or else the store; and whom that is from."""
    client = AdminClient.of(admin, config)
    try:
        return client.get("/health"), f"process at {client.url}"
    except CommandError:
        if admin is not None:
            raise
    settings, now = Settings.load(config, secrets=False), terminal.clock.now()
    facts = look_into(engine(settings.store.url).reader, now)
    sources = sources_of(settings, facts, now)
    states = [one.state for one in sources] + ([HealthState.DOWN] if facts.problem else [])
    return {
        "state": worst(states).value,
        "at": now,
        "pid": None,
        "role": None,
        "store": facts.problem,
        "connections": [],
        "sources": msgspec.to_builtins(sources),
        "accounts": {},
        "accounts_in_trouble": [],
    }, None


def _show(
    terminal: Terminal,
    report: Mapping[str, Any],
    where: str | None,
    fail_on: FailOn,
    *,
    once: bool,
) -> int:
    state, now = report["state"], report["at"]
    bad = {FailOn.DOWN: {"down"}, FailOn.DEGRADED: {"down", "degraded"}}[fail_on]
    parts: list[str | Table] = []
    if report["connections"]:
        parts += [_connections(report["connections"]), ""]
    if report["sources"]:
        parts += [_sources(report["sources"], now), ""]
    everything = [*report["connections"], *report["sources"]]
    reasons = [f"{one['name']}: {why}" for one in everything for why in one["reasons"]]
    reasons += [f"account {one['name']}: {one['state']}" for one in report["accounts_in_trouble"]]
    if report["store"]:
        reasons.append(f"store: {report['store']}")
    parts += reasons
    parts.append(f"together: {state}")
    failure = None
    if state in bad:
        failure = Failure(
            code="unhealthy",
            message=reasons[0] if reasons else state,
            hint="hardpoint doctor",
            exit_code=Exit.NO,
        )
    if terminal.json and not once:
        terminal.stream(report, "")
    else:
        terminal.show(report, *parts, failure=failure)
    terminal.say(f"of {where or 'the store alone: no server answers'}")
    return Exit.OK if failure is None else Exit.NO


def _connections(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            one["name"],
            one["provider"],
            one["state"],
            str(one["calls"]),
            "-" if one["error_rate"] is None else f"{one['error_rate']:.1%}",
            "-" if one["p95_seconds"] is None else f"{one['p95_seconds'] * 1000:.0f} ms",
            one["circuit"] or "-",
            _quota(one),
            _credential(one["credentials"]),
            one["last_error"] or "-",
        )
        for one in found
    ]
    heads = ("CONNECTION", "PROVIDER", "STATE", "CALLS/5MIN", "ERRORS", "P95", "CIRCUIT")
    return Table((*heads, "QUOTA LEFT", "CREDENTIAL", "LAST ERROR"), rows)


def _quota(one: Mapping[str, Any]) -> str:
    if one["quota_left"] is None:
        return "-"
    limit = one["quota_limit"]
    return str(one["quota_left"]) if limit is None else f"{one['quota_left']}/{limit}"


def _credential(found: Sequence[Mapping[str, Any]]) -> str:
    ages = [one["age_seconds"] for one in found if one["age_seconds"] is not None]
    return f"{span(max(ages))} old" if ages else "-"


def _sources(found: Sequence[Mapping[str, Any]], now: float) -> Table:
    rows = [
        (
            one["name"],
            one["provider"],
            one["state"],
            "-" if one["last_at"] is None else f"{span(now - one['last_at'])} ago",
            span(one["usually_silent_seconds"]),
            str(one["waiting"]),
            span(one["oldest_due_seconds"]),
            str(one["dead"]),
            str(sum(one["refusals"].values())),
            span(one["vendor_gives_up_in"]),
        )
        for one in found
    ]
    heads = ("SOURCE", "PROVIDER", "STATE", "LAST EVENT", "USUALLY SILENT", "WAITING")
    return Table((*heads, "OLDEST DUE", "DEAD", "REFUSED", "VENDOR GIVES UP IN"), rows)


def span(seconds: float | None) -> str:
    """Seconds as a person says them."""
    if seconds is None:
        return "-"
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "0 s"
