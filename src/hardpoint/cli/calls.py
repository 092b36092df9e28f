"""`hardpoint calls`: the last calls out of a running server, their attempts, and one as curl."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from hardpoint.cli.admin import AdminClient, AdminOption, segment
from hardpoint.cli.failures import CommandError, Exit
from hardpoint.cli.options import CONFIG, Config, Json, LimitOption, Listing, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.views import moment
from hardpoint.telemetry.recorder import curl_of

_SHORT: Final = 12

app = commands(Listing)

CallId = Annotated[str, typer.Argument(metavar="ID", help="The call's id, or the end of it.")]


@app.callback()
def calls() -> None:
    """List and show the last calls out of a running server; it has the last 10 000 in memory."""


@app.command("list")
def list_(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    admin: AdminOption = None,
    connection: Annotated[str | None, typer.Option(help="Only of this connection.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    limit: LimitOption = 50,
    json: Json = False,
) -> int:
    """List calls, the newest first."""
    terminal = terminal_of(context, json=json)
    client = AdminClient.of(admin, config)
    data = client.get("/calls", connection=connection, failed=1 if failed else None, limit=limit)
    terminal.show(data, _list(data["calls"]))
    terminal.say(f"of process {data['pid']} at {client.url} alone; others have made others")
    return Exit.OK


@app.command()
def show(
    context: typer.Context,
    identifier: CallId,
    *,
    config: Config = CONFIG,
    admin: AdminOption = None,
    json: Json = False,
) -> int:
    """Show a call with its attempts: when, how long after the one before, and how each ended."""
    terminal = terminal_of(context, json=json)
    call = AdminClient.of(admin, config).get(f"/calls/{segment(identifier)}")
    facts = {
        "call": call["id"],
        "connection": call["connection"],
        "provider": call["provider"],
        "operation": call["operation"],
        "outcome": call["error"] or "ok",
        "began": moment(call["started_at"]),
        "took": f"{call['seconds'] * 1000:.1f} ms",
        "key": call["key"] or "-",
        "correlation": call["correlation_id"] or "-",
    }
    lines = [f"{name:<12} {value}" for name, value in facts.items()]
    terminal.show(call, *lines, "", _attempts(call["attempts"]))
    return Exit.OK


@app.command()
def curl(
    context: typer.Context,
    identifier: CallId,
    *,
    config: Config = CONFIG,
    admin: AdminOption = None,
    json: Json = False,
) -> int:
    """Print a call as a curl command, without what is secret: credentials, query and body."""
    terminal = terminal_of(context, json=json)
    call = AdminClient.of(admin, config).get(f"/calls/{segment(identifier)}")
    sent = [one for one in call["attempts"] if one["url"] is not None]
    if not sent:
        raise CommandError(
            "nothing is known to have been sent in this call",
            exit_code=Exit.NO,
            code="not_sent",
            hint=f"hardpoint calls show {identifier}",
        )
    command = curl_of(sent[-1]["method"], sent[-1]["url"], call["key"])
    terminal.show({"curl": command}, command)
    return Exit.OK


def _list(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            moment(one["started_at"]),
            one["connection"],
            one["operation"],
            one["error"] or "ok",
            str(len(one["attempts"])),
            f"{one['seconds'] * 1000:.0f} ms",
            one["correlation_id"] or "-",
            one["id"][-_SHORT:],
        )
        for one in found
    ]
    heads = ("BEGAN", "CONNECTION", "OPERATION", "OUTCOME", "ATTEMPTS", "TOOK", "CORRELATION")
    return Table((*heads, "ID"), rows)


def _attempts(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            str(one["number"]),
            "-" if one["waited"] is None else f"{one['waited'] * 1000:.0f} ms",
            moment(one["started_at"]),
            f"{one['seconds'] * 1000:.1f} ms",
            one["error"] or "ok",
            "-" if one["status"] is None else str(one["status"]),
            one["request_id"] or "-",
            "-" if one["url"] is None else f"{one['method']} {one['url']}",
        )
        for one in found
    ]
    heads = ("ATTEMPT", "WAITED", "BEGAN", "TOOK", "OUTCOME", "STATUS", "VENDOR'S ID", "REQUEST")
    return Table(heads, rows)
