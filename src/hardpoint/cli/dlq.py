"""`hardpoint dlq`: what was given up."""

import msgspec
import typer

from hardpoint.cli.failures import Exit
from hardpoint.cli.looking import shortened, store_of
from hardpoint.cli.options import CONFIG, Config, Json, LimitOption, commands, terminal_of
from hardpoint.cli.views import dead_list
from hardpoint.store.driver import Outcome

app = commands()


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
    if any(one.reason == Outcome.NEEDS_RECONCILE for one in letters):
        terminal.say(
            "needs_reconcile: it may have happened. See its calls with hardpoint events show ID"
            " and look at the provider first; to retry says that you have. Where it has happened:"
            " hardpoint events resolve ID --note TEXT"
        )
    if letters:
        terminal.say("next:  hardpoint events retry ID")
    return Exit.OK
