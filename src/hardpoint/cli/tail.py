"""`hardpoint tail`: what a running server tells, line by line, as it happens."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final

import typer

from hardpoint.cli.admin import AdminClient, AdminOption
from hardpoint.cli.failures import Exit
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.tables import colours_wanted

COLOURS: Final = {"warning": "33", "error": "31"}
"""Of the severities that deserve an eye."""
_FIRST: Final = ("source", "connection", "policy", "type", "operation", "handler")
_LAST: Final = ("error", "reason", "correlation_id")
_OUTCOMES: Final = ("stored", "outcome", "after")

app = commands()


@app.command()
def tail(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    admin: AdminOption = None,
    last: Annotated[int, typer.Option(min=0, max=500, help="Begin with the last ones.")] = 20,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    connection: Annotated[str | None, typer.Option(help="Only of this connection.")] = None,
    event: Annotated[
        str | None, typer.Option(help="Only these events, or glob: call_ended, handler_*.")
    ] = None,
    loud: Annotated[bool, typer.Option("--loud", help="Only warnings and errors.")] = False,
    json: Json = False,
) -> int:
    """Follow what a server tells of webhooks, handlers and calls; Ctrl-C ends it.

    Each line is one event. With `--json` it is one object, for programs.
    """
    terminal = terminal_of(context, json=json)
    client = AdminClient.of(admin, config)
    terminal.say(f"following {client.url}; Ctrl-C ends it")
    for record in client.lines(f"/tail?last={last}"):
        if record is None:
            continue
        if source is not None and record.get("source") != source:
            continue
        if connection is not None and record.get("connection") != connection:
            continue
        if event is not None and not fnmatchcase(record["event"], event):
            continue
        if loud and record.get("severity") not in COLOURS:
            continue
        code = COLOURS.get(record.get("severity", ""))
        painted = code if terminal.width is not None and colours_wanted() else None
        terminal.stream(record, line_of(record), colour=painted)
    terminal.say("the server has ended")
    return Exit.OK


def line_of(record: Mapping[str, Any]) -> str:
    """One event on one line: when, what, about what, how it ended, how long it took."""
    parts = [time_of_day(record.get("at")), record["event"]]
    parts += [str(record[name]) for name in _FIRST if record.get(name)]
    parts += [str(record[name]) for name in _OUTCOMES if record.get(name)]
    if (status := record.get("status")) is not None:
        parts.append(str(status))
    if (attempt := record.get("attempt")) is not None:
        parts.append(f"attempt {attempt}")
    if (seconds := record.get("seconds")) is not None:
        parts.append(f"{seconds * 1000:.1f} ms")
    if (retry := record.get("retry_in")) is not None:
        parts.append(f"again in {retry:.0f} s")
    parts += [str(record[name]) for name in _LAST if record.get(name)]
    return "  ".join(parts)


def time_of_day(at: float | None) -> str:
    """In UTC, to the millisecond."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:12]
