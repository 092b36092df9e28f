"""The vault's tables in the store's database.

A transaction that may write has the vault to itself, as in a file: what is read in it stands until
it ends. They are short, and none is open while somebody waits for a network. Connections are kept
between them, though not over a fork.
"""

import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, final

import psycopg

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child
from hardpoint.runtime.clocks import Timekeeper
from hardpoint.store.events import VaultAvailable, VaultUnavailable
from hardpoint.store.postgres.schema import migrate_blocking
from hardpoint.store.vault.file import vault_sql
from hardpoint.store.vault.rows import VaultRows

_IDLE_MAX: Final = 4

_WRITE: Final = """
begin isolation level read committed read write;
select
    set_config('synchronous_commit', case current_setting('synchronous_commit')
        when 'remote_apply' then 'remote_apply' else 'on' end, true),
    set_config('statement_timeout', '{milliseconds}', true);
select pg_advisory_xact_lock(hashtextextended('hardpoint vault', 0));
select hardpoint.now()
"""
_READ: Final = """
begin isolation level repeatable read read only;
select set_config('statement_timeout', '{milliseconds}', true);
select hardpoint.now()
"""


@final
class VaultDatabase:
    """A `VaultTables` in PostgreSQL. Any thread may use it.

    Args:
        url: of the database.
        spool: what the folder beside which tokens wait is named after, on this machine.
        busy: seconds to wait for others, and for the database.
        listeners: told `VaultUnavailable` and `VaultAvailable`, in any thread.
    """

    def __init__(
        self,
        url: str,
        *,
        spool: str | Path,
        busy: float = 5.0,
        listeners: Listeners | None = None,
    ) -> None:
        self.path = Path(spool).resolve()
        self._url = url
        self._busy = busy
        self._listeners = Listeners() if listeners is None else listeners
        self._failing = False
        self._clocks: list[_DatabaseClock] = []
        self._left: list[object] = []
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: the connections are the parent's, and are not even closed."""
        self._left.append(getattr(self, "_idle", None))
        self._mutex = threading.Lock()
        self._idle: list[Any] = []

    def timed(self, clock: Timekeeper) -> Timekeeper:
        """A clock that shows the database's time: the one that all machines share."""
        made = _DatabaseClock(clock)
        self._clocks.append(made)
        return made

    def open(self) -> None:
        """Bring the tables up; see `VaultTables`."""
        try:
            connection = self._connect()
            try:
                migrate_blocking(connection)
            finally:
                connection.close()
        except psycopg.Error as error:
            raise self._translated(error) from error

    @contextmanager
    def transaction(self) -> Generator[VaultRows]:
        """One durable transaction, alone among all processes; see `VaultTables`."""
        with self._begun(_WRITE, "commit") as rows:
            yield rows
        if self._failing:
            self._failing = False
            self._listeners.emit(VaultAvailable())

    @contextmanager
    def reading(self) -> Generator[VaultRows]:
        """A look at one state of it; see `VaultTables`."""
        with self._begun(_READ, "rollback") as rows:
            yield rows

    def close(self) -> None:
        """Let the connections go that nobody uses; it can be used on."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _begun(self, begin: str, end: str) -> Generator[VaultRows]:
        begin = begin.format(milliseconds=max(1, int(self._busy * 1000)))
        try:
            connection = self._ready(begin)
            try:
                yield VaultRows(connection, _sql())
                connection.execute(end)
            except BaseException:
                connection.close()  # rolls back what was not committed
                raise
        except psycopg.Error as error:
            raise self._translated(error) from error
        self._keep(connection)

    def _ready(self, begin: str) -> Any:
        """A connection in a transaction; one that was kept may have been lost meanwhile."""
        while True:
            with self._mutex:
                kept = self._idle.pop() if self._idle else None
            connection = self._connect() if kept is None else kept
            try:
                self._tell_time(connection.execute(begin))
            except psycopg.Error:
                lost = connection.closed or connection.broken
                connection.close()
                if kept is None or not lost:
                    raise
            else:
                return connection

    def _keep(self, connection: Any) -> None:
        with self._mutex:
            if len(self._idle) < _IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> Any:
        return psycopg.connect(
            self._url,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=max(2, int(self._busy)),
        )

    def _tell_time(self, cursor: Any) -> None:
        while cursor.nextset():
            pass
        (time,) = cursor.fetchone()
        for clock in self._clocks:
            clock.seen(time)

    def _translated(self, error: psycopg.Error) -> StoreError:
        if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
            return StoreError(f"the vault: {error}")
        trouble = StoreUnavailableError(f"the vault's database cannot be used now: {error}")
        if not self._failing:
            self._failing = True
            self._listeners.emit(VaultUnavailable(reason=str(trouble)))
        return trouble


@final
class _DatabaseClock:
    """The database's time, by the difference that was last seen; all else by the machine's.

    Until the database has answered once it shows the machine's time.
    """

    def __init__(self, clock: Timekeeper) -> None:
        self._clock = clock
        self._difference: float | None = None
        self.monotonic = clock.monotonic
        self.pause, self.sleep = clock.pause, clock.sleep
        self.call_later, self.wait = clock.call_later, clock.wait

    def seen(self, time: float) -> None:
        """The database has just said what time it is."""
        self._difference = time - self.monotonic()

    def now(self) -> float:
        """Unix seconds."""
        difference = self._difference
        return self._clock.now() if difference is None else self.monotonic() + difference


_TABLE: Final = re.compile(r"\bhardpoint_(\w+)")
_NAMED: Final = re.compile(r"(?<!:):(\w+)")


@cache
def _sql() -> Mapping[str, str]:
    """The statements of a vault's file, as this library writes tables and parameters."""
    return {
        name: _NAMED.sub(r"%(\1)s", _TABLE.sub(r"hardpoint.\1", sql)).replace("?", "%s")
        for name, sql in vault_sql().items()
    }
