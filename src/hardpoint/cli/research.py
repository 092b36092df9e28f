"""`hardpoint research`: what an integration with a vendor has to know, and what is still open."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.options import Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.core.providers import every_name
from hardpoint.specialist.openapi import research_file
from hardpoint.specialist.vendors import research as of_vendor

app = commands()


@app.command()
def research(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="VENDOR|FILE", help="A provider, or a file of OpenAPI 3.")
    ],
    *,
    json: Json = False,
) -> int:
    """Say what an integration has to know of a vendor, each with its source and its date.

    Authentication, webhooks, limits, idempotency, errors, sandbox; and what stays open.
    """
    terminal = terminal_of(context, json=json)
    if what in every_name():
        found = of_vendor(what)
    elif Path(what).exists():
        found = research_file(Path(what))
    else:
        raise usage(
            f"{what!r} is neither a provider nor a file",
            hint=f"providers: {', '.join(every_name())}",
        )
    rows = [[one.topic, one.fact, one.source, one.read or "-"] for one in found.facts]
    open_lines = [f"open: {one}" for one in found.questions]
    terminal.show(asdict(found), Table(["TOPIC", "FACT", "SOURCE", "READ"], rows), *open_lines)
    return Exit.OK
