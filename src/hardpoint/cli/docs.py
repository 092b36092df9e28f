"""`hardpoint docs`: the user's own page on its integrations, built and checked."""

import difflib
from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.failures import Exit, Failure
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.hub.settings import Settings
from hardpoint.specialist.handbook import handbook

app = commands()
_LINES_MAX = 20

PageOption = Annotated[Path, typer.Option("--out", metavar="FILE", help="The page.")]
PAGE = Path("docs/integrations.md")


@app.callback()
def docs() -> None:
    """Write the page on credentials, webhooks, limits, error codes and runbooks; check it."""


@app.command()
def build(
    context: typer.Context, *, out: PageOption = PAGE, config: Config = CONFIG, json: Json = False
) -> int:
    """Write the page; your notes at its end are kept."""
    terminal = terminal_of(context, json=json)
    text = handbook(Settings.load(config, secrets=False), _before(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    terminal.show({"written": str(out)}, f"{out} written")
    return Exit.OK


@app.command()
def check(
    context: typer.Context, *, out: PageOption = PAGE, config: Config = CONFIG, json: Json = False
) -> int:
    """Compare the page with the configuration and the manifests. Exit code 1: it has drifted."""
    terminal = terminal_of(context, json=json)
    before = _before(out)
    wanted = handbook(Settings.load(config, secrets=False), before)
    changes = [
        one
        for one in difflib.unified_diff(before.splitlines(), wanted.splitlines(), lineterm="", n=0)
        if one[:1] in "+-" and one[:3] not in {"+++", "---"}
    ]
    failure = None
    if changes:
        failure = Failure(
            code="drift",
            message=f"{out} has drifted from {config}",
            hint=f"hardpoint docs build --out {out}",
            exit_code=Exit.NO,
        )
    word = "has drifted" if changes else "is as it should be"
    data = {"page": str(out), "changes": changes}
    terminal.show(data, *changes[:_LINES_MAX], f"{out} {word}", failure=failure)
    return Exit.NO if changes else Exit.OK


def _before(out: Path) -> str:
    try:
        return out.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
