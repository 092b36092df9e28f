"""The tree of commands. A command's module is imported when it is called, not to list it."""

from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from hardpoint.cli.failures import usage

COMMANDS: Final = {
    "init": "Write hardpoint.toml and a sample app.",
    "dev": "Run an application with fakes of all its vendors.",
    "serve": "Receive webhooks and run their handlers.",
    "work": "Run the handlers of what other processes receive.",
    "demo": "Play a shop's story: forged, repeated, crashed, nothing lost.",
    "trigger": "Send a sample event, signed as the vendor would.",
    "sign": "Sign a body as the vendor would.",
    "verify": "Check a signature, and say why it fails.",
    "events": "List, show, retry, replay and resolve events.",
    "dlq": "List, retry and discard the jobs that were given up.",
    "health": "Show how every connection and every source is.",
    "listen": "Take webhooks for an application that is being written.",
    "tail": "Follow what a running server tells, line by line.",
    "calls": "List and show the last calls out of a running server.",
    "breaker": "List, open and close the circuits of a running server.",
    "secrets": "List and check the secrets that the configuration names.",
    "webhooks": "Register endpoints at the vendors, and compare them.",
    "refusals": "List refused requests: since when, and why.",
    "storage": "List, copy, remove, sign and compare files.",
    "store": "Bring the store's tables up; copy SQLite to PostgreSQL.",
    "oauth": "Connected accounts: status, refresh, revoke, keys.",
    "keys": "API keys by which others call you.",
    "reload": "Have all processes read the configuration again.",
    "doctor": "Check configuration, secrets, store and server.",
    "audit": "Find mistakes in integration code, yours or anybody's.",
    "checklist": "Prove ten points of an integration, from timeouts to tests.",
    "research": "Say what an integration with a vendor has to know.",
    "design": "Write and check the table of operations, keys and errors.",
    "docs": "Write your page on credentials, webhooks and runbooks.",
    "debug": "Put on one page what is known of a request, event or call.",
    "switch": "Plan a change of vendor.",
    "mcp": "Serve the commands to a coding agent, read-only.",
    "agents": "Write files that make a coding agent a specialist.",
    "new": "Write an adapter for a vendor, from its OpenAPI file.",
    "fakes": "Imitate vendors over HTTP, for programs in any language.",
    "explain": "Say what a vendor's error code means, and what to do.",
    "completion": "Print the script by which a shell completes all this.",
    "providers": "List the vendors, and show what each can do.",
    "version": "Print the versions in use.",
}
"""Each command, the module of its name, and what it does."""

_OF_EVENTS: Final = frozenset({"list", "show", "retry", "replay", "resolve"})
"""What people look for here, and is a command of `events`."""


class _Lazy(TyperGroup):
    """Lists stand-ins and calls the real commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, summary in COMMANDS.items():
            self.add_command(TyperCommand(name, help=summary), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args and args[0] in _OF_EVENTS and not ctx.resilient_parsing:
            its = f"hardpoint events {args[0]}"
            raise usage(f"it is events that you {args[0]}: {its}", hint=f"{its} --help")
        name, found, rest = super().resolve_command(ctx, args)
        if found is not None:  # while a shell completes, there may be none
            found = get_command(import_module(f"hardpoint.cli.{name}").app)
        return name, found, rest


app = typer.Typer(cls=_Lazy, rich_markup_mode=None, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # slow to import, and help has no need of it

        typer.echo(version("hardpoint"))
        raise typer.Exit


@app.callback()
def hardpoint(
    *,
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Third-party integrations made safe: webhooks verified, stored, handled exactly once."""


tree = get_command(app)
