"""The options and arguments that several commands share, each with one meaning."""

from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer
from typer.core import TyperGroup

from hardpoint.cli.terminal import Terminal
from hardpoint.store.views import State

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
Config = Annotated[Path, typer.Option("--config", help="The configuration file.")]
CONFIG: Final = Path("hardpoint.toml")
ProviderName = Annotated[
    str, typer.Argument(metavar="PROVIDER", help="The provider; `standard` is Standard Webhooks.")
]
BodyOption = Annotated[
    str,
    typer.Argument(metavar="FILE", help="The file with the body, byte for byte; - reads stdin."),
]
SecretRefs = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="REF",
        help="env:NAME or file:PATH, not the secret itself. You are asked if you leave it out.",
    ),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source", help="A source in the configuration: its secrets, address and tolerance."
    ),
]
LiveOption = Annotated[
    bool, typer.Option("--live", help="Allow an address that is not this machine.")
]
SourceFilter = Annotated[str | None, typer.Option("--source", help="Only events of this source.")]
TypeFilter = Annotated[
    str | None, typer.Option("--type", help="Only events of this type, or glob of types.")
]
StateFilter = Annotated[State | None, typer.Option("--state", help="Only events in this state.")]
SinceFilter = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Only those since then: 2h, 7d, or a time in UTC."
    ),
]
BeforeFilter = Annotated[
    str | None,
    typer.Option("--before", metavar="PLACE", help="Only what comes behind it in the list."),
]
ManyOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, max=10_000, help="The most to change; 1000 if not given."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the plan, and change nothing.")]
HandlerOption = Annotated[str | None, typer.Option("--handler", help="Only this handler.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Also where it was handled successfully before.")
]
PlanOption = Annotated[
    str,
    typer.Option(
        metavar="ID", help="Go on with a forced replay of many: what it has replayed is left alone."
    ),
]
Identifiers = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...",
        help="Our ids, the starts of them, or the vendor's ids. Without any, say which by options.",
    ),
]
OtelOption = Annotated[
    bool,
    typer.Option("--otel", help="Send traces and metrics where the OTEL_... variables say."),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to list.")]


class Listing(TyperGroup):
    """Commands of which `list` is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See Typer."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def commands(cls: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """An empty app: plain help, which costs no Rich, and errors left for `main` to tell."""
    return typer.Typer(
        cls=cls, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False
    )


def terminal_of(context: typer.Context, *, json: bool) -> Terminal:
    """The terminal of this run, told which command it serves."""
    terminal = cast(Terminal, context.obj)
    terminal.json = json
    terminal.command = context.command_path
    return terminal
