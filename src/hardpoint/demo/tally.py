"""Counts what database and vendors hold, in a process of its own: `python -m hardpoint.demo.tally`.

Reads from standard input, as JSON, the database's path, the ids of acknowledged events and the
addresses of the vendors' ledgers; prints JSON.
"""

import json
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run
from hardpoint.store.driver import Outcome
from hardpoint.store.opening import engine
from hardpoint.store.views import State


def tally(database: str, acknowledged: Sequence[str], ledgers: Mapping[str, str]) -> dict[str, Any]:
    """What there is: events by state, counters, retries, orders, what vendors did, what was lost.

    Args:
        database: the shop's.
        acknowledged: ids that vendors gave to events which were answered with 2xx.
        ledgers: by a vendor's name, where its ledger is read.
    """
    with closing(engine(f"sqlite:{database}").reader()) as reader:
        views = [view for identifier in acknowledged for view in reader.event(identifier)]
        present = {view.summary.vendor_id for view in views}
        finished = all(view.summary.state is not State.PENDING for view in views)
        counters = reader.refusals()
        retried = sum(
            any(attempt.outcome is Outcome.FAILED for attempt in view.attempts) for view in views
        )
        states = reader.counts()
    return {
        "states": states,
        "finished": finished,
        "counters": counters,
        "retried": retried,
        "orders": _orders(database),
        "vendors": _fetched(ledgers),
        "lost": len(set(acknowledged) - present),
    }


def _fetched(ledgers: Mapping[str, str]) -> dict[str, Any]:
    with BlockingTransport() as transport:
        asked = {name: Request(method="GET", url=url) for name, url in ledgers.items()}
        return {name: json.loads(run(transport.send(one)).body) for name, one in asked.items()}


def _orders(database: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("select * from orders order by id")]


def main() -> None:
    """Print the tally of what standard input names."""
    print(json.dumps(tally(**json.load(sys.stdin))))  # noqa: T201 - that is its output


if __name__ == "__main__":
    main()
