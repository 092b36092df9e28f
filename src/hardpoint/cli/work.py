"""`hardpoint work`."""

from typing import Annotated

import typer

from hardpoint.cli.apps import hub_of
from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.options import Json, OtelOption, commands, terminal_of
from hardpoint.cli.serve import on_a_terminal, telemetry
from hardpoint.service.server import Ready, Server
from hardpoint.service.server import serve as run
from hardpoint.telemetry.logs import configure

app = commands()


@app.command()
def work(
    context: typer.Context,
    application: Annotated[
        str, typer.Argument(metavar="APP", help="MODULE:HUB with the handlers, such as shop:hub.")
    ],
    *,
    admin_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Listen here for /healthz and /readyz; 0 takes a free port. Default: no listener.",
        ),
    ] = None,
    admin_host: Annotated[
        str, typer.Option(help="The admin listener's address; loopback, unless forced.")
    ] = "127.0.0.1",
    force_admin: Annotated[
        bool,
        typer.Option(help="Let other machines reach the admin listener; it speaks plain HTTP."),
    ] = False,
    otel: OtelOption = False,
    json: Json = False,
) -> int:
    """Run the handlers of what web workers receive; nothing is received here.

    On PostgreSQL any number of these share the work. On SQLite the first owns the file, which a web
    worker gives up to it, and a second waits to take its place. Signals and logs are as with
    `hardpoint serve`.
    """
    terminal = terminal_of(context, json=json)
    lines = json or None
    configure(terminal.stderr, json=lines)  # for what is told while the hub is made
    hub = hub_of(application)
    if not hub.handlers:
        raise usage(
            f"{application} has no handlers and forwards nothing: there is nothing to do",
            hint=f"register them with @hub.on(...) where {application} is made",
        )
    # Once more, whatever the application's modules have set.
    hub.listeners.add(configure(terminal.stderr, json=lines))

    def ready(told: Ready) -> None:
        store = hub.settings.store.shown
        owner = hub.shared.owner_pid
        data = {"admin_url": told.admin_url or None, "pid": told.pid, "owner": owner or told.pid}
        admin = f", admin at {told.admin_url}" if told.admin_url else ""
        beside = "" if owner is None else f"\nprocess {owner} has the store until it gives way"
        terminal.show(data, f"hardpoint works on {store}{admin}{beside}")

    server = Server(
        hub,
        receives=False,
        admin_host=admin_host,
        admin_port=admin_port,
        force_admin=force_admin,
        hangup_stops=on_a_terminal(),
        ready=ready,
    )
    with telemetry(hub, otel=otel):
        run(server)
    return Exit.OK
