"""`hardpoint reload`."""

import typer

from hardpoint.cli.failures import CommandError, Exit
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import prepare
from hardpoint.store.opening import engine

app = commands()


@app.command()
def reload(context: typer.Context, *, config: Config = CONFIG, json: Json = False) -> int:
    """Have every process of the store read its configuration again.

    It is checked here first. Each process reads its own file and environment, and says in its log
    what it finds wrong there; then the old one stays in force.
    """
    terminal = terminal_of(context, json=json)
    settings = Settings.load(config)
    prepare(settings)
    told = engine(settings.store.url).shared.broadcast_reload()
    if told is None:
        raise CommandError(
            "no process has the store open to work on it, so there is nobody to tell",
            exit_code=Exit.UNREACHABLE,
            code="nobody",
            hint="hardpoint doctor",
        )
    terminal.show({"told": told}, f"{told} process(es) read the configuration again")
    return Exit.OK
