"""What a handler is given beside the event: one attempt, and the ways to complete it."""

from collections.abc import Sequence
from typing import Any, Protocol, final

from hardpoint.core.errors import MisuseError
from hardpoint.store.driver import Lease, SqlWrite, Write
from hardpoint.store.engine import CompletesIn
from hardpoint.store.fence import FencedWrite, write_fenced


class CompleteIn(Protocol):
    """How a store completes a job inside a transaction of the user's own."""

    def __call__(self, lease: Lease, target: Any, *, started_at: float) -> CompletesIn:
        """See `Job.complete_in`; without a target, see `Job.transaction`."""
        ...


@final
class Job:
    """One attempt of one handler at one event.

    Attributes:
        event_id: ours; stable across attempts and replays.
        handler: the handler's name.
        attempt: 1 for the first, rising over retries and replays alike.
        failures: attempts that failed before this one, in this series.
    """

    __slots__ = (
        "_complete_in",
        "_joining",
        "_steps",
        "attempt",
        "event_id",
        "failures",
        "handler",
        "lease",
        "started_at",
        "writes",
    )

    def __init__(self, lease: Lease, complete_in: CompleteIn, *, started_at: float) -> None:
        self.lease = lease
        self.started_at = started_at
        self.event_id = lease.event.id
        self.handler = lease.handler
        self.attempt = lease.fence
        self.failures = lease.failures
        self.writes: list[Write] = []
        self._complete_in = complete_in
        self._joining: CompletesIn | None = None
        self._steps: set[str] = set()

    @property
    def completed(self) -> bool:
        """Whether the user's own transaction has completed the job."""
        return self._joining is not None and self._joining.completed

    def key(self, step: str = "") -> str:
        """An idempotency key for an outbound effect: the same in every attempt and replay.

        Args:
            step: tells several effects of one handler apart.
        """
        return f"hp:{self.event_id}:{self.handler}:{step}"

    def write(self, function: Write) -> None:
        """Have a function write in the very transaction that completes this job.

        It gets a `Transaction` and runs after the handler has returned, on the store's writer. It
        is a plain `def`, or an `async def` that awaits nothing but its statements: pure SQL, and no
        I/O of its own. It may run more than once before it commits. One that takes more than a
        second, asleep or not, is given up and can write no more.
        What it raises undoes the completion: the attempt has failed.
        """
        self._add(function)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Have one statement run in the very transaction that completes this job; see `write`.

        Args:
            sql: with `$1`, `$2`, ... for the parameters.
            parameters: in that order.
        """
        self._add(SqlWrite(sql, tuple(parameters)))

    def _add(self, write: Write) -> None:
        if self._joining is not None:
            raise MisuseError("this job is completed in your own transaction: write there")
        self.writes.append(write)

    def complete_in(self, target: Any) -> CompletesIn:
        """Complete the job inside the user's own transaction in the same database.

        `with job.complete_in(connection):` for a `sqlite3.Connection`, psycopg's `Connection`,
        SQLAlchemy's `Session` or Django's `connection`, in a plain `def` handler; `async with` for
        asyncpg's `Connection`, psycopg's `AsyncConnection` or an `AsyncSession`. The block begins
        the transaction, and commits it with the completion as its last statement, or rolls back.

        Raises:
            LeaseLostError: the lease has passed to another attempt; everything was rolled back.
            StoreError: it is on another database, or in a transaction already.
        """
        if target is None:
            raise MisuseError("complete_in was given None in place of a connection")
        return self._join(target)

    def transaction(self) -> CompletesIn:
        """Complete the job inside a transaction on a connection of the store's own; on PostgreSQL.

        `async with job.transaction() as tx:` gives a `Transaction`: `await tx.execute(sql, [...])`
        gives its rows. The block commits with the completion as its last statement, or rolls back.
        It may take its time, and other work, between its statements, unlike a `job.write` function;
        but what it has locked stays locked meanwhile.

        Raises:
            UnsupportedError: the store is SQLite, which has one writer: use `job.write`.
            LeaseLostError: the lease has passed to another attempt; everything was rolled back.
        """
        return self._join(None)

    def write_in(self, target: Any, function: FencedWrite, *, step: str = "") -> Any:
        """Write in a database that is not the store's, exactly once for this job.

        The function is called with `target`, in a transaction that this begins and commits. A row
        of the table `hardpoint_done` is committed with it (`FENCE_TABLE` makes that table, once).
        A later attempt that finds the row does not call the function. Neither does a replay.

        Args:
            target: any DB-API connection, SQLAlchemy's `Connection` or `Session`, or Django's
                `connection`, in a plain `def` handler; in an `async def` one `AsyncConnection` or
                `AsyncSession`, and this is awaited.
            function: writes on it, and neither commits nor rolls back.
            step: tells several calls of one handler apart.

        Returns:
            True when it has written; False when an earlier attempt had. An awaitable of that where
            it is awaited.

        Raises:
            StoreError: there is no such table, or the target is in a transaction already.
            MisuseError: this attempt has called it for the same step before.
        """
        if step in self._steps:
            raise MisuseError(
                "this handler calls write_in twice: name a step=, or the second writes nothing"
            )
        self._steps.add(step)
        name = f"{self.handler}:{step}" if step else self.handler
        return write_fenced(
            target, function, event=self.event_id, handler=name, now=self.started_at
        )

    def _join(self, target: Any) -> CompletesIn:
        if self.writes or self._joining is not None:
            raise MisuseError(
                "a job completes once: by job.write, or in one block of job.complete_in or "
                "job.transaction"
            )
        self._joining = self._complete_in(self.lease, target, started_at=self.started_at)
        return self._joining
