"""What the inbox asks of a store, and the rows that pass between them.

Times are Unix seconds; what is still to come is said in seconds from now, by the store's clock.
Ids are UUIDv7 texts. A job is one handler's work on one event; it exists only while unfinished. A
lease is held by (event, handler, fence): the fence rises with every lease, and a completion under
an older fence is refused. It belongs to the process: it ends with it, and not before.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from hardpoint.core.errors import StoreError
from hardpoint.core.traces import Place

FORWARD = "forward"
"""The handler that forwards. It runs no code of the user's; each source has a lane of its own."""


NOTE_LENGTH_MAX = 500
"""Characters that an operator may leave with what was done."""


def lane_of(handler: str, source: str) -> str:
    """The lane of a job: what fails or is slow together. The statements of a store say the same."""
    return f"{FORWARD}/{source}" if handler == FORWARD else handler


class Stored(StrEnum):
    """What became of an event that was handed to the store."""

    NEW = "new"
    DUPLICATE = "duplicate"
    """The same event again: nothing was written."""
    CONFLICT = "conflict"
    """The same covered id with another body: the first is kept."""
    QUARANTINED = "quarantined"
    """Stored, visible, not handled: see `quarantine` on the row."""


class Outcome(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    FAILED = "failed"
    """It will be tried again."""
    DEFERRED = "deferred"
    """What it depends on asked to wait: it will be tried again, and this does not count."""
    SKIPPED = "skipped"
    DEAD = "dead"
    NEEDS_RECONCILE = "needs_reconcile"
    """It may have acted elsewhere, and only a person can find out: it is not tried again."""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A verified event on its way into the store.

    Attributes:
        id: ours.
        source: the configured source's name.
        vendor_id: the vendor's id; a malformed body has none.
        account: the vendor's account; dedupe is scoped by it.
        asserted: the signature does not cover id and type; then the body counts for dedupe too.
        headers: allow-listed, as JSON.
        body_sha256: of the raw body; or of what is signed, where many bodies say the same.
        malformed: why a covered body could not be read; it is quarantined under its hash.
        handlers: a job is made for each, in this order.
        lease: True to lease the jobs to the caller at once; False leaves them due.
    """

    id: str
    source: str
    vendor_id: str | None
    type: str
    account: str | None
    asserted: bool
    received_at: float
    signed_at: int | None
    correlation_id: str
    headers: bytes
    body: bytes
    body_sha256: bytes
    malformed: str | None = None
    handlers: tuple[str, ...] = ()
    lease: bool = True


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The store's answer after the commit.

    Attributes:
        stored: what became of it.
        id: the id of the row that stands for this event: the first one's for a duplicate.
    """

    stored: Stored
    id: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event, as handlers see it.

    Attributes:
        id: ours, stable across retries and replays.
        source: the configured source's name.
        vendor_id: the vendor's id.
        type: the vendor's word for what happened.
        account: the vendor's account, where one endpoint serves several.
        received_at: Unix seconds.
        correlation_id: ties the request, this event, its attempts and their calls together.
        headers: the allow-listed request headers, names in lower case.
        body: the raw bytes as received.
    """

    id: str
    source: str
    vendor_id: str | None
    type: str
    account: str | None
    received_at: float
    correlation_id: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, decoded anew at each call.

        Raises:
            ValueError: it is not JSON. (An event whose body did not parse is quarantined, so a
                handler meets this only after such an event was replayed on purpose.)
        """
        return msgspec.json.decode(self.body)


class Lease(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The right to run one handler on one event, once.

    Attributes:
        lane: what it is fair to, see `lane_of`.
        fence: fences the completion; also the attempt's number in the record.
        failures: attempts that failed before this one, in this series.
        crashes: how often the process died while the start of this job stood marked.
        suspect: it was in flight when the process died; mark its start first.
    """

    event: Event
    handler: str
    lane: str
    fence: int
    failures: int = 0
    crashes: int = 0
    suspect: bool = False


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What a claim gave.

    Attributes:
        leases: the oldest due first within each lane.
        waits: of the lanes asked for, those that have more: seconds until it is due.
    """

    leases: Sequence[Lease]
    waits: Mapping[str, float]


class WaitingLane(msgspec.Struct, frozen=True, gc=False):
    """A lane that has something to do, and in how many seconds; negative when it is overdue."""

    lane: str
    handler: str
    due_in: float


class Transaction(Protocol):
    """The store's own transaction, as a `job.write` function sees it: SQL and nothing else."""

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """Run one statement; gives a cursor."""
        ...

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> Any:
        """Run one statement for each row of parameters."""
        ...


Write = Callable[[Transaction], object]


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one attempt.

    Attributes:
        retry_in: seconds from its recording to the next try; with `FAILED` and `DEFERRED` only.
        reason: `attempts`, `permanent` or `crash`; with `Outcome.DEAD` only.
        error: class and message, capped.
        place: where in the user's code it failed.
        writes: run in the transaction that completes the job; a raise undoes them all and the
            completion with them.
    """

    event: str
    handler: str
    fence: int
    started_at: float
    ended_at: float
    outcome: Outcome
    retry_in: float = 0.0
    error: str | None = None
    place: Place | None = None
    reason: str | None = None
    writes: tuple[Write, ...] = ()


class WriteFailedError(StoreError):
    """A write function of a completion raised; nothing was written, and the job is still leased.

    Attributes:
        error: what it raised, whatever that is.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__("a write function failed")
        self.error = error


class Completed(StrEnum):
    """What became of a completion."""

    RECORDED = "recorded"
    REFUSED = "refused"
    """The lease had passed to another attempt: nothing was written."""


class Refusals(msgspec.Struct, frozen=True, gc=False):
    """How many requests a source refused for one reason within one minute."""

    source: str
    reason: str
    minute: int
    """Unix seconds // 60."""
    count: int


class InboxStore(Protocol):
    """The durable side of the inbox. Every method but `accept` may be awaited by one task a time.

    All of them raise `StoreUnavailableError` when the store cannot take the work now; then nothing
    of it was written.
    """

    async def open(self) -> None:
        """Take the store, bring its schema up, and release what an earlier boot had leased.

        Raises:
            StoreUnavailableError: another process holds it.
            StoreCorruptError: not a store of ours, or of a newer version.
        """
        ...

    async def close(self, *, clean: bool = True) -> None:
        """Finish what was submitted, release every lease, and let the store go.

        Args:
            clean: False leaves what is leased as a crash would: it was in flight, and is suspect.
        """
        ...

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """Store an event durably; `done` is called in the loop after the commit, never before.

        Raises:
            StoreUnavailableError: too much is waiting already; answer 503.
        """
        ...

    @property
    def broken(self) -> str | None:
        """Why the store can never be used again in this process; None while it can."""
        ...

    async def claim(self, lanes: Mapping[str, int]) -> Claim:
        """Lease what is due in these lanes, so many of each at most; suspects are not among it."""
        ...

    async def claim_suspect(self, handlers: Sequence[str]) -> Lease | None:
        """Lease a suspect of these handlers, the one with the fewest crashes; None if none waits.

        Call `mark_started` before it runs, and run one at a time.
        """
        ...

    async def complete(self, completion: Completion) -> Completed:
        """Record the end of an attempt, with its writes, in one transaction.

        Raises:
            WriteFailedError: one of the writes raised; the job is still leased.
            TimedOutError: they took too long; likewise.
            TransactionLostError: one of them ended the transaction; likewise.
        """
        ...

    async def mark_started(self, lease: Lease, *, started: bool = True) -> bool:
        """Durably mark a suspect as running, or no longer suspected; False: the lease is gone."""
        ...

    async def release_all(self) -> None:
        """Give back every lease of this process: the jobs are due at once, no attempt counts."""
        ...

    async def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters of refused requests."""
        ...

    async def waiting(self, handlers: Sequence[str]) -> Sequence[WaitingLane]:
        """The lanes of these handlers that have something to do, suspects apart."""
        ...

    async def next_due(self, handlers: Sequence[str]) -> float | None:
        """Seconds until a job of these handlers is due; negative: overdue; None: none waits."""
        ...

    async def retry(
        self, event: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """Make an event's dead and waiting jobs due now, all or one handler's.

        A dead job starts a new series of failures. One that needs to be reconciled has been looked
        at by now: what cannot be found of its calls is made. `actor` and `reason` go into the
        audit record.

        Returns:
            How many jobs it made due; a running job, or one whose body is gone, is left alone.
        """
        ...

    async def replay(
        self,
        event: str,
        handlers: Sequence[str],
        *,
        force: bool = False,
        actor: str = "",
        reason: str = "",
    ) -> int:
        """Have these handlers handle an event anew: done, skipped, dead or quarantined.

        A handler that has done this event is left alone without `force`, and one whose job is
        unfinished in any case.

        Returns:
            How many jobs it made; none when the event is unknown or its body is gone.
        """
        ...

    async def resolve(
        self, event: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """Close an event's dead letters and the jobs that wait, all or one handler's.

        Someone has done what was to do, or it is not to be done any more.

        Each is recorded as one more attempt that is done, with the note, which goes into the audit
        record too. What is known of its calls stays as it is.

        Returns:
            How many it closed; a job that runs now or is done is left alone.
        """
        ...
