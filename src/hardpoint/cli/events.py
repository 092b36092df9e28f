"""`hardpoint events`: what came in, what became of it, and having it handled again."""

from typing import Annotated

import msgspec
import typer

from hardpoint.cli.changes import ChangeOption, carry_out
from hardpoint.cli.failures import Exit
from hardpoint.cli.looking import found, shortened, store_of, whole
from hardpoint.cli.options import CONFIG, Config, Json, LimitOption, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.views import event_data, event_list, event_page
from hardpoint.store.driver import State

app = commands()

Identifier = Annotated[
    str, typer.Argument(metavar="ID", help="Our id, its beginning, or the vendor's.")
]
Identifiers = Annotated[
    list[str], typer.Argument(metavar="ID...", help="Our ids, their beginnings, or the vendor's.")
]
HandlerOption = Annotated[str | None, typer.Option(help="Only this handler.")]


@app.callback()
def events() -> None:
    """List, show, retry and replay events."""


@app.command("list")
def list_(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Only of this type, or matching this glob.")
    ] = None,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    limit: LimitOption = 50,
    before: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on after this id of ours.")
    ] = None,
    json: Json = False,
) -> int:
    """List events, the newest first."""
    terminal = terminal_of(context, json=json)
    with store_of(config) as store:
        listed = store.events(
            source=source,
            event_type=event_type,
            state=state,
            before=before and whole(store, before),
            limit=limit,
        )
        short = shortened(terminal, store, [one.id for one in listed])
    more = listed[-1].id if len(listed) == limit else None
    terminal.show(
        {"events": msgspec.to_builtins(listed), "before": more}, event_list(listed, short)
    )
    if more is not None:
        terminal.say(f"next:  add --before {more}")
    return Exit.OK


@app.command()
def show(
    context: typer.Context,
    identifier: Identifier,
    *,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Show everything about an event, its body included."""
    terminal = terminal_of(context, json=json)
    with store_of(config) as store:
        views = found(store, identifier)
    parts: list[str | Table] = []
    for view in views:
        parts += ["", *event_page(view)] if parts else event_page(view)
    terminal.show({"events": [event_data(view) for view in views]}, *parts)
    return Exit.OK


@app.command()
def retry(
    context: typer.Context,
    identifiers: Identifiers,
    *,
    config: Config = CONFIG,
    handler: HandlerOption = None,
    json: Json = False,
) -> int:
    """Have waiting jobs run now, and jobs that were given up run again.

    Of a job in needs_reconcile it says that you have looked: what cannot be found is done again.
    """
    change = ChangeOption(action="retry", handler=handler)
    return carry_out(terminal_of(context, json=json), config, identifiers, change)


@app.command()
def replay(
    context: typer.Context,
    identifiers: Identifiers,
    *,
    config: Config = CONFIG,
    handler: HandlerOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even where it was handled already.")
    ] = False,
    json: Json = False,
) -> int:
    """Have events handled anew, by one handler or by all that match now."""
    change = ChangeOption(action="replay", handler=handler, force=force)
    return carry_out(terminal_of(context, json=json), config, identifiers, change)
