"""What follows an attempt that did not simply succeed: how it is counted, and how the call ends."""

from contextlib import suppress
from math import isnan
from typing import Any, NoReturn, final

from hardpoint.core.errors import (
    AttemptTimeoutError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    DeadlineTooShortError,
    HardpointError,
    OutcomeUnknownError,
    ProviderError,
    RejectedError,
    TimedOutError,
)
from hardpoint.core.events import Listeners
from hardpoint.resilience.circuit import CircuitOutcome
from hardpoint.resilience.hints import NOTHING, hints_of
from hardpoint.resilience.judgement import CallFacts, Judgement, NextAttempt
from hardpoint.resilience.options import Fallback
from hardpoint.resilience.ratelimit import RateMeter
from hardpoint.resilience.recognition import NOT_RECOGNISED, Quota, Verdict
from hardpoint.resilience.repetition import Effect, in_doubt, outcome_unknown
from hardpoint.resilience.state import CallRecord, Opened, PolicyState
from hardpoint.runtime.effects import Effects

PLAIN: set[type] = {type(None)}
"""Types of results known not to be awaitable: to look for `__await__` each time would be dear."""

_PLAIN_MAX = 1000
_NOTE = "hardpoint: "
_FINAL = "not repeatable"
_FAILURE = CircuitOutcome.FAILURE  # a member's look-up is not free


@final
class Settlement:
    """Settles the attempts of one policy. It never waits, and calls nothing under a lock."""

    __slots__ = (
        "_barring",
        "_deadline",
        "_effects",
        "_fallback",
        "_judgement",
        "_listeners",
        "_mutating",
        "_name",
        "_next",
        "_tells_calls",
        "_timeout",
    )

    def __init__(
        self,
        name: str,
        *,
        effects: Effects,
        listeners: Listeners,
        facts: CallFacts,
        judgement: Judgement,
        next_attempt: NextAttempt | None,
        deadline: float | None,
        timeout: float | None,
        barring: float | None,
        fallback: Fallback | None,
        tells_calls: bool,
    ) -> None:
        """Settle by these.

        Args:
            name: the policy's.
            effects: time, randomness and ids.
            listeners: who is told.
            facts: what the caller says about the call.
            judgement: what counts, and what may be repeated.
            next_attempt: whether and when there is a further attempt; None without retries.
            deadline: seconds for the call.
            timeout: seconds for an attempt.
            barring: the longest that a Retry-After bars the rate limit; None without a limit.
            fallback: in place of an error.
            tells_calls: whether attempts and calls are told; not where somebody above does.
        """
        self._name = name
        self._effects = effects
        self._listeners = listeners
        self._mutating = facts.mutating
        self._judgement = judgement
        self._next = next_attempt
        self._deadline = deadline
        self._timeout = timeout
        self._barring = barring
        self._fallback = fallback
        self._tells_calls = tells_calls

    def failed(  # noqa: C901, PLR0912, PLR0917 - on the path of every failure: calls cost
        self,
        call: CallRecord | None,
        state: PolicyState,
        error: BaseException,
        permit: int,
        held: object,
        sent: bool,
        expired: bool,
        started: float,
        began: float,
        limit: float,
        until: float,
    ) -> CallRecord:
        """Count an attempt that raised, and decide.

        Args:
            call: the record of this call, None at its first failure.
            state: the key's state.
            error: what came out of the attempt, or of its admission.
            permit: the breaker's permit; 0 for none.
            held: where it held a place in the bulkhead: its loop, or the threads; else None.
            sent: whether the function was reached.
            expired: whether our timer ended it.
            started: when the call began.
            began: when the attempt began.
            limit: when it had to be over.
            until: when the call has to be over.
        """
        now = self._effects.monotonic()
        if held is not None:
            state.room.give_back(held)
        if call is None:
            call = CallRecord(state, started, until, now)
        else:
            call.now = now
        # A blocking call cannot be interrupted; its own socket timeout speaks for ours.
        if expired or (now >= limit and isinstance(error, TimeoutError)):
            failure, outcome = self._timed_out(call, error, began, limit)
        elif isinstance(error, Exception):
            failure, outcome = error, None
        else:  # cancelled, interrupted or closed: it says nothing about the other side
            if permit:
                state.circuit.record(permit, CircuitOutcome.NEUTRAL, began, now)
            call.failure = error
            return call
        call.hints = hints = hints_of(failure, self._effects.now)
        judgement = self._judgement
        plain = hints is NOTHING and not isinstance(failure, HardpointError)
        types = judgement.types
        if plain and types is not None and judgement.counts_all:
            verdict, outcome = NOT_RECOGNISED, outcome or _FAILURE
        else:
            verdict = judgement.verdict(failure)
            if outcome is None:
                outcome = judgement.outcome(failure, hints[1], verdict)
            self._heed(call, verdict)
        if permit:
            state.circuit.record(permit, outcome, began, now, type(failure).__name__)
        call.tries += 1
        if not plain and isinstance(failure, RejectedError):
            sent = False  # by a policy within this one
        if sent:
            call.sent += 1
            state.attempts_failed += 1
            if not plain and isinstance(failure, TimedOutError):
                state.timed_out += 1
            if self._listeners.active:
                self._tell_attempt(state, call.sent, now - began, type(failure).__name__)
        if plain and types is not None and self._next is not None:
            reason = self._next.after(call, failure) if isinstance(failure, types) else _FINAL
        else:
            reason = self._reason_to_stop(call, failure, verdict, sent=sent)
        if reason is not None:
            call.failure = self._final(call, failure, reason)
        elif sent:
            call.last = failure
        return call

    def returned(
        self,
        call: CallRecord | None,
        state: PolicyState,
        result: object,
        *,
        permit: int,
        late: bool,
        started: float,
        began: float,
        until: float,
    ) -> CallRecord | None:
        """Count an attempt that returned, where results are judged.

        Returns:
            None when the result stands; else another attempt follows.
        """
        if type(result) is Opened:  # what it is worth shows while it lives
            result.permit = permit
            return None
        now = self._effects.monotonic()
        judgement = self._judgement
        verdict = judgement.verdict_on_result(result)
        if permit:
            outcome = _FAILURE if late else judgement.outcome_of_result(result, verdict)
            state.circuit.record(permit, outcome, began, now, "result")
        if verdict.quota is not None:
            observe(state, verdict.quota, now)
        if self._next is None or not judgement.result_repeatable(result, verdict):
            return None
        if call is None:
            call = CallRecord(state, started, until, now)
        call.now = now
        call.tries += 1
        call.sent += 1
        call.hints = hints_of(result, self._effects.now)
        self._heed(call, verdict)
        self._bar(call)
        reason = self._next.after(call, result)
        if reason is not None:
            call.sent -= 1  # the result stands: `succeeded` tells of this attempt
            call.stopped = reason
            return None
        state.attempts_failed += 1
        if self._listeners.active:
            self._tell_attempt(state, call.sent, now - began, "result")
        return call

    def succeeded(
        self, call: CallRecord | None, state: PolicyState, started: float, began: float
    ) -> None:
        """Tell the listeners of a success."""
        if self._tells_calls:
            sent, stopped = (1, None) if call is None else (call.sent + 1, call.stopped)
            now = self._effects.monotonic()
            self._tell_attempt(state, sent, now - began, None)
            self._tell_end(state, sent, now - started, None, stopped)

    def conclude(
        self, call: CallRecord, state: PolicyState, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Raise what is to be raised, or give the fallback: a value or an awaitable of it."""
        failure = call.failure
        call.failure = None
        try:
            raise failure or RuntimeError("the call is over")  # noqa: TRY301 - for the traceback
        except Exception as error:
            doubtful = self._mutating and isinstance(error, OutcomeUnknownError)
            if self._fallback is None or doubtful:  # no fallback may hide that it may have acted
                raise
            state.degraded += 1
            if self._listeners.active or not isinstance(error, CircuitOpenError):
                from hardpoint.resilience.events import FellBack

                self._listeners.emit(FellBack(self._name, state.key, type(error).__name__))
            return self._fallback(error, args, kwargs)
        finally:
            del failure

    def tell_refused(self, state: PolicyState, by: str = "CircuitOpenError") -> None:
        """Tell the listeners that a call was refused."""
        from hardpoint.resilience.events import CallRejected

        self._listeners.emit(CallRejected(self._name, state.key, by))

    def refuse_late(self, state: PolicyState) -> NoReturn:
        """Refuse to send what could not be answered in time."""
        raise DeadlineTooShortError(self._name, state.key)

    def refuse_taskless(self) -> NoReturn:
        """Refuse to run where there is nothing that a timeout could cancel."""
        raise RuntimeError(f"{self._name}: a timeout needs a task; run it by an event loop")

    def check_plain(self, result: object) -> None:
        """Refuse what a plain function gave to be awaited: that would run outside the policy."""
        kind = type(result)
        if not hasattr(kind, "__await__"):
            if len(PLAIN) < _PLAIN_MAX:
                PLAIN.add(kind)
            return
        for end in (getattr(result, "close", None), getattr(result, "cancel", None)):
            if callable(end):
                end()
        raise ConfigurationError(
            self._name,
            f"the function is not `async def`, but it returned a {kind.__name__}, "
            "which no policy guards",
            fix="Give the coroutine function itself, with its arguments: policy.call(fetch, url)",
        )

    # What it was

    def _timed_out(
        self, call: CallRecord, error: BaseException, began: float, limit: float
    ) -> tuple[TimedOutError, CircuitOutcome | None]:
        """Our timeout in place of what came out, and what it says about the other side."""
        if isinstance(error, TimedOutError):
            return error, None
        key, timeout = call.state.key, self._timeout
        if timeout is not None and limit == began + timeout:
            failure = AttemptTimeoutError(policy=self._name, key=key, seconds=timeout)
            outcome = CircuitOutcome.FAILURE
        else:
            failure = DeadlineExceededError(policy=self._name, key=key, seconds=self._deadline)
            # Cut short by what was left of somebody's time: that proves nothing. Without a timeout
            # of its own, though, a call that hangs until our deadline is the only sign there is.
            whole = self._deadline is not None and limit == call.started + self._deadline
            outcome = (
                CircuitOutcome.FAILURE if whole and timeout is None else CircuitOutcome.NEUTRAL
            )
        failure.__cause__ = error
        return failure, outcome

    def _reason_to_stop(
        self, call: CallRecord, failure: Exception, verdict: Verdict, *, sent: bool
    ) -> str | None:
        """Why there is no further attempt; None when there is one, after `call.delay`."""
        following = self._next
        if isinstance(failure, RejectedError):
            if following is None:
                return type(failure).__name__
            return following.after_refusal(call, failure)
        if sent:  # what nobody knows may have acted
            call.in_doubt = in_doubt(call.in_doubt, verdict.effect or Effect.UNKNOWN)
        self._bar(call)
        if following is None:
            return "no retry"
        repeatable = self._judgement.repeatable(failure, verdict)
        return following.after(call, failure) if repeatable else _FINAL

    def _heed(self, call: CallRecord, verdict: Verdict) -> None:
        """What the verdict says of the other side's wishes."""
        if verdict.wait is not None:
            call.hints = (max(verdict.wait, call.hints[0] or 0.0), call.hints[1])
        if verdict.quota is not None:
            observe(call.state, verdict.quota, call.now)

    def _bar(self, call: CallRecord) -> None:
        asked = call.hints[0]
        if asked is not None and self._barring is not None:
            call.state.meter.bar(call.now, min(asked, self._barring))

    # How it ends

    def _final(self, call: CallRecord, failure: Exception, reason: str) -> Exception:
        """What the caller gets: the last real error, or that the outcome is unknown."""
        state = call.state
        if call.sent:
            state.failed += 1
            if self._listeners.active:
                name = type(failure).__name__
                self._tell_end(state, call.sent, call.now - call.started, name, reason)
        else:
            state.refused += 1
            if self._listeners.active:
                self.tell_refused(state, type(failure).__name__)
        if isinstance(failure, RejectedError) and call.last is not None:
            failure = call.last
        if call.in_doubt and self._mutating and not isinstance(failure, OutcomeUnknownError):
            facts = failure if isinstance(failure, ProviderError) else None
            failure = outcome_unknown(
                failure, (facts and facts.provider) or self._name, facts.operation if facts else ""
            )
        if self._next is not None and call.sent and (call.tries > 1 or reason != _FINAL):
            attempts = "1 attempt" if call.sent == 1 else f"{call.sent} attempts"
            elapsed = call.now - call.started
            took = "" if isnan(elapsed) else f" in {elapsed:.3g} s"
            _annotate(failure, f"{attempts}{took}, stopped: {reason}")
        return failure

    def _tell_attempt(
        self, state: PolicyState, attempt: int, elapsed: float, error: str | None
    ) -> None:
        if self._tells_calls:
            from hardpoint.resilience.events import own_attempt

            self._listeners.emit(own_attempt(self._name, state.key, attempt, elapsed, error))

    def _tell_end(
        self, state: PolicyState, attempts: int, elapsed: float, error: str | None, why: str | None
    ) -> None:
        if self._tells_calls:
            from hardpoint.resilience.events import own_call

            event = own_call(self._name, state.key, attempts, elapsed, error, stopped=why)
            self._listeners.emit(event)


def observe(state: PolicyState, quota: Quota, now: float) -> None:
    """Slow down ahead of the other side's limit; nothing where there is no rate limit to slow."""
    meter: RateMeter | None = getattr(state, "meter", None)
    if meter is not None:
        meter.thin(now, quota.remaining, quota.reset_in)


def _annotate(error: Exception, text: str) -> None:
    """Note it on the error, in place of an earlier note of ours: errors may be raised again."""
    with suppress(Exception):  # an error may be frozen
        notes = [note for note in getattr(error, "__notes__", ()) if not note.startswith(_NOTE)]
        error.__notes__ = [*notes, _NOTE + text]
