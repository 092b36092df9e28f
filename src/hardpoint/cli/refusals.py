"""`hardpoint refusals`: what was not let in, since when, and why."""

from typing import Annotated

import msgspec
import typer

from hardpoint.cli.failures import Exit
from hardpoint.cli.looking import store_of
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.views import minute
from hardpoint.webhooks.refusals import NEXT

app = commands()


@app.command()
def refusals(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    hours: Annotated[float, typer.Option(min=0, help="How many hours to look back.")] = 24.0,
    json: Json = False,
) -> int:
    """List refused requests by source and reason, the latest first.

    A wrong secret after a rotation shows as `signature_mismatch`. Refusals with no hour between
    them are one line. Times are whole minutes. The server writes its counters every second.
    """
    terminal = terminal_of(context, json=json)
    with store_of(config) as store:
        runs = store.refused(since=terminal.clock.now() - hours * 3600)
    rows = [
        (
            one.source,
            one.reason,
            str(one.count),
            minute(one.first_at),
            minute(one.last_at),
            NEXT.get(one.reason, "-"),
        )
        for one in runs
    ]
    heads = ("SOURCE", "REASON", "COUNT", "SINCE", "LAST", "NEXT")
    terminal.show({"refusals": msgspec.to_builtins(runs)}, Table(heads, rows))
    return Exit.OK
