"""`hardpoint demo`."""

from typing import Annotated

import typer
from rich.console import Console

from hardpoint.cli.failures import CommandError, Exit, Failure, required
from hardpoint.cli.options import Json, commands, terminal_of
from hardpoint.cli.terminal import Terminal
from hardpoint.demo.shop import ShopError
from hardpoint.demo.story import run

app = commands()


@app.command()
def demo(
    context: typer.Context,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End after the story. Without a terminal it always does.")
    ] = False,
    json: Json = False,
) -> int:
    """Play a shop's story: forged, repeated, crashed, nothing lost.

    Exit code 0 means that every count held.
    """
    terminal = terminal_of(context, json=json)
    for package in ("python_multipart", "fastapi", "uvicorn"):  # of the shop, a process of its own
        required(package)
    console = Console(file=terminal.stderr if json else terminal.stdout)
    staying = not (once or json) and terminal.stdin.isatty()
    try:
        return _told(terminal, run(console, once=not staying))
    except ShopError as error:
        raise CommandError(
            str(error), exit_code=Exit.NO, code="shop", hint="hardpoint demo --once"
        ) from error


def _told(terminal: Terminal, code: int) -> int:
    holds = code == Exit.OK
    terminal.show({"holds": holds}, failure=None if holds else _OFF)
    return code


_OFF = Failure(
    code="count_off",
    message="a count of the demo does not hold",
    hint="hardpoint demo --once",
    exit_code=Exit.NO,
)
