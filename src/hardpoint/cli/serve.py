"""`hardpoint serve`."""

from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.apps import hub_of
from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.options import CONFIG, Json, commands, terminal_of
from hardpoint.hub.hub import Hub
from hardpoint.service.server import Ready, Server
from hardpoint.service.server import serve as run
from hardpoint.telemetry.logs import configure

app = commands()


@app.command()
def serve(
    context: typer.Context,
    application: Annotated[
        str | None,
        typer.Argument(metavar="APP", help="MODULE:HUB with the handlers, such as shop:hub."),
    ] = None,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help=f"The configuration file; {CONFIG}, or what APP loads."),
    ] = None,
    host: Annotated[str, typer.Option(help="Where vendors reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    admin_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="On loopback; the port after the other by default."),
    ] = None,
    json: Json = False,
) -> int:
    """Receive webhooks and run their handlers.

    SIGTERM and Ctrl-C stop gracefully, SIGHUP reads the configuration again. Logs go to stderr, as
    JSON unless that is a terminal.
    """
    terminal = terminal_of(context, json=json)
    hub = _hub(application, config)
    hub.listeners.add(configure(terminal.stderr))

    def ready(told: Ready) -> None:
        data = {"url": told.url, "admin_url": told.admin_url, "pid": told.pid}
        sources = [f"  POST {told.url}/webhooks/{name}" for name in hub.settings.webhooks]
        terminal.show(data, f"hardpoint takes webhooks, admin at {told.admin_url}", *sources)

    run(Server(hub, host=host, port=port, admin_port=admin_port, ready=ready))
    return Exit.OK


def _hub(application: str | None, config: Path | None) -> Hub:
    if application is None:
        return Hub.load(config or CONFIG)
    hub = hub_of(application)
    loaded = hub.settings.path
    if config is not None and (loaded is None or loaded.resolve() != config.resolve()):
        raise usage(f"{application} loads {loaded}, not {config}", hint="leave --config out")
    return hub
