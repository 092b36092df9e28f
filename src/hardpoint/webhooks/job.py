"""What a handler is given beside the event: one attempt, and the ways to complete it."""

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self, final

from hardpoint.store.driver import Lease, Write


class Joining(AbstractContextManager[object], AbstractAsyncContextManager[object], Protocol):
    """A user's transaction with our completion as its last statement."""


class JoiningStore(Protocol):
    """A store that can complete a job inside a transaction of the user's own."""

    def complete_in(self, lease: Lease, target: Any, *, started_at: float) -> Joining:
        """See `Job.complete_in`."""
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
        "_joining",
        "_store",
        "attempt",
        "completed",
        "event_id",
        "failures",
        "handler",
        "lease",
        "started_at",
        "writes",
    )

    def __init__(self, lease: Lease, store: JoiningStore, *, started_at: float) -> None:
        self.lease = lease
        self._store = store
        self.started_at = started_at
        self.event_id = lease.event.id
        self.handler = lease.handler
        self.attempt = lease.fence
        self.failures = lease.failures
        self.writes: list[Write] = []
        self._joining = False
        self.completed = False
        """True once the user's own transaction has completed the job."""

    def key(self, step: str = "") -> str:
        """An idempotency key for an outbound effect: the same in every attempt and replay.

        Args:
            step: tells several effects of one handler apart.
        """
        return f"hp:{self.event_id}:{self.handler}:{step}"

    def write(self, function: Write) -> None:
        """Have a function write in the very transaction that completes this job.

        It gets a `Transaction` and runs after the handler has returned, on the store's writer.
        It is pure SQL and does no I/O of its own; it may run more than once before it commits.
        What it raises undoes the completion: the attempt has failed.
        """
        if self._joining or self.completed:
            raise RuntimeError("this job is completed in your own transaction: write there")
        self.writes.append(function)

    def complete_in(self, target: Any) -> "_Completing":
        """Complete the job inside the user's own transaction in the same database.

        `with job.complete_in(connection):` for a `sqlite3.Connection` (in a plain `def` handler)
        or an SQLAlchemy `Session`; `async with` for an `AsyncSession`. The block begins the
        transaction, and commits it with the completion as its last statement, or rolls back.

        Raises:
            ConfigurationError: another file, or a connection that is in a transaction already.
            LeaseLostError: the lease has passed to another attempt; everything was rolled back.
        """
        if self.writes or self._joining or self.completed:
            raise RuntimeError("a job completes once: by job.write or in one job.complete_in block")
        joining = self._store.complete_in(self.lease, target, started_at=self.started_at)
        return _Completing(self, joining)


@final
class _Completing:
    """The store's block; the job learns what became of it."""

    __slots__ = ("_job", "_joining")

    def __init__(self, job: Job, joining: Joining) -> None:
        self._job = job
        self._joining = joining

    def __enter__(self) -> Self:
        self._joining.__enter__()
        self._job._joining = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._job._joining = False
        self._joining.__exit__(kind, error, trace)
        self._job.completed = error is None

    async def __aenter__(self) -> Self:
        await self._joining.__aenter__()
        self._job._joining = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._job._joining = False
        await self._joining.__aexit__(kind, error, trace)
        self._job.completed = error is None
