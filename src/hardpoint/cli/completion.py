"""`hardpoint completion`: the script by which a shell completes our commands."""

from enum import StrEnum
from typing import Annotated

import typer

from hardpoint.cli.failures import Exit
from hardpoint.cli.options import Json, commands, terminal_of


class CompletionShell(StrEnum):
    """The shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


app = commands()


@app.command()
def completion(
    context: typer.Context,
    shell: Annotated[CompletionShell, typer.Argument(help="The shell.")],
    *,
    json: Json = False,
) -> int:
    """Print the script that has a shell complete hardpoint's commands and options.

    bash: hardpoint completion bash >> ~/.bashrc. zsh: hardpoint completion zsh >> ~/.zshrc.
    fish: hardpoint completion fish > ~/.config/fish/completions/hardpoint.fish.
    """
    from typer._completion_shared import get_completion_script

    terminal = terminal_of(context, json=json)
    script = get_completion_script(
        prog_name="hardpoint", complete_var="_HARDPOINT_COMPLETE", shell=shell.value
    )
    terminal.show({"script": script}, script)
    return Exit.OK
