"""`hardpoint serve`."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.apps import hub_of
from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.options import CONFIG, Json, OtelOption, commands, terminal_of
from hardpoint.cli.terminal import Terminal
from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.hub import Hub
from hardpoint.service.server import Ready, Server
from hardpoint.service.server import serve as run
from hardpoint.telemetry.logs import configure

PORT = 8000

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
        typer.Option(help=f"The configuration file. Default: the one APP loads, else {CONFIG}."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; :: for IPv6 and IPv4.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help=f"The port; 0 takes a free one. Default: $PORT, else {PORT}."
        ),
    ] = None,
    uds: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Listen on a Unix socket instead of host and port."),
    ] = None,
    admin_host: Annotated[
        str, typer.Option(help="The admin listener's address; loopback, unless forced.")
    ] = "127.0.0.1",
    admin_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="The admin listener's port. Default: the one after --port; with --uds a free one.",
        ),
    ] = None,
    force_admin: Annotated[
        bool,
        typer.Option(help="Let other machines reach the admin listener; it speaks plain HTTP."),
    ] = False,
    no_worker: Annotated[
        bool,
        typer.Option(
            "--no-worker", help="Only receive: `hardpoint work` runs the handlers, beside it."
        ),
    ] = False,
    otel: OtelOption = False,
    json: Json = False,
) -> int:
    """Receive webhooks and run their handlers.

    SIGTERM and Ctrl-C stop gracefully. SIGHUP reads the configuration again. If the server was
    started on a terminal, SIGHUP means that the terminal has closed, and stops it too. Logs go to
    stderr, as JSON if that is no terminal or with `--json`.
    """
    if uds is not None and port is not None:
        raise usage("there is one public listener: --uds or --port", hint="leave one of them out")
    terminal = terminal_of(context, json=json)
    lines = json or None
    configure(terminal.stderr, json=lines)  # for what is told while the hub is made
    hub = _hub(application, config)
    # Once more, whatever the application's modules have set.
    hub.listeners.add(configure(terminal.stderr, json=lines))
    server = Server(
        hub,
        host=host,
        port=_port() if port is None else port,
        uds=uds,
        works=not no_worker,
        admin_host=admin_host,
        admin_port=admin_port,
        force_admin=force_admin,
        dashboard=hub.dashboard() if hub.settings.dashboard.chosen else None,
        hangup_stops=on_a_terminal(),
        ready=partial(_tell, terminal, hub, uds),
    )
    with telemetry(hub, otel=otel):
        run(server)
    return Exit.OK


@contextmanager
def telemetry(hub: Hub, *, otel: bool) -> Generator[None]:
    """Send spans and metrics away while the block runs, where that is asked for."""
    if not otel:
        yield
        return
    from hardpoint.telemetry.otlp import exporting

    listener, end = exporting(database=hub.settings.store.engine)
    hub.listeners.add(listener)
    try:
        yield
    finally:
        end()


def _tell(terminal: Terminal, hub: Hub, uds: Path | None, told: Ready) -> None:
    data = {"url": told.url, "admin_url": told.admin_url, "pid": told.pid}
    start = told.url if uds is None else ""
    sources = [f"  POST {start}/webhooks/{name}" for name in hub.settings.webhooks]
    where = "" if uds is None else f" at {told.url}"
    title = f"hardpoint takes webhooks{where}, admin at {told.admin_url}"
    if hub.settings.dashboard.chosen:
        sources.append(f"  dashboard at {told.admin_url}/dashboard/")
    terminal.show(data, title, *sources)


def _port() -> int:
    """What the platform has set, or ours."""
    text = os.environ.get("PORT", "")
    if text and not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise ConfigurationError("$PORT", "is not a port", fix="Unset it, or give --port")
    return int(text or PORT)


def on_a_terminal() -> bool:
    """Whether a terminal that closes tells us by SIGHUP; not so where nohup has said otherwise."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _hub(application: str | None, config: Path | None) -> Hub:
    if application is None:
        return Hub.load(config or CONFIG)
    hub = hub_of(application)
    loaded = hub.settings.path
    if config is not None and (loaded is None or loaded.resolve() != config.resolve()):
        raise usage(f"{application} loads {loaded}, not {config}", hint="leave --config out")
    return hub
