"""Looking at a store without touching it: from the dashboard, the command line, beside a server."""

import re
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast, final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.keys import storable
from hardpoint.store.postgres.checks import findings
from hardpoint.store.postgres.schema import FACTS, TABLES, refuse_unfinished, version_of
from hardpoint.store.retention import Retention
from hardpoint.store.rows import (
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
from hardpoint.store.statements import statements
from hardpoint.store.views import (
    AuditRecord,
    Before,
    DeadCause,
    DeadLetter,
    EventSummary,
    EventView,
    FailingJob,
    NoStoreYetError,
    RefusedRun,
    SourceTraffic,
    State,
    StoreFinding,
    place_of,
)

_SQL = statements("reader", "hardpoint.store.postgres")


@final
class PostgresReader:
    """A `StoreReader` on a PostgreSQL store, in read-only transactions. Any thread may use it.

    Args:
        url: of the database.
        seconds: how long one look may take, and how long it may take to connect.
        clock: of this machine, to compare with the database's.
        retention: as the store has it, to see whether it holds.
        write_role: that the application's writes run as, to be looked at; None: the store's.

    Raises:
        NoStoreYetError: there is no store there yet.
        StoreUnavailableError: it cannot be reached.
        StoreCorruptError: not a store of ours, or of a newer version.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float = 5.0,
        clock: Clock | None = None,
        retention: Retention | None = None,
        write_role: str | None = None,
    ) -> None:
        self._retention = retention
        self._clock: Clock = clock or SystemClock()
        self._write_role = write_role
        self._seconds = seconds
        self._lock = threading.Lock()
        try:
            self._connection: Any = psycopg.connect(
                url,
                autocommit=True,
                row_factory=cast(Any, dict_row),
                connect_timeout=max(2, int(seconds)),
                options=f"-c statement_timeout={int(seconds * 1000)}",
            )
        except psycopg.Error as error:
            raise StoreUnavailableError(f"the database cannot be reached: {error}") from error
        try:
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def _check(self) -> None:
        with self._look() as connection:
            known: dict[str, bool] = connection.execute(TABLES).fetchone()
            rows: list[dict[str, str]] = (
                connection.execute(FACTS).fetchall() if known["ours"] else []
            )
        facts = {row["name"]: row["value"] for row in rows}
        version = version_of(facts, **known)
        refuse_unfinished(facts)
        if version == 0:
            raise NoStoreYetError("the database holds no store: no server has made it yet")

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
            "type": None if event_type is None else _pattern(event_type),
            "state": state,
            "since": since,
            "before": before,
            "limit": limit,
        }
        return [summary_of(row) for row in self._rows("listing", wanted)]

    def event(self, identifier: str) -> Sequence[EventView]:
        """The events with this id of ours, or this vendor's id (which several may share)."""
        wanted = {"id": _uuid_or_none(identifier), "vendor_id": storable(identifier)}
        with self._look() as connection:
            found = {row["id"] for row in connection.execute(_SQL["find"], wanted)}
            return [
                event_of(row, partial(_about, connection, each))
                for each in sorted(found, reverse=True)
                for row in _about(connection, each, "event")
            ]

    def beginning(self, prefix: str, *, limit: int) -> Sequence[str]:
        """Our ids that begin so, the oldest first."""
        first, last = (_uuid_or_none(prefix + rest[len(prefix) :]) for rest in _BOUNDS)
        if first is None:
            return []
        wanted = {"first": first, "last": last, "limit": limit}
        return [str(row["id"]) for row in self._rows("beginning", wanted)]

    def short_ids(self, ids: Iterable[str]) -> Mapping[str, str]:
        """For each id of ours the shortest beginning that no other event's id has now."""
        short: dict[str, str] = {}
        for one in ids:
            (row,) = self._rows("neighbours", {"id": one})
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
            "type": None if event_type is None else _pattern(event_type),
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
                connection.execute(_SQL[name], {"limit": limit}).fetchall()
                for name in ("backlog", "dead_of_sources", "arrivals")
            )
        return traffic_of(backlog, dead, arrivals)

    def refusals(self) -> dict[str, dict[str, int]]:
        """Requests refused, by source and reason."""
        return refusals_of(self._rows("refusals"))

    def refused(self, *, since: float = 0.0) -> Sequence[RefusedRun]:
        """Requests refused since then, in runs, the latest first; repeats were acknowledged."""
        return [refused_run(row) for row in self._rows("refused", {"minute": int(since) // 60})]

    def findings(self) -> Sequence[StoreFinding]:
        """What is well with the database, and what is not; see `checks`."""
        with self._look() as connection:
            told = findings(
                connection,
                self._clock,
                retention=self._retention,
                write_role=self._write_role,
            )
            return [*told]

    def close(self) -> None:
        """Let the connection go."""
        with self._lock:
            self._connection.close()

    def _rows(self, name: str, wanted: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        with self._look() as connection:
            return connection.execute(_SQL[name], wanted).fetchall()

    @contextmanager
    def _look(self) -> Generator[Any]:
        """One consistent view of the store, for as long as the block runs."""
        with self._lock:
            try:
                self._connection.execute("begin isolation level repeatable read read only")
                try:
                    yield self._connection
                finally:
                    self._connection.execute("rollback")
            except psycopg.errors.QueryCanceled as error:
                raise StoreUnavailableError(
                    f"the search took more than {self._seconds:g} s; narrow it"
                ) from error
            except psycopg.Error as error:
                raise StoreUnavailableError(f"the database cannot be read: {error}") from error


_BOUNDS = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
_GLOB = re.compile(r"(\*)|(\?)|\[([!^]?)(.[^]]*)\]|(.)", re.DOTALL)


def _pattern(glob: str) -> str:
    """A glob as a regular expression of PostgreSQL's."""

    def part(found: "re.Match[str]") -> str:
        star, mark, negated, several, plain = found.groups()
        if several:
            members = several.replace("\\", "\\\\").replace("[", "\\[")
            return f"[{'^' if negated else ''}{members}]"
        return ".*" if star else "." if mark else re.escape(plain)

    return f"^(?:{_GLOB.sub(part, storable(glob))})$"


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _about(connection: Any, event: UUID, name: str) -> list[dict[str, Any]]:
    return connection.execute(_SQL[name], {"id": event}).fetchall()
