"""`hardpoint dev`: an application, fakes of its vendors and all that happens, in one terminal.

The fakes live in this process, the application in another, which is started anew when a file
changes: so payments that were made, and events that failed, are still there afterwards.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Annotated, Any, Final, cast

import msgspec
import typer

from hardpoint.cli.apps import hub_of
from hardpoint.cli.failures import Exit, failure_of
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.stand_ins import FILE, StandIns, substitute
from hardpoint.cli.tables import colours_wanted
from hardpoint.cli.tail import COLOURS, line_of
from hardpoint.cli.terminal import Terminal, on_interrupt
from hardpoint.cli.watching import SourceFiles
from hardpoint.core.errors import HardpointError
from hardpoint.dashboard.access import DashboardUser
from hardpoint.fakes.emitter import Delivered
from hardpoint.fakes.messages import Exchange
from hardpoint.hub.hub import Hub
from hardpoint.hub.operators import DashboardRole
from hardpoint.hub.settings import SUBSTITUTES
from hardpoint.service.admin import DASHBOARD
from hardpoint.service.server import Ready, Server
from hardpoint.service.server import serve as run
from hardpoint.telemetry.logs import configure
from hardpoint.webhooks.samples import samples

PORT: Final = 8000
FOLDER: Final = ".hardpoint/dev"
LOOK_SECONDS: Final = 0.5
_DEVELOPER: Final = DashboardUser(name="dev", role=DashboardRole.ADMIN)
STOP_SECONDS: Final = 20.0
"""For the application to stop softly, before it is killed."""

app = commands()


@app.command()
def dev(
    context: typer.Context,
    application: Annotated[
        str, typer.Argument(metavar="APP", help="MODULE:HUB with the handlers, such as shop:hub.")
    ],
    *,
    config: Config = CONFIG,
    port: Annotated[int, typer.Option(min=1, max=65534, help="Take webhooks here.")] = PORT,
    reload: Annotated[
        bool, typer.Option(help="Start the application anew when one of its files changes.")
    ] = True,
    inside: Annotated[str | None, typer.Option(hidden=True)] = None,
    json: Json = False,
) -> int:
    """Run an application with fakes of all its vendors, and show what happens.

    No account and no secret is needed: connections lead to the fakes, sources take what these
    sign, events go into a store of their own, new each time. Other commands look at it with
    `--config .hardpoint/dev/hardpoint.toml`. Ctrl-C ends it.
    """
    terminal = terminal_of(context, json=json)
    if inside is not None:
        _stop_with_parent()
        return _application(terminal, application, config, Path(inside), port)
    told = threading.Lock()

    def heard(name: str, one: Exchange | Delivered) -> None:
        kind = "request" if isinstance(one, Exchange) else "webhook"
        data = {"event": f"fake_{kind}", "fake": name, **msgspec.to_builtins(one)}
        with told:
            terminal.stream(data, f"fake {name}  {one}")

    folder = config.absolute().parent / FOLDER
    stand_ins = StandIns(config, folder, f"http://127.0.0.1:{port}", heard)
    try:
        stand_ins.write()
        _tell(terminal, stand_ins)
        if not reload:
            return _application(terminal, application, config, folder, port)
        words = (application, "--config", str(config), "--port", str(port), "--inside", str(folder))
        return _supervise(terminal, stand_ins, [*words, *(["--json"] if json else [])])
    finally:
        stand_ins.close()


def _tell(terminal: Terminal, stand_ins: StandIns) -> None:
    """What there is in place of the vendors."""
    fakes = [
        {"connection": name, "provider": one.app.name, "url": one.url}
        for name, one in stand_ins.fakes.items()
    ]
    lines = [f"{one['connection']} ({one['provider']}) is a fake at {one['url']}" for one in fakes]
    terminal.show({"config": str(stand_ins.file), "fakes": fakes}, *lines)


def _relative(path: Path) -> str:
    return os.path.relpath(path)


# The parent


def _supervise(terminal: Terminal, stand_ins: StandIns, words: Sequence[str]) -> int:
    """Keep the application running, and start it anew when a file changes."""
    files = SourceFiles(Path.cwd(), stand_ins.config)
    stopping = threading.Event()
    first = True

    def stop() -> None:
        if stopping.is_set():  # for the second time: at once
            raise KeyboardInterrupt
        stopping.set()

    with on_interrupt(stop):
        while not stopping.is_set():
            code, changed = _one_life(terminal, words, files, stopping)
            if changed is None and (first or stopping.is_set()):
                return Exit.OK if stopping.is_set() else code
            first = False
            if changed is None:
                terminal.say(f"the application has ended ({code}); it starts again after a change")
                changed = _await_change(files, stopping)
            while changed is not None and not _written(terminal, stand_ins, changed):
                changed = _await_change(files, stopping)
    return Exit.OK


def _written(terminal: Terminal, stand_ins: StandIns, changed: Path) -> bool:
    """Read the configuration again; False where it is wrong."""
    terminal.say(f"{_relative(changed)} has changed: once more")
    try:
        stand_ins.write()
    except HardpointError as error:
        terminal.fail(failure_of(error))
        return False
    return True


def _one_life(
    terminal: Terminal, words: Sequence[str], files: SourceFiles, stopping: threading.Event
) -> tuple[int, Path | None]:
    """Run it until it ends or a file changes: its exit code, and the file."""
    with _child(terminal, words) as process:
        while not stopping.is_set():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(LOOK_SECONDS), None
            if (changed := files.changed()) is not None:
                return _ended(process), changed
        return _ended(process), None


def _await_change(files: SourceFiles, stopping: threading.Event) -> Path | None:
    while not stopping.wait(LOOK_SECONDS):
        if (changed := files.changed()) is not None:
            return changed
    return None


@contextmanager
def _child(terminal: Terminal, words: Sequence[str]) -> Generator["subprocess.Popen[bytes]"]:
    """The application. It ends with us, however we end: its stdin is closed then."""
    command = [sys.executable, "-m", "hardpoint", "dev", *words]
    process = subprocess.Popen(  # noqa: S603 - this very program
        command,
        stdin=subprocess.PIPE,
        stdout=terminal.stdout,
        start_new_session=True,  # Ctrl-C is ours: a second signal would end it at once
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        cast("IO[bytes]", process.stdin).close()


def _ended(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code; it is told to stop, and killed where it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


# The child


def _application(
    terminal: Terminal, application: str, config: Path, folder: Path, port: int
) -> int:
    """Serve the hub, every configuration that it loads changed for the one of the fakes."""
    stand_in = folder / FILE
    change = substitute(config, stand_in)
    SUBSTITUTES.append(change)
    try:
        configure(terminal.stderr, json=terminal.json)
        hub = hub_of(application)
        ready = partial(_ready, terminal, hub, application, stand_in)
        server = Server(
            hub,
            port=port,
            admin_port=port + 1,
            ready=ready,
            # Nothing of it is real, and nobody but this machine reaches it.
            dashboard=hub.dashboard(authorize=lambda _: _DEVELOPER),
        )
        stop_showing = hub.observation.recorder.follow(partial(_show, terminal))
        try:
            run(server)
        finally:
            stop_showing()
    finally:
        SUBSTITUTES.remove(change)
    return Exit.OK


def _ready(terminal: Terminal, hub: Hub, application: str, stand_in: Path, told: Ready) -> None:
    suggestions = _suggestions(hub, _relative(stand_in))
    data = {
        "event": "application_ready",
        "url": told.url,
        "admin_url": told.admin_url,
        "pid": told.pid,
        "try": suggestions,
    }
    where = f"dashboard at {told.admin_url}{DASHBOARD}/"
    terminal.stream(data, f"{application} runs at {told.url}, {where}")
    lines = [f"  POST {told.url}/webhooks/{name}" for name in hub.settings.webhooks]
    lines += ["try, in another terminal:", *(f"  {one}" for one in suggestions)]
    terminal.say("\n".join(lines))


def _suggestions(hub: Hub, config: str) -> list[str]:
    """What would make something happen: of each source an event that is handled, if one is."""
    found: list[str] = []
    for name, one in hub.settings.webhooks.items():
        try:
            types = samples(one.provider).types
        except HardpointError:  # nobody has samples of it
            continue
        handled = [each for each in types if hub.handlers.matching(name, each)]
        event = next(iter([*handled, *types]))
        found.append(f"hardpoint trigger {one.provider} {event} --config {config}")
    return [*found, f"hardpoint events list --config {config}"]


def _show(terminal: Terminal, record: Mapping[str, Any]) -> None:
    if record["severity"] == "debug":
        return
    code = COLOURS.get(record["severity"])
    painted = code if terminal.width is not None and colours_wanted() else None
    terminal.stream(record, line_of(record), colour=painted)


def _stop_with_parent() -> None:
    """Stop when stdin is closed: whoever has started this is gone."""

    def wait() -> None:
        while os.read(0, 4096):
            """Nobody says anything."""
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="hardpoint-parent", daemon=True).start()
