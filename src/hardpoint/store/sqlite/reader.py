"""Looking at a store without touching it: from the dashboard, the command line, beside a server."""

import os
import sqlite3
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.keys import key_prefix, storable
from hardpoint.store.rows import (
    ReaderRow,
    audit_record,
    counts_of,
    dead_cause,
    dead_letter,
    event_of,
    failing_job,
    of_cause,
    refusals_of,
    refused_run,
    short_id,
    summary_of,
    traffic_of,
)
from hardpoint.store.sqlite.files import interrupted, refuse_misfit, refuse_unlike
from hardpoint.store.sqlite.schema import version_of
from hardpoint.store.statements import statements
from hardpoint.store.views import (
    AuditRecord,
    Before,
    DeadCause,
    DeadLetter,
    EventSummary,
    EventView,
    FailingJob,
    RefusedRun,
    SourceTraffic,
    State,
    StoreFinding,
    place_of,
)

_SQL = statements("reader")
_STEPS = 1_000
_CALLS_SINCE = 2
"""The schema that has calls; a server of a version before may have the file still."""
_PLACES_SINCE = 3
_PLACELESS = {
    name: text.replace("a.place", "null as place").replace("d.place", "null as place")
    for name, text in _SQL.items()
}


class SqliteReader:
    """A `StoreReader` on a SQLite store's file, opened read-only. Any thread may use it.

    Args:
        path: the database.
        clock: where time comes from.
        seconds: how long one look may take: a reader that stays keeps the log from being reused.

    Attributes:
        version: of the tables.

    Raises:
        StoreUnavailableError: there is no store there yet, or it cannot be opened.
        StoreCorruptError: not a store of ours, or of a newer version.
    """

    def __init__(
        self, path: str | Path, *, clock: Clock | None = None, seconds: float = 5.0
    ) -> None:
        self._path = Path(path).resolve()
        self._clock: Clock = clock or SystemClock()
        self._seconds = seconds
        self._until = 0.0
        self._lock = threading.Lock()
        if not self._path.is_file():
            raise StoreUnavailableError(f"{self._path} does not exist: no server has made it yet")
        refuse_misfit(self._path)
        self._connection = self._connected()
        try:
            self.version = self._checked()
        except BaseException:
            self._connection.close()
            raise
        self._sql = _SQL if self.version >= _PLACES_SINCE else _PLACELESS
        self._connection.row_factory = _named
        self._connection.set_progress_handler(self._overdue, _STEPS)

    def _connected(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(
                f"file:{quote(os.fsencode(self._path))}?mode=ro",
                uri=True,
                isolation_level=None,
                timeout=2.0,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise refuse_unlike(error, self._path) from error

    def _checked(self) -> int:
        try:
            version = version_of(self._connection, self._path)
        except sqlite3.Error as error:
            raise refuse_unlike(error, self._path) from error
        if version == 0:
            raise StoreUnavailableError(f"{self._path} holds no store: no server has made it yet")
        return version

    def events(
        self,
        *,
        source: str | None = None,
        event_type: str | None = None,
        state: State | None = None,
        since: float | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[EventSummary]:
        """The newest first; `before` is the id to go on from; `event_type` may be a glob."""
        wanted = {
            "source": source,
            "type": event_type,
            "state": state,
            "since": since,
            "before": before,
            "limit": limit,
        }
        return [summary_of(row) for row in self._rows("listing", wanted)]

    def event(self, identifier: str) -> Sequence[EventView]:
        """The events with this id of ours, or this vendor's id (which several may share)."""
        identifier = storable(identifier)
        wanted = {
            "identifier": identifier,
            "covered": key_prefix(identifier, asserted=False),
            "asserted": key_prefix(identifier, asserted=True),
        }
        with self._look() as connection:
            found = {row["id"] for row in connection.execute(self._sql["find"], wanted)}
            return [
                event_of(row, partial(self._about, connection, each))
                for each in sorted(found, reverse=True)
                for row in self._about(connection, each, "event")
            ]

    def _about(self, connection: sqlite3.Connection, event: str, name: str) -> list[ReaderRow]:
        if name == "calls" and self.version < _CALLS_SINCE:
            return []
        return connection.execute(self._sql[name], (event,)).fetchall()

    def beginning(self, prefix: str, *, limit: int) -> Sequence[str]:
        """Our ids that begin so, the oldest first."""
        rows = self._rows("beginning", {"prefix": prefix, "limit": limit})
        return [row["id"] for row in rows]

    def short_ids(self, ids: Iterable[str]) -> Mapping[str, str]:
        """For each id of ours the shortest beginning that no other event's id has now."""
        short: dict[str, str] = {}
        with self._look() as connection:
            for one in ids:
                row = connection.execute(self._sql["neighbours"], {"id": one}).fetchone()
                short[one] = short_id(one, row)
        return short

    def dead_letters(
        self,
        *,
        source: str | None = None,
        event_type: str | None = None,
        since: float | None = None,
        before: Before | None = None,
        limit: int = 50,
    ) -> Sequence[DeadLetter]:
        """The last to be given up first; see `StoreReader`."""
        wanted = {
            "source": source,
            "type": event_type,
            "since": since,
            **place_of(before),
            "limit": limit,
        }
        return [dead_letter(row) for row in self._rows("dead_letters", wanted)]

    def causes(self, *, since: float | None = None, limit: int = 100) -> Sequence[DeadCause]:
        """Dead letters by their cause, the last to grow first."""
        rows = self._rows("causes", {"since": since, "limit": limit})
        return [dead_cause(row) for row in rows]

    def letters_of(
        self, cause: DeadCause, *, before: Before | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        """Those of one cause, the last to be given up first."""
        wanted = {
            **of_cause(cause),
            **{f"before_{name}": one for name, one in place_of(before).items()},
            "limit": limit,
        }
        return [dead_letter(row) for row in self._rows("letters_of", wanted)]

    def audit(self, *, before: int | None = None, limit: int = 50) -> Sequence[AuditRecord]:
        """What operators did, the last first; `before` is the id to go on from."""
        rows = self._rows("audit", {"before": before, "limit": limit})
        return [audit_record(row) for row in rows]

    def failing(
        self, *, before: Before | None = None, limit: int = 50, each: bool = True
    ) -> Sequence[FailingJob]:
        """Jobs that fail and are tried again, the last to fail first; see `StoreReader`."""
        wanted = {"each": each, "limit": limit, **place_of(before)}
        return [failing_job(row) for row in self._rows("failing", wanted)]

    def counts(self) -> dict[str, int]:
        """How many events there are in each `State`, and `total`."""
        (row,) = self._rows("counts")
        return counts_of(row)

    def traffic(self, *, limit: int) -> Sequence[SourceTraffic]:
        """What each source has going on; see `StoreReader`."""
        with self._look() as connection:
            backlog, dead, arrivals = (
                connection.execute(self._sql[name], wanted).fetchall()
                for name, wanted in (
                    ("backlog", {}),
                    ("dead_of_sources", {}),
                    ("arrivals", {"limit": limit}),
                )
            )
        return traffic_of(backlog, dead, arrivals)

    def refusals(self) -> dict[str, dict[str, int]]:
        """Requests refused, by source and reason."""
        return refusals_of(self._rows("refusals"))

    def refused(self, *, since: float = 0.0) -> Sequence[RefusedRun]:
        """Requests refused since then, in runs, the latest first; repeats were acknowledged."""
        return [refused_run(row) for row in self._rows("refused", (int(since) // 60,))]

    def findings(self) -> Sequence[StoreFinding]:
        """See `StoreReader`: a file has nothing of its own to tell."""
        return ()

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._connection.close()

    def _rows(self, name: str, wanted: Mapping[str, Any] | tuple[Any, ...] = ()) -> list[ReaderRow]:
        with self._look() as connection:
            return connection.execute(self._sql[name], wanted).fetchall()

    @contextmanager
    def _look(self) -> Generator[sqlite3.Connection]:
        """One consistent view of the store, for as long as the block runs."""
        with self._lock:
            self._until = self._clock.monotonic() + self._seconds
            try:
                self._connection.execute("begin")
                try:
                    yield self._connection
                finally:
                    self._connection.execute("rollback")
            except sqlite3.Error as error:
                if interrupted(error):
                    raise StoreUnavailableError(
                        f"{self._path}: the search took more than {self._seconds:g} s; narrow it"
                    ) from error
                raise refuse_unlike(error, self._path) from error

    def _overdue(self) -> bool:
        return self._clock.monotonic() > self._until


def _named(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> ReaderRow:
    names = (column[0] for column in cursor.description)
    return dict(zip(names, row, strict=True))
