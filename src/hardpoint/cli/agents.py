"""`hardpoint agents`: files that make a coding agent an integration specialist."""

from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.failures import Exit, refused
from hardpoint.cli.options import Json, commands, terminal_of

app = commands()


@app.callback()
def agents() -> None:
    """Files for coding agents: a specialist, its skills, and how they find our tools."""


@app.command()
def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="For instance .claude")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Also over files that differ.")] = False,
    json: Json = False,
) -> int:
    """Write the specialist (agents/) and its skills (skills/) into a folder.

    The agent speaks to `hardpoint mcp`; a file that is there and differs is not written over.
    """
    terminal = terminal_of(context, json=json)
    files = agent_files()
    differing = [
        name
        for name, text in files.items()
        if (folder / name).exists() and (folder / name).read_text(encoding="utf-8") != text
    ]
    if differing and not force:
        raise refused(
            f"{folder / differing[0]} is there and differs",
            hint=f"hardpoint agents export {folder} --force",
        )
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    terminal.show(
        {"written": sorted(files)},
        *(str(folder / name) for name in sorted(files)),
        "Add to the client's MCP servers: hardpoint mcp --workspace .",
    )
    return Exit.OK


def agent_files() -> dict[str, str]:
    """The files by the names under which clients look for them."""
    packaged = Path(__file__).parent / "agent_files"
    root = packaged if packaged.is_dir() else Path(__file__).parents[3] / "agents"
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*.md")):
        name = path.relative_to(root).as_posix()
        target = name if name.startswith("skills/") else f"agents/{name}"
        found[target] = path.read_text(encoding="utf-8")
    return found
