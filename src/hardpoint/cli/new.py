"""`hardpoint new adapter`: a package for a vendor that passes its own tests at once."""

from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.failures import Exit, refused
from hardpoint.cli.options import DryRunOption, Json, commands, terminal_of
from hardpoint.specialist.openapi import described
from hardpoint.specialist.scaffold import adapter_files, chosen_operations

app = commands()


@app.callback()
def new() -> None:
    """Write the beginning of something."""


@app.command()
def adapter(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The vendor, as a module may be named: acme.")],
    *,
    from_openapi: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its operations, from OpenAPI 3.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only operations with this path or name: /v1/deals*"),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where. Default: hardpoint-NAME.")
    ] = None,
    dry_run: DryRunOption = False,
    json: Json = False,
) -> int:
    """Write an adapter: settings, driver, error table, fake, tests, page, open questions.

    Nothing is fetched, and references to other files are refused. A file that exists is never
    written over.
    """
    terminal = terminal_of(context, json=json)
    api = described(from_openapi) if from_openapi else None
    if api is not None and only:
        api = chosen_operations(api, only)
    files = adapter_files(name, api)
    where = folder or Path(f"hardpoint-{name}")
    if where.exists() and any(where.iterdir()):
        raise refused(f"{where} is not empty", hint="--dir another")
    for path, text in () if dry_run else files.items():
        target = where / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    lines = [str(where / path) for path in sorted(files)]
    steps = [f"cd {where} && pip install -e . && pytest", "then answer RESEARCH.md"]
    data = {"folder": str(where), "files": sorted(files), "written": not dry_run}
    terminal.show(data, *lines, "", *steps)
    return Exit.OK
