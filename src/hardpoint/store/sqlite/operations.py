"""What operators do to stored events, each with its line in the audit; refusal counters."""

import sqlite3
from collections.abc import Sequence

import msgspec

from hardpoint.store.driver import Refusals
from hardpoint.store.sqlite.calls import CallRows
from hardpoint.store.sqlite.statements import statements

_SQL = statements("operations")


class Operations:
    """Acts on the writer's connection, inside its transaction."""

    def __init__(self, connection: sqlite3.Connection, calls: CallRows) -> None:
        self._connection = connection
        self._calls = calls

    def retry(self, event: str, handler: str | None, audit: tuple[str, str], now: float) -> int:
        """Revive dead jobs and hurry waiting ones; gives how many."""
        execute = self._connection.execute
        hurried = execute(_SQL["hurry"], (now, event, handler, now)).rowcount
        revived = execute(_SQL["revive"], (now, event, handler)).rowcount
        if revived:
            self._calls.clear(event, handler)
            execute(_SQL["unbury"], (event,))
        self._record("retry", event, handler, audit, now)
        return hurried + revived

    def replay(
        self, event: str, handlers: Sequence[str], force: bool, audit: tuple[str, str], now: float
    ) -> int:
        """Make new jobs for these handlers; gives how many."""
        execute = self._connection.execute
        names = msgspec.json.encode(handlers).decode()
        made = execute(_SQL["replay"], (now, names, event, force)).rowcount
        if made:
            execute(_SQL["unbury"], (event,))
            execute(_SQL["handled"], (made, event))
        self._record("replay", event, ", ".join(handlers), audit, now)
        return made

    def resolve(self, event: str, handler: str | None, audit: tuple[str, str], now: float) -> int:
        """Close dead letters: their jobs are done by someone's hand; gives how many."""
        execute = self._connection.execute
        note = f"resolved: {audit[1]}"
        execute(_SQL["resolved"], (now, now, note, event, handler))
        closed = execute(_SQL["resolve"], (event, handler)).rowcount
        self._record("resolve", event, handler, audit, now)
        return closed

    def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters."""
        self._connection.executemany(
            _SQL["refuse"], [(one.source, one.reason, one.minute, one.count) for one in counts]
        )

    def _record(
        self, action: str, event: str, handler: str | None, audit: tuple[str, str], now: float
    ) -> None:
        actor, reason = audit
        target = f"{event} {handler}" if handler else event
        self._connection.execute(_SQL["audit"], (now, actor, action, target, reason))
