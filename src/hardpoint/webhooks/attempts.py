"""One attempt: the handler is called, what it did is judged, and the store records it."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeVar, cast, final

import msgspec

from hardpoint.calls.key import Occasion, occasion
from hardpoint.core.correlation import correlation_id
from hardpoint.core.effects import Clock, Random
from hardpoint.core.errors import (
    CircuitOpenError,
    ConfigurationError,
    HardpointError,
    MisuseError,
    OutcomeUnknownError,
    RateLimitedError,
    StoreUnavailableError,
    UnsupportedError,
)
from hardpoint.core.events import Listeners
from hardpoint.core.traces import Place, place_of, summary_of, tamed
from hardpoint.store.driver import (
    Completed,
    Completion,
    Lease,
    Outcome,
    Write,
    WriteFailedError,
)
from hardpoint.store.engine import InboxStore
from hardpoint.store.journal import JobName
from hardpoint.webhooks.calling import call
from hardpoint.webhooks.handlers import Handler, Handlers, Permanent, RetryAfter, Skip
from hardpoint.webhooks.job import CompleteIn, Job
from hardpoint.webhooks.lanes import Seat
from hardpoint.webhooks.threads import Threads
from hardpoint.webhooks.tracing import AttemptSpans

STORE_RETRY_SECONDS = 0.5

DEFERRED_SECONDS_MAX = 3600.0
"""A lane waits no longer for what it depends on before it asks again."""

DEFERRED_AGE_SECONDS_MAX = 48 * 3600.0
"""An event that is older waits at the cost of attempts, so that it ends some time."""

_CAUSES_MAX = 16
"""How far back an error's reason is looked for."""

_HOPELESS = (ConfigurationError, MisuseError, UnsupportedError)
"""No retry can help: the code or the configuration has to be changed."""

_Result = TypeVar("_Result")


class HandlerFinished(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A handler's attempt ended. `refused` means that its lease had passed to another by then."""

    event_id: str
    source: str
    type: str
    vendor_id: str | None
    correlation_id: str
    handler: str
    attempt: int
    outcome: Outcome
    seconds: float
    retry_in: float | None = None
    error: str | None = None
    place: Place | None = None
    """Where in the user's code it failed."""
    exception: BaseException | None = None
    """What was raised, with its traceback."""
    refused: bool = False

    @property
    def severity(self) -> str:
        """For the log."""
        if self.outcome in {Outcome.DEAD, Outcome.NEEDS_RECONCILE}:
            return "error"
        raised_late = self.outcome is Outcome.DONE and self.error is not None
        failed = self.outcome in {Outcome.FAILED, Outcome.DEFERRED}
        return "warning" if self.refused or failed or raised_late else "info"


class StoreInTheWay(msgspec.Struct, frozen=True, kw_only=True):
    """The store cannot be reached; what was to be done is tried again until it can be."""

    severity: ClassVar[str] = "warning"
    doing: str
    error: str


class AttemptVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended, before it is recorded."""

    outcome: Outcome
    error: str | None = None
    retry_in: float | None = None
    reason: str | None = None
    """Of a dead letter."""
    place: Place | None = None
    exception: BaseException | None = None


_DONE = AttemptVerdict(outcome=Outcome.DONE)


@final
class StoreRetries:
    """Tries again for as long as the store is unavailable, and says so once for each time it is."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._unavailable: set[str] = set()

    async def run(self, doing: str, operation: Callable[[], Awaitable[_Result]]) -> _Result:
        """The operation's result, whenever it comes."""
        while True:
            try:
                result = await operation()
            except StoreUnavailableError as error:
                self.failed(doing, error)
                await asyncio.sleep(STORE_RETRY_SECONDS)
            else:
                self.succeeded(doing)
                return result

    def failed(self, doing: str, error: StoreUnavailableError) -> None:
        """It could not be done this time."""
        if doing not in self._unavailable:
            self._unavailable.add(doing)
            self._listeners.emit(StoreInTheWay(doing=doing, error=str(error)))

    def succeeded(self, doing: str) -> None:
        """It could."""
        self._unavailable.discard(doing)


@final
class AttemptRunner:
    """Runs attempts; see `Worker` for the arguments."""

    def __init__(
        self,
        store: InboxStore,
        handlers: Handlers,
        store_retries: StoreRetries,
        *,
        complete_in: CompleteIn,
        clock: Clock,
        random: Random,
        listeners: Listeners,
        leaving: Callable[[], bool],
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._store_retries = store_retries
        self._complete_in = complete_in
        self._clock = clock
        self._random = random
        self._listeners = listeners
        self._leaving = leaving
        self._spans = AttemptSpans()

    async def run(self, lease: Lease, seat: Seat, threads: Threads) -> float | None:
        """Run a leased job once, and record how it ended.

        Args:
            lease: which.
            seat: its place, told when the handler is through.
            threads: where plain `def` handlers run.

        Returns:
            In how many seconds it will be due again, if it is to be tried again.

        Raises:
            asyncio.CancelledError: the run or the loop ends; nothing is recorded.
        """
        correlation_id.set(lease.event.correlation_id)
        if (tracer := self._listeners.tracer) is None:
            return await self._run(lease, seat, threads)
        with self._spans.attempt(tracer, lease):
            return await self._run(lease, seat, threads)

    async def _run(self, lease: Lease, seat: Seat, threads: Threads) -> float | None:
        """One attempt, whether or not there is a span of it."""
        name = JobName(lease.event.id, lease.handler, lease.fence)
        occasion.set(Occasion(f"hp:{lease.event.id}:{lease.handler}", name))
        started = self._clock.now()
        handler = self._handlers[lease.handler]
        job = Job(lease, self._complete_in, started_at=started)
        try:
            error, timed_out = await call(
                handler, lease.event, job, threads=threads, abandoned=seat.abandoned
            )
        except asyncio.CancelledError as cancelled:
            if self._leaving() or not _forgive_cancellation():
                raise
            error, timed_out = cancelled, False  # somebody cancels tasks that are not theirs
        seat.handled(self._clock.monotonic(), timed_out=timed_out)
        verdict = _DONE if error is None else self._verdict(handler, lease, error)
        if job.completed:  # and whatever the handler raised after that cannot undo it
            done = msgspec.structs.replace(verdict, outcome=Outcome.DONE, retry_in=None)
            self._report(lease, done, started, Completed.RECORDED)
            return None
        if verdict is _DONE and job.writes:
            try:
                return await self.record(lease, verdict, started, tuple(job.writes))
            except WriteFailedError as failed:
                verdict = self._verdict(handler, lease, tamed(failed.error))
            except Exception as error:  # noqa: BLE001 - its transaction was lost: so was the attempt
                verdict = self._verdict(handler, lease, error)
        if verdict.outcome is Outcome.DEFERRED:
            seat.pause(self._clock.monotonic() + (verdict.retry_in or 0.0))
        return await self.record(lease, verdict, started)

    async def record(
        self, lease: Lease, verdict: AttemptVerdict, started: float, writes: tuple[Write, ...] = ()
    ) -> float | None:
        """Complete the job, waiting for the store as long as it takes; see `run`.

        Raises:
            WriteFailedError: one of the writes failed.
            Exception: a defect of the store.
        """
        ended = self._clock.now()
        completion = Completion(
            event=lease.event.id,
            handler=lease.handler,
            fence=lease.fence,
            started_at=started,
            ended_at=ended,
            outcome=verdict.outcome,
            retry_in=verdict.retry_in or 0.0,
            reason=verdict.reason,
            error=verdict.error,
            place=verdict.place,
            writes=writes,
        )
        completed = await self._store_retries.run(
            "complete", lambda: self._store.complete(completion)
        )
        self._report(lease, verdict, started, completed)
        return verdict.retry_in

    def _verdict(self, handler: Handler, lease: Lease, error: BaseException) -> AttemptVerdict:
        """What an error of the user's code means; whatever it is, it may not become one of ours."""
        kind = type(error)
        try:
            if issubclass(kind, Skip):
                return AttemptVerdict(outcome=Outcome.SKIPPED, error=summary_of(error))
            if issubclass(kind, Permanent):
                return _verdict_of(error, handler, outcome=Outcome.DEAD, reason="permanent")
            return self._failed(handler, lease, error)
        except Exception:  # noqa: BLE001 - an attribute of it raised
            return self._tried_again(handler, lease, summary_of(error))

    def _failed(self, handler: Handler, lease: Lease, error: BaseException) -> AttemptVerdict:
        """Try again, or give up; never again what may have acted and cannot be told from a repeat.

        A handler that has looked says `RetryAfter` or `Permanent` itself.
        """
        delay = handler.retry.delay(lease.failures + 1, self._random)
        doubts = doubts_in(error)
        if doubts and (delay is None or not all(one.repeatable for one in doubts)):
            return _verdict_of(error, handler, outcome=Outcome.NEEDS_RECONCILE)
        if not doubts and isinstance(error, _HOPELESS):
            return _verdict_of(error, handler, outcome=Outcome.DEAD, reason="permanent")
        waits = None if doubts else _wait_behind(error)
        if waits is not None:
            asked = min(_asked_for(waits), DEFERRED_SECONDS_MAX)
            age = self._clock.now() - lease.event.received_at
            if asked > 0 and age < DEFERRED_AGE_SECONDS_MAX:
                return _verdict_of(error, handler, outcome=Outcome.DEFERRED, retry_in=asked)
        if delay is None:
            return _verdict_of(error, handler, outcome=Outcome.DEAD, reason="attempts")
        if isinstance(error, RetryAfter):
            delay = error.seconds
        else:
            ours = waits or error
            asked = [ours, *doubts] if isinstance(ours, HardpointError) else doubts
            delay = max(delay, *map(_asked_for, asked)) if asked else delay
        if any(self._forgotten(one, lease, delay) for one in doubts):
            return _verdict_of(error, handler, outcome=Outcome.NEEDS_RECONCILE)
        return _verdict_of(error, handler, outcome=Outcome.FAILED, retry_in=delay)

    def _tried_again(self, handler: Handler, lease: Lease, text: str) -> AttemptVerdict:
        delay = handler.retry.delay(lease.failures + 1, self._random)
        if delay is None:
            return AttemptVerdict(outcome=Outcome.DEAD, reason="attempts", error=text)
        return AttemptVerdict(outcome=Outcome.FAILED, retry_in=delay, error=text)

    def _forgotten(self, doubt: OutcomeUnknownError, lease: Lease, delay: float) -> bool:
        """Whether the provider may have forgotten the key by then; it knows it from now at most."""
        if doubt.key_seconds is None:
            return False
        return self._clock.now() + delay - lease.event.received_at >= doubt.key_seconds

    def _report(
        self, lease: Lease, verdict: AttemptVerdict, started: float, completed: Completed
    ) -> None:
        refused = completed is Completed.REFUSED
        self._spans.ended(lease, verdict.outcome, verdict.exception)
        if not (self._listeners.active or verdict.error or refused):
            return
        event = lease.event
        self._listeners.emit(
            HandlerFinished(
                event_id=event.id,
                source=event.source,
                type=event.type,
                vendor_id=event.vendor_id,
                correlation_id=event.correlation_id,
                handler=lease.handler,
                attempt=lease.fence,
                outcome=verdict.outcome,
                seconds=self._clock.now() - started,
                retry_in=verdict.retry_in,
                error=verdict.error,
                place=verdict.place,
                exception=verdict.exception,
                refused=refused,
            )
        )


def _forgive_cancellation() -> bool:
    """Go on in spite of a cancellation; False when there was none from outside."""
    task = asyncio.current_task()
    forgiven = False
    while task is not None and task.cancelling():
        task.uncancel()
        forgiven = True
    return forgiven


def doubts_in(error: BaseException) -> list[OutcomeUnknownError]:
    """Every unknown outcome that an error is, was raised for, or gathers."""
    found: list[OutcomeUnknownError] = []
    seen: set[int] = set()
    left = [error]
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, RetryAfter):
            continue
        seen.add(id(one))
        if isinstance(one, OutcomeUnknownError):
            found.append(one)  # what it came from, it speaks for itself
            continue
        if isinstance(one, BaseExceptionGroup):
            left.extend(cast("Sequence[BaseException]", one.exceptions))
        left.extend(filter(None, [one.__cause__, one.__context__]))
    return found


def _wait_behind(error: BaseException) -> CircuitOpenError | RateLimitedError | None:
    """What an error is, or was raised `from`, where it is of a dependency that said to wait.

    An SDK makes its own exception of ours. What an error merely came up beside is no reason of it.
    """
    one: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if one is None or isinstance(one, RetryAfter):
            return None
        if isinstance(one, CircuitOpenError | RateLimitedError):
            return one
        one = one.__cause__
    return None


def _verdict_of(
    error: BaseException,
    handler: Handler,
    *,
    outcome: Outcome,
    reason: str | None = None,
    retry_in: float | None = None,
) -> AttemptVerdict:
    """What became of an attempt that raised. A refusal of ours says all that there is to say."""
    place = place_of(error, handler.home)
    plain = isinstance(error, HardpointError) and place is None
    return AttemptVerdict(
        outcome=outcome,
        error=summary_of(error),
        retry_in=retry_in,
        reason=reason,
        place=place,
        exception=None if plain else error,
    )


def _asked_for(error: HardpointError) -> float:
    """The seconds a third party wants us to wait; what makes no sense as such is nothing."""
    seconds: object = error.retry_after
    return seconds if isinstance(seconds, int | float) and math.isfinite(seconds) else 0.0
