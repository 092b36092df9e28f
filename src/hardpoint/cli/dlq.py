"""`hardpoint dlq`: what was given up, and having it tried again, handled again, or closed."""

from typing import Annotated

import typer

from hardpoint.cli.changes import ChangeOption, carry_out
from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.looking import shortened, store_of
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
    Listing,
    ManyOption,
    SinceFilter,
    SourceFilter,
    StateFilter,
    TypeFilter,
    commands,
    terminal_of,
)
from hardpoint.cli.selection import EventSearch, noted, place, place_text, since_when
from hardpoint.cli.views import dead_list, job_data
from hardpoint.store.driver import Outcome
from hardpoint.store.views import State

app = commands(Listing)


@app.callback()
def dlq() -> None:
    """List, retry, replay and discard the jobs that were given up."""


@app.command("list")
def list_(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    source: SourceFilter = None,
    event_type: TypeFilter = None,
    since: SinceFilter = None,
    limit: LimitOption = 50,
    before: BeforeFilter = None,
    json: Json = False,
) -> int:
    """List dead letters, the newest first. Bring one back with `hardpoint events retry ID`."""
    terminal = terminal_of(context, json=json)
    with store_of(config) as store:
        letters = store.dead_letters(
            source=source,
            event_type=event_type,
            since=since_when(since, terminal.clock.now()),
            before=place(before),
            limit=limit,
        )
        short = shortened(terminal, store, [one.event for one in letters])
    more = None
    if len(letters) == limit:
        more = place_text((letters[-1].at, letters[-1].event, letters[-1].handler))
    data = {"dead_letters": job_data(letters), "before": more}
    terminal.show(data, dead_list(letters, short))
    parked = [one.event for one in letters if one.reason == Outcome.NEEDS_RECONCILE]
    if parked:
        its = short.get(parked[0], parked[0])
        terminal.say(
            f"needs_reconcile: it may have happened. See its calls with hardpoint events show {its}"
            " and look at the provider first; to retry says that you have. Where it has happened:"
            f" hardpoint events resolve {its} --note TEXT"
        )
    if letters:
        first = letters[0].event
        terminal.say(f"next:  hardpoint events retry {short.get(first, first)}")
    if more is not None:
        terminal.say(f"or:    add --before {more}")
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
    """Run dead letters again.

    Parked ones are among them only with --state needs_reconcile: look at the provider first.
    """
    change = ChangeOption(action="retry", handler=handler, letters=True, dry_run=dry_run)
    search = EventSearch(
        source=source, event_type=event_type, state=state, since=since, before=before, limit=limit
    )
    return carry_out(terminal_of(context, json=json), config, identifiers, _dead(search), change)


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
    """Handle dead letters as if they had just come."""
    change = ChangeOption(
        action="replay", handler=handler, force=force, letters=True, dry_run=dry_run
    )
    search = EventSearch(
        source=source, event_type=event_type, state=state, since=since, before=before, limit=limit
    )
    return carry_out(terminal_of(context, json=json), config, identifiers, _dead(search), change)


@app.command()
def discard(
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
    """Close dead letters without running them."""
    change = ChangeOption(
        action="resolve", handler=handler, note=noted(note), letters=True, dry_run=dry_run
    )
    search = EventSearch(
        source=source, event_type=event_type, state=state, since=since, before=before, limit=limit
    )
    return carry_out(terminal_of(context, json=json), config, identifiers, _dead(search), change)


def _dead(search: EventSearch) -> EventSearch:
    if search.state not in {None, State.DEAD, State.NEEDS_RECONCILE}:
        raise usage("dead letters are dead, or needs_reconcile", hint="see hardpoint events --help")
    return search
