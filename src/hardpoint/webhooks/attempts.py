"""One attempt: the handler is called, what it did is judged, and the store records it."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeVar, cast, final

import msgspec

from hardpoint.calls.key import Occasion, occasion
from hardpoint.core.correlation import correlation_id
from hardpoint.core.effects import Clock, Random
from hardpoint.core.errors import HardpointError, OutcomeUnknownError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.traces import Place, place_of, summary_of
from hardpoint.store.driver import Completed, Completion, InboxStore, Lease, Outcome, Write
from hardpoint.store.journal import JobName
from hardpoint.webhooks.handlers import Handler, Handlers, Permanent, RetryAfter, Skip
from hardpoint.webhooks.job import CompleteIn, Job
from hardpoint.webhooks.threads import Threads

STORE_RETRY_SECONDS = 0.5
_Result = TypeVar("_Result")


class AttemptFinished(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt ended. `refused` means that its lease had passed to another by then."""

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
        failed = self.outcome is Outcome.FAILED
        return "warning" if self.refused or failed or raised_late else "info"


class StoreInTheWay(msgspec.Struct, frozen=True, kw_only=True):
    """The store cannot be reached; what was to be done is tried again until it can be."""

    severity: ClassVar[str] = "warning"
    doing: str
    error: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended, before it is recorded."""

    outcome: Outcome
    error: str | None = None
    retry_in: float | None = None
    reason: str | None = None
    """Of a dead letter."""
    place: Place | None = None
    exception: BaseException | None = None


_DONE = Verdict(outcome=Outcome.DONE)


@final
class Insistence:
    """Tries again for as long as the store is unavailable, and says so once for each time it is."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._hindered: set[str] = set()

    async def on(self, doing: str, operation: Callable[[], Awaitable[_Result]]) -> _Result:
        """The operation's result, whenever it comes."""
        while True:
            try:
                result = await operation()
            except StoreUnavailableError as error:
                self.hindered(doing, error)
                await asyncio.sleep(STORE_RETRY_SECONDS)
            else:
                self.done(doing)
                return result

    def hindered(self, doing: str, error: StoreUnavailableError) -> None:
        """It could not be done this time."""
        if doing not in self._hindered:
            self._hindered.add(doing)
            self._listeners.emit(StoreInTheWay(doing=doing, error=str(error)))

    def done(self, doing: str) -> None:
        """It could."""
        self._hindered.discard(doing)


@final
class Attempts:
    """Runs attempts; see `Worker` for the arguments."""

    def __init__(
        self,
        store: InboxStore,
        handlers: Handlers,
        insistence: Insistence,
        *,
        complete_in: CompleteIn,
        clock: Clock,
        random: Random,
        listeners: Listeners,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._insistence = insistence
        self._complete_in = complete_in
        self._clock = clock
        self._random = random
        self._listeners = listeners

    async def run(self, lease: Lease, threads: Threads) -> float | None:
        """Run a leased job once, and record how it ended.

        Returns:
            When it will be due again, if it failed.

        Raises:
            asyncio.CancelledError: from outside; nothing is recorded.
        """
        correlation_id.set(lease.event.correlation_id)
        name = JobName(lease.event.id, lease.handler, lease.fence)
        occasion.set(Occasion(f"hp:{lease.event.id}:{lease.handler}", name))
        started = self._clock.now()
        handler = self._handlers[lease.handler]
        job = Job(lease, self._complete_in, started_at=started)
        verdict = await self._verdict(handler, job, threads)
        if job.completed:  # and whatever the handler raised after that cannot undo it
            done = msgspec.structs.replace(verdict, outcome=Outcome.DONE, retry_in=None)
            self._report(lease, done, started, Completed.RECORDED)
            return None
        if verdict is _DONE and job.writes:
            try:
                return await self.record(lease, verdict, started, tuple(job.writes))
            except Exception as error:  # noqa: BLE001 - a write of the user's failed: so did the attempt
                verdict = self._failed(handler, lease, error)
        return await self.record(lease, verdict, started)

    async def record(
        self, lease: Lease, verdict: Verdict, started: float, writes: tuple[Write, ...] = ()
    ) -> float | None:
        """Complete the job, waiting for the store as long as it takes; see `run`.

        Raises:
            Exception: what one of the writes raised, or a defect of the store.
        """
        ended = self._clock.now()
        run_at = None if verdict.retry_in is None else ended + verdict.retry_in
        completion = Completion(
            event=lease.event.id,
            handler=lease.handler,
            fence=lease.fence,
            started_at=started,
            ended_at=ended,
            outcome=verdict.outcome,
            run_at=run_at,
            reason=verdict.reason,
            error=verdict.error,
            place=verdict.place,
            writes=writes,
        )
        completed = await self._insistence.on("complete", lambda: self._store.complete(completion))
        self._report(lease, verdict, started, completed)
        return run_at

    async def _verdict(self, handler: Handler, job: Job, threads: Threads) -> Verdict:
        lease = job.lease
        limit = asyncio.timeout(handler.timeout)
        try:
            async with limit:
                await _call(handler, job, threads)
        except Skip as skip:
            return Verdict(outcome=Outcome.SKIPPED, error=summary_of(skip))
        except Permanent as error:
            return _verdict_of(error, handler, outcome=Outcome.DEAD, reason="permanent")
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # what a handler raises is data
            if isinstance(error, asyncio.CancelledError) and _cancelled_from_outside():
                raise
            if isinstance(error, TimeoutError) and limit.expired():
                waited = error.__cause__  # the cancellation, which knows where it was
                going_on = "" if handler.asynchronous else "; its thread goes on"
                error = TimeoutError(f"took longer than {handler.timeout:g} s{going_on}")
                error.__cause__ = waited
            return self._failed(handler, lease, error)
        return _DONE

    def _failed(self, handler: Handler, lease: Lease, error: BaseException) -> Verdict:
        """Try again, or give up; never again what may have acted and cannot be told from a repeat.

        A handler that has looked says `RetryAfter` or `Permanent` itself.
        """
        delay = handler.retry.delay(lease.failures + 1, self._random)
        doubts = doubts_in(error)
        if doubts and (delay is None or not all(one.repeatable for one in doubts)):
            return _verdict_of(error, handler, outcome=Outcome.NEEDS_RECONCILE)
        if delay is None:
            return _verdict_of(error, handler, outcome=Outcome.DEAD, reason="attempts")
        if isinstance(error, RetryAfter):
            delay = error.seconds
        else:
            asked = [error, *doubts] if isinstance(error, HardpointError) else doubts
            delay = max(delay, *map(_asked_for, asked)) if asked else delay
        if any(self._forgotten(one, lease, delay) for one in doubts):
            return _verdict_of(error, handler, outcome=Outcome.NEEDS_RECONCILE)
        return _verdict_of(error, handler, outcome=Outcome.FAILED, retry_in=delay)

    def _forgotten(self, doubt: OutcomeUnknownError, lease: Lease, delay: float) -> bool:
        """Whether the provider may have forgotten the key by then; it knows it from now at most."""
        if doubt.key_seconds is None:
            return False
        return self._clock.now() + delay - lease.event.received_at >= doubt.key_seconds

    def _report(self, lease: Lease, verdict: Verdict, started: float, completed: Completed) -> None:
        refused = completed is Completed.REFUSED
        if not (self._listeners.active or verdict.error or refused):
            return
        event = lease.event
        self._listeners.emit(
            AttemptFinished(
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


async def _call(handler: Handler, job: Job, threads: Threads) -> None:
    event = job.lease.event
    if handler.asynchronous:
        result = handler.function(event, job)
    else:
        result = await threads.call(handler.function, event, job)
    if hasattr(result, "__await__"):  # a plain function may return a coroutine
        await result  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]


def _cancelled_from_outside() -> bool:
    """Rather than by the handler, which may have awaited something that was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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


def _verdict_of(
    error: BaseException,
    handler: Handler,
    *,
    outcome: Outcome,
    reason: str | None = None,
    retry_in: float | None = None,
) -> Verdict:
    """What became of an attempt that raised. A refusal of ours says all that there is to say."""
    place = place_of(error, handler.home)
    plain = isinstance(error, HardpointError) and place is None
    return Verdict(
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
