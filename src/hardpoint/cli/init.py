"""`hardpoint init`: a configuration and a sample app, from the provider's own folder."""

import ast
import os
import re
from dataclasses import dataclass
from difflib import unified_diff
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.failures import CommandError, Exit, refused, usage
from hardpoint.cli.options import Json, commands, terminal_of
from hardpoint.cli.terminal import Terminal
from hardpoint.core.providers import provider as manifest_of
from hardpoint.core.providers import provider_names

_ENVIRONMENT = re.compile(r"\benv:([A-Za-z_][A-Za-z0-9_]*)")

app = commands()


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file to write; `old` is what stands there."""

    path: Path
    new: str
    old: str | None

    @property
    def action(self) -> str:
        if self.old is None:
            return "create"
        return "keep" if self.old == self.new else "replace"


@app.command()
def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")] = Path(),
    *,
    provider: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The provider whose webhooks the app receives."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that exist already.")
    ] = False,
    json: Json = False,
) -> int:
    """Write hardpoint.toml and a sample app.

    An existing file that differs is replaced only with --force; the differences are shown.
    """
    terminal = terminal_of(context, json=json)
    starter = _starter(provider)
    planned = [
        _File(path=folder / name, new=text, old=_text(folder / name))
        for name, text in starter.items()
    ]
    replaced = [one for one in planned if one.action == "replace"]
    for one in replaced:
        terminal.say(_difference(one))
    if replaced and not force:
        names = ", ".join(str(one.path) for one in replaced)
        raise refused(f"{names} would be overwritten; nothing was written", hint="add --force")
    _write(folder, planned)
    _report(terminal, folder, planned, _commands(starter))
    return Exit.OK


def _starter(name: str | None) -> dict[str, str]:
    """The files of a provider's starter; without a name, of the one that is to be the first."""
    manifests = map(manifest_of, provider_names())
    manifests = sorted(manifests, key=lambda one: not one.first_starter)
    having = {one.name: one.starter for one in manifests if one.starter is not None}
    if name is None:
        name = next(iter(having))
    if name not in having:
        known = " or ".join(f"--provider {one}" for one in having)
        raise usage(f"there is no sample app for {name}", hint=known)
    package, _, folder = having[name].partition(":")
    return {
        one.name: one.read_text(encoding="utf-8")
        for one in sorted(files(package).joinpath(folder).iterdir(), key=lambda one: one.name)
        if one.is_file()
    }


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unwritable(path, error) from None


def _difference(file: _File) -> str:
    old, new = (file.old or "").splitlines(), file.new.splitlines()
    name = str(file.path)
    return "\n".join(unified_diff(old, new, name, f"{name} (new)", lineterm=""))


def _write(folder: Path, planned: list[_File]) -> None:
    for one in planned:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if one.action != "keep":
                with one.path.open("x" if one.old is None else "w", encoding="utf-8") as file:
                    file.write(one.new)
        except OSError as error:
            raise _unwritable(one.path, error) from None


def _unwritable(path: Path, error: OSError) -> CommandError:
    return usage(f"{path} cannot be written ({error.strerror})")


def _commands(starter: dict[str, str]) -> list[str]:
    """What the app's docstring ends with."""
    source = next(text for name, text in starter.items() if name.endswith(".py"))
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return docstring.rpartition("\n\n")[2].splitlines()


def _report(terminal: Terminal, folder: Path, planned: list[_File], following: list[str]) -> None:
    names = {name for one in planned for name in _ENVIRONMENT.findall(one.new)}
    missing = sorted(name for name in names if name not in os.environ)
    steps = [*([] if folder.samefile(".") else [f"cd {folder}"]), *following]
    written = [{"path": str(one.path), "action": one.action} for one in planned]
    lines = [f"{one['action']:<8} {one['path']}" for one in written]
    data = {"files": written, "environment_missing": missing, "next": steps}
    terminal.show(data, *lines)
    if missing:
        terminal.say(f"\nNot set yet: {', '.join(missing)}")
    terminal.say("\n".join(["\nnext:", *(f"  {step}" for step in steps)]))
