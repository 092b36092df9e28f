"""`hardpoint version`."""

import platform
import sqlite3
from importlib.metadata import version as version_of

import typer

from hardpoint.cli.failures import Exit
from hardpoint.cli.options import Json, commands, terminal_of

app = commands()


@app.command()
def version(context: typer.Context, *, json: Json = False) -> int:
    """Print the versions in use."""
    versions = {
        "hardpoint": version_of("hardpoint"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(terse=True),
    }
    lines = [f"{name} {value}" for name, value in versions.items()]
    terminal_of(context, json=json).show(versions, *lines)
    return Exit.OK
