"""`hardpoint dlq`: what was given up, and having it tried again, handled again, or closed."""

import typer

from hardpoint.cli.failures import Exit
from hardpoint.cli.looking import shortened, store_of
from hardpoint.cli.options import (
    CONFIG,
    BeforeFilter,
    Config,
    Json,
    LimitOption,
    Listing,
    SinceFilter,
    SourceFilter,
    TypeFilter,
    commands,
    terminal_of,
)
from hardpoint.cli.selection import place, place_text, since_when
from hardpoint.cli.verbs import Verbs
from hardpoint.cli.views import dead_list, job_data
from hardpoint.store.driver import Outcome

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


_verbs = Verbs(letters=True)

app.command(
    help="""Run dead letters again.

    Parked ones are among them only with --state needs_reconcile: look at the provider first.
    """
)(_verbs.retry)
app.command(help="Handle dead letters as if they had just come.")(_verbs.replay)
app.command("discard", help="Close dead letters without running them.")(_verbs.resolve)
