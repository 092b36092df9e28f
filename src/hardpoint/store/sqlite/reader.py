"""Looking at a store without touching it: from the dashboard, the command line, beside a server."""

import os
import sqlite3
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.traces import Place
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.driver import Outcome
from hardpoint.store.keys import key_prefix, storable
from hardpoint.store.sqlite.files import interrupted, refuse_misfit, refuse_unlike
from hardpoint.store.sqlite.schema import version_of
from hardpoint.store.statements import statements
from hardpoint.store.views import (
    AttemptView,
    Before,
    CallView,
    DeadLetter,
    EventSummary,
    EventView,
    FailingJob,
    JobView,
    RefusedRun,
    State,
    StoreFinding,
    place_of,
)

_SQL = statements("reader")
SHORT_MIN: Final = 8
"""Characters of an id: the time, to the minute."""
_STEPS = 1_000
_CALLS_SINCE = 2
"""The schema that has calls; a server of a version before may have the file still."""
_PLACES_SINCE = 3
_PLACELESS = {
    name: text.replace("a.place", "null").replace("d.place", "null") for name, text in _SQL.items()
}
_headers = msgspec.json.Decoder(dict[str, str])


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
        self._connection.row_factory = sqlite3.Row
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
        with self._look() as connection:
            return [_summary(row) for row in connection.execute(self._sql["listing"], wanted)]

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
            views = (
                _views(connection, each, self._sql, calls=self.version >= _CALLS_SINCE)
                for each in sorted(found, reverse=True)
            )
            return [view for some in views for view in some]

    def beginning(self, prefix: str, *, limit: int) -> Sequence[str]:
        """Our ids that begin so, the oldest first."""
        with self._look() as connection:
            rows = connection.execute(self._sql["beginning"], {"prefix": prefix, "limit": limit})
            return [row["id"] for row in rows]

    def short_ids(self, ids: Iterable[str]) -> Mapping[str, str]:
        """For each id of ours the shortest beginning that no other event's id has now."""
        short: dict[str, str] = {}
        with self._look() as connection:
            for one in ids:
                neighbours = connection.execute(self._sql["neighbours"], {"id": one}).fetchone()
                shared = max(_shared(one, each or "") for each in neighbours)
                enough = max(SHORT_MIN, shared + 1)
                short[one] = one[: enough + one[:enough].endswith("-")]
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
        with self._look() as connection:
            return [_dead(row) for row in connection.execute(self._sql["dead_letters"], wanted)]

    def failing(
        self, *, before: Before | None = None, limit: int = 50, each: bool = True
    ) -> Sequence[FailingJob]:
        """Jobs that fail and are tried again, the last to fail first; see `StoreReader`."""
        wanted = {"each": each, "limit": limit, **place_of(before)}
        with self._look() as connection:
            return [_failing(row) for row in connection.execute(self._sql["failing"], wanted)]

    def counts(self) -> dict[str, int]:
        """How many events there are in each `State`, and `total`."""
        with self._look() as connection:
            row = connection.execute(self._sql["counts"]).fetchone()
        total, pending, gone, parked, quarantined, skipped, resolved = row
        return {
            "pending": pending,
            "done": total - pending - gone - quarantined - skipped - resolved,
            "resolved": resolved,
            "skipped": skipped,
            "dead": gone - parked,
            "needs_reconcile": parked,
            "quarantined": quarantined,
            "total": total,
        }

    def refusals(self) -> dict[str, dict[str, int]]:
        """Requests refused, by source and reason."""
        found: dict[str, dict[str, int]] = {}
        with self._look() as connection:
            for source, reason, count in connection.execute(self._sql["refusals"]):
                found.setdefault(source, {})[reason] = count
        return found

    def refused(self, *, since: float = 0.0) -> Sequence[RefusedRun]:
        """Requests refused since then, in runs, the latest first; repeats were acknowledged."""
        with self._look() as connection:
            rows = connection.execute(self._sql["refused"], (int(since) // 60,)).fetchall()
        return [
            RefusedRun(
                source=source,
                reason=reason,
                count=count,
                first_at=first * 60.0,
                last_at=last * 60.0,
            )
            for source, reason, count, first, last in rows
        ]

    def findings(self) -> Sequence[StoreFinding]:
        """See `StoreReader`: a file has nothing of its own to tell."""
        return ()

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._connection.close()

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


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _summary(row: Any) -> EventSummary:
    return EventSummary(
        id=row["id"],
        source=row["source"],
        vendor_id=row["vendor_id"],
        type=row["type"],
        account=row["account"],
        received_at=row["received_at"],
        correlation_id=row["correlation_id"],
        state=State(row["state"]),
        attempts=row["attempts"],
        quarantine=row["quarantine"],
    )


def _views(
    connection: sqlite3.Connection, identifier: str, sql: Mapping[str, str], *, calls: bool
) -> Iterator[EventView]:
    def rows(name: str) -> list[Any]:
        return connection.execute(sql[name], (identifier,)).fetchall()

    for row in rows("event"):
        yield EventView(
            summary=_summary(row),
            headers={} if row["headers"] is None else _headers.decode(row["headers"]),
            body=row["body"],
            body_bytes=row["body_bytes"],
            body_sha256=row["body_sha256"].hex(),
            signed_at=row["signed_at"],
            jobs=tuple(_job(job) for job in rows("jobs")),
            attempts=tuple(_attempt(attempt) for attempt in rows("attempts")),
            dead=tuple(_dead(letter) for letter in rows("dead_letters_of")),
            calls=tuple(_call(call) for call in rows("calls")) if calls else (),
        )


def _job(row: Any) -> JobView:
    handler, run_at, running, failures, crashes = row
    return JobView(
        handler=handler, run_at=run_at, running=bool(running), failures=failures, crashes=crashes
    )


def _attempt(row: Any) -> AttemptView:
    handler, number, started_at, ended_at, outcome, error, place = row
    return AttemptView(
        handler=handler,
        number=number,
        started_at=started_at,
        ended_at=ended_at,
        outcome=Outcome(outcome),
        error=error,
        place=Place.read(place),
    )


def _call(row: Any) -> CallView:
    handler, scope, key, started_at, ended_at, subject = row
    return CallView(
        handler=handler,
        scope=scope,
        key=key,
        started_at=started_at,
        ended_at=ended_at,
        subject=subject,
    )


def _failing(row: Any) -> FailingJob:
    event, source, vendor_id, type_, handler, failures, failed_at, next_at, *rest, place = row
    error, jobs = rest
    return FailingJob(
        event=event,
        source=source,
        vendor_id=vendor_id,
        type=type_,
        handler=handler,
        failures=failures,
        failed_at=failed_at,
        next_at=next_at,
        error=error,
        place=Place.read(place),
        jobs=jobs,
    )


def _dead(row: Any) -> DeadLetter:
    event, source, vendor_id, type_, handler, at, reason, failures, error, place = row
    return DeadLetter(
        event=event,
        source=source,
        vendor_id=vendor_id,
        type=type_,
        handler=handler,
        at=at,
        reason=reason,
        failures=failures,
        error=error,
        place=Place.read(place),
    )
