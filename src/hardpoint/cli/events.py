"""`hardpoint events`: what came in, what became of it, and having it handled again, or closed."""

from pathlib import Path
from typing import Annotated

import typer

from hardpoint.cli.exports import register
from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.looking import found, shortened, store_of, whole
from hardpoint.cli.options import (
    CONFIG,
    BeforeFilter,
    Config,
    Json,
    LimitOption,
    SinceFilter,
    SourceFilter,
    StateFilter,
    TypeFilter,
    commands,
    terminal_of,
)
from hardpoint.cli.selection import place, place_text, since_when
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.cli.verbs import Verbs
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
    """List, show, compare, export, retry, replay and resolve events."""


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


register(app)

_verbs = Verbs(letters=False)

app.command(
    help="""Run waiting jobs now, and dead letters again.

    Name events, or say which ones by options: dead ones then, unless --state says otherwise. For a
    job in needs_reconcile it means that you have looked at the provider: a call that cannot be
    found there is made again.
    """
)(_verbs.retry)
app.command(
    help="""Handle events again, by one handler or by all that match now.

    Name events, or say which ones by options. One that cannot be replayed is passed over then.
    """
)(_verbs.replay)
app.command(
    help="""Close dead, parked or waiting jobs without running them.

    Name events, or say which ones by options: dead ones then, unless --state says otherwise.
    """
)(_verbs.resolve)
