"""What a store shows of itself: events with their jobs, attempts and dead letters. Nothing acts."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Literal, Protocol

import msgspec

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.traces import Place
from hardpoint.store.driver import Outcome


class State(StrEnum):
    """An event's state, derived from its jobs, attempts and dead letters."""

    PENDING = "pending"
    DONE = "done"
    RESOLVED = "resolved"
    """Somebody has closed a job of it that was dead, parked or waiting, and nothing is left."""
    SKIPPED = "skipped"
    DEAD = "dead"
    NEEDS_RECONCILE = "needs_reconcile"
    """A job of it may have acted elsewhere: look, then retry it."""
    QUARANTINED = "quarantined"


class EventSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a listing."""

    id: str
    source: str
    vendor_id: str | None
    type: str
    account: str | None
    received_at: float
    correlation_id: str
    state: State
    attempts: int
    quarantine: str | None = None
    """Why it is quarantined."""


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """Unfinished work of one handler."""

    handler: str
    run_at: float
    running: bool
    failures: int
    crashes: int


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One finished attempt."""

    handler: str
    number: int
    started_at: float
    ended_at: float
    outcome: Outcome
    error: str | None
    place: Place | None = None
    """Where in the user's code it failed."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was given up."""

    event: str
    source: str
    vendor_id: str | None
    type: str
    handler: str
    at: float
    reason: str
    """`attempts`, `permanent`, `crash` or `needs_reconcile`."""
    failures: int
    error: str | None
    place: Place | None = None
    """Where in the user's code the last attempt failed."""


class DeadCause(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of one source and handler that were given up for the same cause.

    Attributes:
        reason: see `DeadLetter`.
        kind: the class of the error; None where there was none.
        place: where in the user's code the last attempts failed.
        count: how many jobs.
        first_at, last_at: when the first and the last of them was given up.
        event: one of their events, the newest.
        error: what that one said.
    """

    source: str
    handler: str
    reason: str
    kind: str | None
    place: Place | None
    count: int
    first_at: float
    last_at: float
    event: str
    error: str | None


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator did.

    Attributes:
        id: larger for what was done later.
        target: an event, and the handler where it was one alone; or what else it was done to.
    """

    id: int
    at: float
    actor: str
    action: str
    target: str
    reason: str


class FailingJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has failed and is tried again.

    Attributes:
        failed_at: when its last attempt ended.
        next_at: when it is tried again; None while it runs.
        error, place: of its last attempt.
        jobs: how many jobs of this handler fail.
    """

    event: str
    source: str
    vendor_id: str | None
    type: str
    handler: str
    failures: int
    failed_at: float
    next_at: float | None
    error: str | None
    place: Place | None
    jobs: int


class SourceTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What a source has going on.

    Attributes:
        waiting: jobs that are not done yet.
        due_at: when the job that is due the longest was due, Unix seconds; None where none waits.
        dead: jobs that were given up.
        arrivals: when its last events came, the newest first, as far as they were looked at.
    """

    source: str
    waiting: int = 0
    due_at: float | None = None
    dead: int = 0
    arrivals: tuple[float, ...] = ()


class RefusedRun(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that a source refused for one reason, with no hour between them that had none.

    Attributes:
        first_at, last_at: the minutes of the first and the last, Unix seconds.
    """

    source: str
    reason: str
    count: int
    first_at: float
    last_at: float


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """A call that a job made under a key, to a provider that knows no keys.

    Attributes:
        scope: connection and operation.
        ended_at: when it was known to be done; None while it may or may not have been.
        subject: the provider's id for what it made.
    """

    handler: str
    scope: str
    key: str
    started_at: float
    ended_at: float | None
    subject: str | None


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the store knows of one event. `body` is None once retention has taken it."""

    summary: EventSummary
    headers: dict[str, str]
    body: bytes | None
    body_bytes: int
    body_sha256: str
    signed_at: int | None
    jobs: tuple[JobView, ...]
    attempts: tuple[AttemptView, ...]
    dead: tuple[DeadLetter, ...]
    calls: tuple[CallView, ...] = ()


Before = tuple[float, str, str]
"""Where a list of jobs goes on: time, event and handler of the last one that was shown."""


def place_of(before: Before | None) -> dict[str, float | str | None]:
    """The same as arguments of a statement."""
    return dict(zip(("at", "event", "handler"), before or (None, None, None), strict=True))


class NoStoreYetError(StoreUnavailableError):
    """There is no store at this place: none was made yet."""


class StoreFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine found out about what it stands on.

    Attributes:
        check: what was looked at.
        result: `fail` where it cannot be relied on.
        detail: what is to be seen.
        fix: the next thing to type, or to change.
    """

    check: str
    result: Literal["ok", "warn", "fail"] = "ok"
    detail: str
    fix: str | None = None


class StoreReader(Protocol):
    """Looks without touching: read-only, blocking, short; safe beside a running server."""

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
        ...

    def event(self, identifier: str) -> Sequence[EventView]:
        """The events with this id of ours, or this vendor's id (which several may share)."""
        ...

    def beginning(self, prefix: str, *, limit: int) -> Sequence[str]:
        """Our ids that begin so, the oldest first."""
        ...

    def short_ids(self, ids: Iterable[str]) -> Mapping[str, str]:
        """For each id of ours the shortest beginning that no other event's id has now."""
        ...

    def dead_letters(
        self,
        *,
        source: str | None = None,
        event_type: str | None = None,
        since: float | None = None,
        before: Before | None = None,
        limit: int = 50,
    ) -> Sequence[DeadLetter]:
        """The last to be given up first, of those given up `since`; see `events`."""
        ...

    def causes(self, *, since: float | None = None, limit: int = 100) -> Sequence[DeadCause]:
        """Dead letters by their cause, the last to grow first."""
        ...

    def letters_of(
        self, cause: DeadCause, *, before: Before | None = None, limit: int = 50
    ) -> Sequence[DeadLetter]:
        """Those of one cause, the last to be given up first."""
        ...

    def audit(self, *, before: int | None = None, limit: int = 50) -> Sequence[AuditRecord]:
        """What operators did, the last first; `before` is the id to go on from."""
        ...

    def failing(
        self, *, before: Before | None = None, limit: int = 50, each: bool = True
    ) -> Sequence[FailingJob]:
        """Jobs that fail and are tried again, the last to fail first.

        Args:
            before: where to go on.
            limit: how many at most.
            each: every such job; otherwise the last of each handler.
        """
        ...

    def counts(self) -> dict[str, int]:
        """How many events there are in each `State`, and `total`."""
        ...

    def traffic(self, *, limit: int) -> Sequence[SourceTraffic]:
        """What each source has going on; `limit` of the last events of all are looked at."""
        ...

    def refusals(self) -> dict[str, dict[str, int]]:
        """Requests refused, by source and reason."""
        ...

    def refused(self, *, since: float = 0.0) -> Sequence[RefusedRun]:
        """Requests refused since then, in runs, the latest first; repeats were acknowledged."""
        ...

    def findings(self) -> Sequence[StoreFinding]:
        """What is well with the engine, and what is not; none where it has nothing of its own."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...
