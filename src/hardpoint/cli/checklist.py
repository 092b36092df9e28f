"""`hardpoint checklist`: the ten points of an integration, each with what proves it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hardpoint.audit.scanning import default_cache, scan
from hardpoint.cli.failures import Exit, Failure, usage
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.hub.settings import Settings
from hardpoint.specialist.checklist import ProofBy, go_through

app = commands()


@app.command()
def checklist(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Code, tests and pages. Default: ."),
    ] = None,
    *,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Go through the ten points: proven by code, by configuration, by a test, or not proven.

    A proof is a place where it can be seen, no promise. Exit code 1: a point is not proven.
    """
    terminal = terminal_of(context, json=json)
    named = paths or [Path()]
    missing = [path for path in named if not path.exists()]
    if missing:
        raise usage(f"{missing[0]} does not exist", hint="hardpoint checklist .")
    if config != CONFIG and not config.exists():
        raise usage(f"{config} does not exist")
    settings = Settings.load(config, secrets=False) if config.exists() else None
    root = Path.cwd()
    report = scan(named, root=root, cache_folder=default_cache())
    points = go_through(named, report.findings, settings, root=root)
    rows = [
        [str(one.item), str(one.proof), ", ".join(one.places) or "-", one.told or "-"]
        for one in points
    ]
    open_points = [one for one in points if one.proof is ProofBy.NOTHING]
    failure = None
    if open_points:
        first = open_points[0]
        failure = Failure(
            code="not_proven",
            message=f"{len(open_points)} of {len(points)} points are not proven",
            hint=f"{first.item}: {first.remedy}",
            exit_code=Exit.NO,
        )
    proven = len(points) - len(open_points)
    terminal.show(
        {"points": [asdict(one) for one in points], "proven": proven},
        Table(["POINT", "PROVEN BY", "WHERE", "WHAT"], rows),
        f"{proven} of {len(points)} proven",
        failure=failure,
    )
    return Exit.NO if open_points else Exit.OK
