"""The rows that pass between the inbox and a store; what is asked of one is in `engine`.

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


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A verified event on its way into the store.

    It may come from another process, and from another version of this one: fields are only ever
    added, at the end and with a default.

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
        crashes: how often the process died while the start of this job stood marked, and once more
            for the death before those, which made a suspect of it.
        suspect: it was in flight when the process died; mark its start first.
    """

    event: Event
    handler: str
    lane: str
    fence: int
    failures: int = 0
    crashes: int = 0
    suspect: bool = False


LeaseName = tuple[str, str, int]
"""Event, handler, fence."""


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
    """The store's own transaction, as a `job.write` function sees it: SQL and nothing else.

    Parameters written `$1`, `$2`, ... work on every engine, and so does awaiting a statement before
    its rows are read.
    """

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """Run one statement; gives its rows, which may be awaited."""
        ...

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> Any:
        """Run one statement for each row of parameters."""
        ...


Write = Callable[[Transaction], object]


class SqlWrite(msgspec.Struct, frozen=True, gc=False):
    """A write of one statement, known before it runs; a store may run many such together."""

    sql: str
    parameters: tuple[Any, ...]

    def __call__(self, transaction: Transaction) -> object:
        """Run it."""
        return transaction.execute(self.sql, self.parameters)


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
