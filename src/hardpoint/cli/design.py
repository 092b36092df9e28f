"""`hardpoint design`: a table of the operations in use, written and checked."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.failures import Exit, Failure, refused, usage
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.hub.settings import Settings
from hardpoint.specialist.design import design_problems, design_text, rows_of

app = commands()


@app.command()
def design(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A page in Markdown with the table.")],
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Write it from the configuration; never over a file.")
    ] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Check the design against configuration and manifests; or write a first one.

    Each operation has its class of repeat, its key, its policy, its errors and its events.
    """
    terminal = terminal_of(context, json=json)
    settings = Settings.load(config, secrets=False)
    if write:
        if file.exists():
            raise refused(f"{file} exists", hint=f"hardpoint design {file}")
        text = design_text(settings)
        file.write_text(text, encoding="utf-8")
        terminal.show({"written": str(file)}, f"{file} written: delete what you do not use")
        return Exit.OK
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise usage(f"{file} cannot be read", hint=f"hardpoint design {file} --write") from None
    rows = rows_of(text)
    problems = design_problems(rows, settings)
    failure = None
    if problems:
        failure = Failure(
            code="design",
            message=f"{len(problems)} problems",
            hint=f"mend line {problems[0].line} of {file}",
            exit_code=Exit.NO,
        )
    lines = [f"{file}:{one.line}: {one.told}" for one in problems]
    data = {"operations": len(rows), "problems": [asdict(one) for one in problems]}
    terminal.show(
        data, *lines, f"{len(rows)} operations, {len(problems)} problems", failure=failure
    )
    return Exit.NO if problems else Exit.OK
