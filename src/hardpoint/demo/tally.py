"""Counts what the database holds, in a process of its own: `python -m hardpoint.demo.tally FILE`.

Reads the ids of acknowledged events from standard input, a line each, and prints JSON.
"""

import json
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from hardpoint.store.driver import Outcome, State
from hardpoint.store.sqlite import SqliteReader

_FINISHED = {State.DONE, State.SKIPPED, State.QUARANTINED}


def tally(path: str, acknowledged: Sequence[str]) -> dict[str, Any]:
    """What there is: events by state, counters, retries, orders, and what was lost."""
    with closing(SqliteReader(path)) as reader:
        views = [view for identifier in acknowledged for view in reader.event(identifier)]
        present = {view.summary.vendor_id for view in views if view.summary.state in _FINISHED}
        counters = reader.refusals()
        retried = sum(
            any(attempt.outcome is Outcome.FAILED for attempt in view.attempts) for view in views
        )
        states = reader.counts()
    return {
        "accepted": states["total"] - states.get(State.QUARANTINED, 0),
        "quarantined": states.get(State.QUARANTINED, 0),
        "dead": states.get(State.DEAD, 0),
        "counters": counters,
        "retried": retried,
        "orders": _orders(path),
        "lost": len(set(acknowledged) - present),
    }


def _orders(path: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        exists = connection.execute("select 1 from sqlite_master where name = 'orders'").fetchone()
        if exists is None:
            return []
        return [dict(row) for row in connection.execute("select * from orders order by id")]


def main() -> None:
    """Print the tally of the file named on the command line."""
    acknowledged = sys.stdin.read().split()
    print(json.dumps(tally(sys.argv[1], acknowledged)))  # noqa: T201 - that is its output


if __name__ == "__main__":
    main()
