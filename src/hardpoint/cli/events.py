"""`hardpoint events`: what came in, what became of it, and having it handled again, or closed."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from hardpoint.cli.changes import ChangeOption, carry_out
from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.looking import found, shortened, store_of, whole
from hardpoint.cli.options import CONFIG, Config, Json, LimitOption, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.cli.views import event_data, event_list, event_page, failing_list
from hardpoint.store.driver import NOTE_LENGTH_MAX
from hardpoint.store.views import State

app = commands()

Identifier = Annotated[
    str, typer.Argument(metavar="ID", help="Our id, the start of it, or the vendor's id.")
]
Identifiers = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="Our ids, the starts of them, or the vendor's ids."),
]
HandlerOption = Annotated[str | None, typer.Option(help="Only this handler.")]


@app.callback()
def events() -> None:
    """List, show, retry, replay and resolve events."""


@app.command("list")
def list_(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    source: Annotated[str | None, typer.Option(help="Only events of this source.")] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Only events of this type, or glob of types.")
    ] = None,
    state: Annotated[State | None, typer.Option(help="Only events in this state.")] = None,
    failing: Annotated[
        bool, typer.Option("--failing", help="Jobs that have failed and will be tried again.")
    ] = False,
    limit: LimitOption = 50,
    before: Annotated[
        str | None, typer.Option(metavar="ID", help="Only events older than this one of our ids.")
    ] = None,
    json: Json = False,
) -> int:
    """List events, the newest first."""
    terminal = terminal_of(context, json=json)
    if failing:
        if (source, event_type, state, before) != (None, None, None, None):
            raise usage("--failing goes with --limit alone", hint="leave the others out")
        return _list_failing(terminal, config, limit)
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


def _list_failing(terminal: Terminal, config: Path, limit: int) -> int:
    with store_of(config) as store:
        jobs = store.failing(limit=limit)
        short = shortened(terminal, store, [one.event for one in jobs])
    terminal.show({"failing": msgspec.to_builtins(jobs)}, failing_list(jobs, short))
    if jobs:
        first = short.get(jobs[0].event, jobs[0].event)
        terminal.say(
            "Mended? They are tried again by themselves, or now: hardpoint events retry"
            f" {first}\nNever to succeed? Close it: hardpoint events resolve {first}"
            f" --handler {jobs[0].handler} --note TEXT\nnext:  hardpoint events show {first}"
        )
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
    """Run waiting jobs now, and dead letters again.

    For a job in needs_reconcile it means that you have looked at the provider: a call that
    cannot be found there is made again.
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
        bool, typer.Option("--force", help="Also where it was handled successfully before.")
    ] = False,
    json: Json = False,
) -> int:
    """Handle events again, by one handler or by all that match now."""
    change = ChangeOption(action="replay", handler=handler, force=force)
    return carry_out(terminal_of(context, json=json), config, identifiers, change)


@app.command()
def resolve(
    context: typer.Context,
    identifiers: Identifiers,
    *,
    note: Annotated[str, typer.Option(help="What you found or did, for the record.")],
    config: Config = CONFIG,
    handler: HandlerOption = None,
    json: Json = False,
) -> int:
    """Close dead, parked or waiting jobs without running them."""
    if not 0 < len(note.strip()) <= NOTE_LENGTH_MAX:
        raise usage(f"--note takes 1 to {NOTE_LENGTH_MAX} characters")
    change = ChangeOption(action="resolve", handler=handler, note=note.strip())
    return carry_out(terminal_of(context, json=json), config, identifiers, change)
