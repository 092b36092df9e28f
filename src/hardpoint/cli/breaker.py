"""`hardpoint breaker`: the circuits of a running server, to look at and to steer."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from hardpoint.cli.admin import AdminClient, AdminOption, segment
from hardpoint.cli.failures import Exit
from hardpoint.cli.options import CONFIG, Config, Json, Listing, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal

app = commands(Listing)

SteeredConnection = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The connection's name.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the log.")]


@app.callback()
def breaker() -> None:
    """List, open and close the circuits of one running server; each process has its own."""


@app.command("list")
def list_(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    admin: AdminOption = None,
    json: Json = False,
) -> int:
    """List the circuits of every connection."""
    terminal = terminal_of(context, json=json)
    client = AdminClient.of(admin, config)
    _show(terminal, client, client.get("/breakers"))
    return Exit.OK


@app.command("open")
def open_(
    context: typer.Context,
    name: SteeredConnection,
    *,
    reason: Reason = "by order",
    config: Config = CONFIG,
    admin: AdminOption = None,
    json: Json = False,
) -> int:
    """Refuse every call of a connection, until it is closed again or the process ends."""
    return _steer(
        terminal_of(context, json=json), AdminClient.of(admin, config), name, "open", reason
    )


@app.command("close")
def close_(
    context: typer.Context,
    name: SteeredConnection,
    *,
    reason: Reason = "by order",
    config: Config = CONFIG,
    admin: AdminOption = None,
    json: Json = False,
) -> int:
    """Let calls of a connection through again, and forget what failed before."""
    return _steer(
        terminal_of(context, json=json), AdminClient.of(admin, config), name, "close", reason
    )


def _steer(
    terminal: Terminal,
    client: AdminClient,
    name: str,
    action: Literal["open", "close"],
    reason: str,
) -> int:
    content = {"action": action, "reason": reason}
    _show(terminal, client, client.post(f"/breakers/{segment(name)}", content))
    return Exit.OK


def _show(terminal: Terminal, client: AdminClient, data: Mapping[str, Any]) -> None:
    rows = [
        (name, key or "-", state)
        for name, circuits in data["breakers"].items()
        for key, state in (circuits or {"": "none"}).items()
    ]
    terminal.show(data, Table(("CONNECTION", "KEY", "CIRCUIT"), rows))
    terminal.say(f"of process {data['pid']} at {client.url} alone; others have their own")
