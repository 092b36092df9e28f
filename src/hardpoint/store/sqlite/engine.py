"""What the writer thread does: groups, each in one transaction, and house-keeping between them."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.complaints import Complaints
from hardpoint.store.driver import Accepted, NewEvent
from hardpoint.store.events import BatchCommitted, StoreBroken
from hardpoint.store.retention import Retention
from hardpoint.store.sqlite.accepts import Accepts
from hardpoint.store.sqlite.calls import CallRows, Moment
from hardpoint.store.sqlite.completions import Completions
from hardpoint.store.sqlite.database import Checkpoints, Database
from hardpoint.store.sqlite.files import refuse_unlike
from hardpoint.store.sqlite.gate import Gate
from hardpoint.store.sqlite.guard import FileGuard
from hardpoint.store.sqlite.jobs import Jobs, Operations
from hardpoint.store.sqlite.limits import StatementLimits
from hardpoint.store.sqlite.retention import Sweep
from hardpoint.store.sqlite.schema import VERSION, migrate, next_boot, version_of
from hardpoint.store.sqlite.sessions import LiveSession
from hardpoint.store.sqlite.transaction import UserWrites

StoreRequest = Callable[[], Any]
"""A change: runs on the writer's thread, in the group's transaction, perhaps more than once."""

T = TypeVar("T")


class Engine:
    """The open store, on the thread that opened it.

    Its parts change the store: other threads hand their methods to `SqliteStore.submit`.

    Raises (from the constructor):
        StoreUnavailableError: it cannot be opened now.
        StoreCorruptError: it is not ours, damaged, or newer than this version.
    """

    def __init__(
        self,
        path: Path,
        *,
        gate: Gate,
        clock: Clock,
        limits: StatementLimits,
        retention: Retention | None,
        listeners: Listeners,
        kind: type[sqlite3.Connection],
        session: LiveSession,
        known: tuple[int, int] | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._listeners = listeners
        self._news: list[object] = []
        self._complaints = Complaints(clock)
        """By kind: the reason told last, when it is due again, how often it came meanwhile."""
        self._told_broken = False
        self._database = database = Database(
            path, gate=gate, busy=limits.busy, kind=kind, turn_seconds=limits.gate, known=known
        )
        connection = database.connection
        self._session = session
        self.calls = CallRows(connection, self.moment(), session)
        try:
            self.boot = database.boot = self._take(database)
            self.completions = Completions(
                connection,
                UserWrites(
                    connection,
                    clock=clock,
                    seconds=limits.write_seconds,
                    value_bytes=limits.write_bytes,
                ),
                boot=self.boot,
                clock=clock,
                slow=limits.write_slow,
                tell=self._news.append,
            )
            self.jobs = Jobs(connection, boot=self.boot, clock=clock)
            self._accepts = Accepts(connection, boot=self.boot, repeats=limits.repeats)
            self._guard = FileGuard(database)
            session.sweep()
        except BaseException:
            database.close()
            raise
        self.operations = Operations(connection, self.calls, clock)
        self._checkpoints = Checkpoints(database, limits, clock)
        self._sweep = None if retention is None else Sweep(connection, retention, clock)
        self._kept = clock.monotonic()

    def _take(self, database: Database) -> int:
        """Check the file before anything is written to it, then make it this boot's."""

        def set_up() -> int:
            if version < VERSION:
                migrate(database.connection, version)
            boot = next_boot(database.connection)
            Jobs(database.connection, boot=boot, clock=self._clock).take_over()
            self.calls.take_over()
            return boot

        try:
            version = version_of(database.connection, database.path)
            database.configure()
        except sqlite3.Error as error:
            raise refuse_unlike(error, database.path) from error
        return database.transaction(set_up)

    @property
    def broken(self) -> str | None:
        """Why the store can never be used again; readable from any thread."""
        return self._database.broken

    @property
    def inode(self) -> tuple[int, int] | None:
        """Which file it is; readable from any thread."""
        return self._database.inode

    def break_down(self, reason: str) -> None:
        """Mark the store as broken, for good; any thread may."""
        with suppress(StoreUnavailableError):
            self._database.break_down(reason)

    @property
    def dirty(self) -> bool:
        """Whether the log is to be copied when there is time."""
        return self._checkpoints.due(quiet=True)

    def accept(self, events: list[NewEvent]) -> list[Accepted | Exception]:
        """Store a group of events; a bad one does not fail the others."""

        def store(some: list[NewEvent]) -> list[Accepted]:
            return self._accepts.store(some, now=self._clock.now())

        return [_storable(result) for result in self._commit("accept", events, store)]

    def serve(self, requests: list[StoreRequest]) -> list[Any]:
        """Do a group of job changes; each gives its result or its exception."""

        def run(some: list[StoreRequest]) -> list[Any]:
            self.completions.begin()
            results = [request() for request in some]
            self.completions.flush()
            return results

        self.completions.allow()
        return self._commit("job", requests, run)

    def maintain(self, rows: int, size: int) -> None:
        """After a group was answered: what cannot wait for a quiet moment."""
        self._checkpoints.count(rows, size)
        if self._checkpoints.due(quiet=False):
            self._keep(self._checkpoint)
        if self._clock.monotonic() - self._kept >= self._limits.tick:
            self._upkeep()

    def rest(self) -> None:
        """Keep house while nothing waits."""
        if self._checkpoints.due(quiet=True):
            self._keep(self._checkpoint)
        self._keep(self._database.check_file)
        self._upkeep()

    def close(self, *, clean: bool) -> None:
        """Give all leases back unless the end is unclean, empty the log, and let the file go."""
        if clean:
            self._keep(lambda: self._database.transaction(self.jobs.release_all))
        self._keep(self._checkpoints.finish)
        self._guard.close()
        self.completions.close()
        self._database.close()

    def leak(self) -> None:
        """Never close it: in a forked child, where it is another process's."""
        self._database.leak()

    def news(self) -> list[object]:
        """What happened since the last call, for the listeners."""
        if self._database.broken is not None and not self._told_broken:
            self._told_broken = True
            self._news.append(StoreBroken(reason=self._database.broken))
        news, self._news[:] = self._news[:], ()
        return news

    def _upkeep(self) -> None:
        """What is done now and then, busy or not."""
        self._kept = self._clock.monotonic()
        self._keep(self._guard.check)
        self._keep(self._shorten)
        self._keep(self._retain)
        self._keep(self.bury)

    def bury(self) -> None:
        """See whose processes have died: from now on their calls are in doubt."""
        self._session.check()
        now = self.moment()
        if self.calls.lost(now):
            self._database.transaction(lambda: self.calls.bury(now))
            self._session.sweep()

    def moment(self) -> Moment:
        """Now, by both clocks."""
        return Moment(self._clock.now(), self._clock.monotonic())

    def _retain(self) -> None:
        sweep = self._sweep
        if sweep is not None and sweep.due():
            retained = self._database.transaction(sweep.chunk)
            self._checkpoints.count(sweep.rows, 0)
            if retained is not None:
                self._news.append(retained)

    def _shorten(self) -> None:
        """Copy a log that connections of the application have made too long."""
        if self._checkpoints.overgrown:
            self._checkpoint()

    def _checkpoint(self) -> None:
        done = self._checkpoints.run()
        if done is not None:
            self._news.append(done)

    def _keep(self, work: Callable[[], object]) -> None:
        """House-keeping that fails now is done later; whom it concerns is told."""
        if self._database.broken is None:
            try:
                work()
            except StoreUnavailableError as error:
                self._failed("upkeep", 0, str(error))
            except Exception as error:  # noqa: BLE001 - a defect, which must not be a silent end
                self.break_down(f"{type(error).__name__}: {error}")

    def _commit(self, kind: str, items: list[T], run: Callable[[list[T]], list[Any]]) -> list[Any]:
        """Run a group in one transaction; when one of it is at fault, each in its own."""
        began = self._clock.monotonic()
        try:
            results = self._database.transaction(lambda: run(items))
        except StoreUnavailableError as error:
            self._failed(kind, len(items), str(error))
            return [StoreUnavailableError(str(error)) for _ in items]
        except BaseException as error:  # noqa: BLE001 - the answer of the one that caused it
            if len(items) == 1:
                return [error]
            return [self._commit(kind, [item], run)[0] for item in items]
        if self._listeners.active:
            seconds = self._clock.monotonic() - began
            self._news.append(BatchCommitted(kind=kind, rows=len(items), seconds=seconds))
        return results

    def _failed(self, kind: str, rows: int, reason: str) -> None:
        self._news.append(self._complaints.failed(kind, rows, reason))


def _storable(result: Accepted | Exception) -> Accepted | Exception:
    if isinstance(result, Accepted | StoreError):
        return result
    error = StoreError(f"the event cannot be stored: {result}")
    error.__cause__ = result
    return error
