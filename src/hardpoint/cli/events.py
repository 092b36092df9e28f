"""`hardpoint events`: what came in, what became of it, and having it handled again, or closed."""

from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.changes import ChangeOption, carry_out
from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.looking import found, shortened, store_of, whole
from hardpoint.cli.options import (
    CONFIG,
    BeforeFilter,
    Config,
    DryRunOption,
    ForceOption,
    HandlerOption,
    Identifiers,
    Json,
    LimitOption,
    ManyOption,
    SinceFilter,
    SourceFilter,
    StateFilter,
    TypeFilter,
    commands,
    terminal_of,
)
from hardpoint.cli.selection import EventSearch, noted, place, place_text, since_when
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.cli.views import (
    event_data,
    event_list,
    event_page,
    failing_list,
    job_data,
    plain_data,
)

app = commands()

Identifier = Annotated[
    str, typer.Argument(metavar="ID", help="Our id, the start of it, or the vendor's id.")
]


@app.callback()
def events() -> None:
    """List, show, retry, replay and resolve events."""


@app.command("list")
def list_(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    source: SourceFilter = None,
    event_type: TypeFilter = None,
    state: StateFilter = None,
    since: SinceFilter = None,
    failing: Annotated[
        bool, typer.Option("--failing", help="Jobs that have failed and will be tried again.")
    ] = False,
    limit: LimitOption = 50,
    before: BeforeFilter = None,
    json: Json = False,
) -> int:
    """List events, the newest first."""
    terminal = terminal_of(context, json=json)
    if failing:
        if (source, event_type, state, since) != (None, None, None, None):
            raise usage("--failing goes with --limit and --before", hint="leave the others out")
        return _list_failing(terminal, config, before, limit)
    with store_of(config) as store:
        listed = store.events(
            source=source,
            event_type=event_type,
            state=state,
            since=since_when(since, terminal.clock.now()),
            before=before and whole(store, before),
            limit=limit,
        )
        short = shortened(terminal, store, [one.id for one in listed])
    more = listed[-1].id if len(listed) == limit else None
    terminal.show({"events": plain_data(listed), "before": more}, event_list(listed, short))
    if more is not None:
        terminal.say(f"next:  add --before {more}")
    return Exit.OK


def _list_failing(terminal: Terminal, config: Path, before: str | None, limit: int) -> int:
    with store_of(config) as store:
        jobs = store.failing(before=place(before), limit=limit)
        short = shortened(terminal, store, [one.event for one in jobs])
    more = None
    if len(jobs) == limit:
        more = place_text((jobs[-1].failed_at, jobs[-1].event, jobs[-1].handler))
    terminal.show({"failing": job_data(jobs), "before": more}, failing_list(jobs, short))
    if jobs:
        first = short.get(jobs[0].event, jobs[0].event)
        terminal.say(
            "Mended? They are tried again by themselves, or now: hardpoint events retry"
            f" {first}\nNever to succeed? Close it: hardpoint events resolve {first}"
            f" --handler {jobs[0].handler} --note TEXT\nnext:  hardpoint events show {first}"
        )
    if more is not None:
        terminal.say(f"or:    add --before {more}")
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
    identifiers: Identifiers = None,
    *,
    config: Config = CONFIG,
    handler: HandlerOption = None,
    source: SourceFilter = None,
    event_type: TypeFilter = None,
    state: StateFilter = None,
    since: SinceFilter = None,
    before: BeforeFilter = None,
    limit: ManyOption = None,
    dry_run: DryRunOption = False,
    json: Json = False,
) -> int:
    """Run waiting jobs now, and dead letters again.

    Name events, or say which ones by options: dead ones then, unless --state says otherwise. For a
    job in needs_reconcile it means that you have looked at the provider: a call that cannot be
    found there is made again.
    """
    change = ChangeOption(action="retry", handler=handler, dry_run=dry_run)
    search = EventSearch(
        source=source, event_type=event_type, state=state, since=since, before=before, limit=limit
    )
    return carry_out(terminal_of(context, json=json), config, identifiers, search, change)


@app.command()
def replay(
    context: typer.Context,
    identifiers: Identifiers = None,
    *,
    config: Config = CONFIG,
    handler: HandlerOption = None,
    force: ForceOption = False,
    source: SourceFilter = None,
    event_type: TypeFilter = None,
    state: StateFilter = None,
    since: SinceFilter = None,
    before: BeforeFilter = None,
    limit: ManyOption = None,
    dry_run: DryRunOption = False,
    json: Json = False,
) -> int:
    """Handle events again, by one handler or by all that match now.

    Name events, or say which ones by options. One that cannot be replayed is passed over then.
    """
    change = ChangeOption(action="replay", handler=handler, force=force, dry_run=dry_run)
    search = EventSearch(
        source=source, event_type=event_type, state=state, since=since, before=before, limit=limit
    )
    return carry_out(terminal_of(context, json=json), config, identifiers, search, change)


@app.command()
def resolve(
    context: typer.Context,
    identifiers: Identifiers = None,
    *,
    note: Annotated[str, typer.Option(help="What you found or did, for the record.")],
    config: Config = CONFIG,
    handler: HandlerOption = None,
    source: SourceFilter = None,
    event_type: TypeFilter = None,
    state: StateFilter = None,
    since: SinceFilter = None,
    before: BeforeFilter = None,
    limit: ManyOption = None,
    dry_run: DryRunOption = False,
    json: Json = False,
) -> int:
    """Close dead, parked or waiting jobs without running them.

    Name events, or say which ones by options: dead ones then, unless --state says otherwise.
    """
    change = ChangeOption(action="resolve", handler=handler, note=noted(note), dry_run=dry_run)
    search = EventSearch(
        source=source, event_type=event_type, state=state, since=since, before=before, limit=limit
    )
    return carry_out(terminal_of(context, json=json), config, identifiers, search, change)
