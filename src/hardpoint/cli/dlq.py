"""`hardpoint dlq`: what was given up."""

import msgspec
import typer

from hardpoint.cli.failures import Exit
from hardpoint.cli.looking import shortened, store_of
from hardpoint.cli.options import CONFIG, Config, Json, LimitOption, Listing, commands, terminal_of
from hardpoint.cli.views import dead_list
from hardpoint.store.driver import Outcome

app = commands(Listing)


@app.callback()
def dlq() -> None:
    """List the jobs that were given up."""


@app.command("list")
def list_(
    context: typer.Context, *, config: Config = CONFIG, limit: LimitOption = 50, json: Json = False
) -> int:
    """List dead letters, the newest first. Bring one back with `hardpoint events retry ID`."""
    terminal = terminal_of(context, json=json)
    with store_of(config) as store:
        letters = store.dead_letters(limit=limit)
        short = shortened(terminal, store, [one.event for one in letters])
    terminal.show({"dead_letters": msgspec.to_builtins(letters)}, dead_list(letters, short))
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
    return Exit.OK
