"""What follows an attempt that did not simply succeed: how it is counted, and what comes next."""

from collections.abc import Coroutine
from contextlib import suppress
from math import isfinite
from typing import Any, NoReturn, final

from hardpoint.core.errors import (
    AttemptTimeoutError,
    ConfigurationError,
    DeadlineExceededError,
    DeadlineTooShortError,
    OutcomeUnknownError,
    ProviderError,
    RejectedError,
    TimedOutError,
)
from hardpoint.core.events import Listeners
from hardpoint.resilience.backoff import Curve
from hardpoint.resilience.circuit import Outcome
from hardpoint.resilience.events import AttemptFinished, FellBack, GaveUp, RetryScheduled
from hardpoint.resilience.fallback import Fallback
from hardpoint.resilience.hints import hint_of, is_throttled
from hardpoint.resilience.judgement import Facts, Judgement
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.safety import Effect, effect_of
from hardpoint.resilience.state import State
from hardpoint.resilience.timeout import outer_limit
from hardpoint.runtime.effects import Effects

_NOTE = "hardpoint: "
_HINT_MAX = 60.0  # how long a Retry-After may bar the rate limit of a policy without retries


@final
class Call:
    """One logical call, from its first failure on.

    Attributes:
        tries: attempts and refusals so far.
        sent: attempts that reached the function.
        delay: seconds until the next attempt.
        failure: what is to be raised, when no further attempt follows. The runner clears it, as
            it pins frames.
        last: the last real error, as a refusal may come after it; cleared likewise.
        in_doubt: an attempt may have acted, and no later one has told.
    """

    __slots__ = ("delay", "failure", "in_doubt", "last", "sent", "tries")

    def __init__(self) -> None:
        self.tries = 0
        self.sent = 0
        self.delay = 0.0
        self.failure: BaseException | None = None
        self.last: Exception | None = None
        self.in_doubt = False


@final
class Settlement:
    """Settles the attempts of one policy. It never waits, and calls nothing under a lock."""

    __slots__ = (
        "_deadline",
        "_effects",
        "_facts",
        "_fallback",
        "_judgement",
        "_listeners",
        "_name",
        "_retry",
        "_timeout",
    )

    def __init__(
        self,
        *,
        name: str,
        effects: Effects,
        listeners: Listeners,
        judgement: Judgement,
        facts: Facts,
        retry: Retry | None,
        deadline: float | None,
        timeout: float | None,
        fallback: Fallback | None,
    ) -> None:
        self._name = name
        self._effects = effects
        self._listeners = listeners
        self._judgement = judgement
        self._facts = facts
        self._retry = retry
        self._deadline = deadline
        self._timeout = timeout
        self._fallback = fallback

    def failed(
        self,
        call: Call | None,
        state: State,
        error: BaseException,
        *,
        permit: int,
        held: bool,
        sent: bool,
        expired: bool,
        started: float,
        began: float,
        limit: float,
        until: float,
    ) -> Call:
        """Count an attempt that raised, and decide.

        Args:
            call: the record of this call, None at its first failure.
            state: the key's state.
            error: what came out of the attempt, or of its admission.
            permit: the breaker's permit; 0 for none.
            held: whether it held a place in the bulkhead.
            sent: whether the function was reached.
            expired: whether our timer ended it.
            started: when the call began.
            began: when the attempt began.
            limit: when it had to be over.
            until: when the call has to be over.
        """
        now = self._effects.monotonic()
        if held:
            state.room.give_back()
        if call is None:
            call = Call()
        if not expired and not isinstance(error, Exception):
            # Cancelled, interrupted or closed: it says nothing about the other side.
            if permit:
                state.circuit.record(permit, Outcome.NEUTRAL, began=began, now=now)
            call.failure = error
            return call
        failure = self._failure(
            state, error, expired=expired, sent=sent, now=now, began=began, limit=limit
        )
        if permit:
            outcome = self._outcome(failure, started, limit)
            kind = type(failure).__name__
            state.circuit.record(permit, outcome, began=began, now=now, error=kind)
        call.tries += 1
        if sent:
            call.sent += 1
            state.attempts_failed += 1
            state.timed_out += isinstance(failure, TimedOutError)
            if self._listeners:
                self._tell_attempt(state, call.sent, now - began, type(failure).__name__)
        reason = self._reason_to_stop(call, state, failure, now, until)
        if reason is None:
            call.last = failure if sent else call.last
        else:
            call.failure = self._final(call, state, failure, reason, now - started)
        return call

    def returned(
        self,
        call: Call | None,
        state: State,
        result: object,
        *,
        permit: int,
        late: bool,
        started: float,
        began: float,
        until: float,
    ) -> Call | None:
        """Count an attempt that returned, where results are judged.

        Returns:
            None when the result stands; else another attempt follows.
        """
        now = self._effects.monotonic()
        again = self._judgement.result_repeatable(result)
        if permit:
            outcome = Outcome.FAILURE if late else self._judgement.outcome_of_result(result)
            state.circuit.record(permit, outcome, began=began, now=now, error="result")
        if not again:
            return None
        if call is None:
            call = Call()
        call.tries += 1
        call.sent += 1
        reason = self._no_time(call, state, result, now, until)
        if reason is None:
            state.attempts_failed += 1
            if self._listeners:
                self._tell_attempt(state, call.sent, now - began, "result")
            return call
        self._tell_end(call, state, reason, now - started)
        return None

    def succeeded(self, call: Call | None, state: State, began: float) -> None:
        """Tell the listeners of a success."""
        sent = 1 if call is None else call.sent + 1
        self._tell_attempt(state, sent, self._effects.monotonic() - began, None)

    def conclude(
        self, call: Call, state: State, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Raise what is to be raised, or give the fallback: a value or an awaitable of it."""
        failure = call.failure
        call.failure = None
        try:
            raise failure or RuntimeError("the call is over")  # noqa: TRY301 - for the traceback
        except Exception as error:
            if self._fallback is None:
                raise
            state.degraded += 1
            if self._listeners:
                self._listeners.emit(FellBack(self._name, state.key, type(error).__name__))
            return self._fallback(error, args, kwargs)
        finally:
            del failure

    def refuse_late(self, state: State) -> NoReturn:
        """Refuse to send what could not be answered in time."""
        raise DeadlineTooShortError(self._name, state.key)

    def refuse_taskless(self) -> NoReturn:
        """Refuse to run where there is nothing that a timeout could cancel."""
        raise RuntimeError(f"{self._name}: a timeout needs a task; run it by an event loop")

    def refuse_coroutine(self, result: Coroutine[Any, Any, Any]) -> NoReturn:
        """Refuse a plain function that gave a coroutine: it would run outside the policy."""
        result.close()
        raise ConfigurationError(
            self._name,
            "the function is not `async def`, but it returned a coroutine, which no policy guards",
            fix="Give the coroutine function itself, with its arguments: policy.call(fetch, url)",
        )

    # What it was

    def _failure(
        self,
        state: State,
        error: BaseException,
        *,
        expired: bool,
        sent: bool,
        now: float,
        began: float,
        limit: float,
    ) -> Exception:
        """The error that the attempt ended with: our timeout, or what was raised."""
        if not expired and isinstance(error, Exception):
            # A blocking call cannot be interrupted; its own socket timeout speaks for ours.
            late = sent and now >= limit and isinstance(error, TimeoutError)
            if not late or isinstance(error, TimedOutError):
                return error
        timeout = self._timeout
        if timeout is not None and limit == began + timeout:
            failure = AttemptTimeoutError(policy=self._name, key=state.key, seconds=timeout)
        else:
            failure = DeadlineExceededError(
                policy=self._name, key=state.key, seconds=self._deadline
            )
        failure.__cause__ = error
        return failure

    def _outcome(self, failure: Exception, started: float, limit: float) -> Outcome:
        """What it says about the other side."""
        if isinstance(failure, DeadlineExceededError) and failure.policy == self._name:
            # Cut short by what was left of somebody's time: that proves nothing. Without a timeout
            # of its own, though, a call that hangs until our deadline is the only sign there is.
            whole = self._deadline is not None and limit == started + self._deadline
            return Outcome.FAILURE if whole and self._timeout is None else Outcome.NEUTRAL
        return self._judgement.outcome(failure)

    # What comes next

    def _reason_to_stop(
        self, call: Call, state: State, failure: Exception, now: float, until: float
    ) -> str | None:
        """Why there is no further attempt; None when there is one, after `call.delay`."""
        if isinstance(failure, RejectedError):
            return self._no_use_waiting(call, failure, now, until)
        effect = effect_of(failure)
        if effect is Effect.UNKNOWN:
            call.in_doubt = True
        elif effect is Effect.ANSWERED:
            call.in_doubt = False
        if self._retry is None:
            self._bar(state, hint_of(failure, self._effects.now()), now, _HINT_MAX)
            return "no retry"
        if not self._judgement.repeatable(failure, effect):
            return "not repeatable"
        return self._no_time(call, state, failure, now, until)

    def _no_use_waiting(
        self, call: Call, refusal: RejectedError, now: float, until: float
    ) -> str | None:
        """A refusal is waited for only when it names a time that fits the deadline."""
        retry, wait = self._retry, refusal.retry_after
        kind = type(refusal).__name__
        if retry is None or wait is None or call.tries >= retry.attempts:
            return kind
        if not isfinite(until) or now + wait >= until:
            return kind
        call.delay = wait
        return None

    def _no_time(
        self, call: Call, state: State, outcome: object, now: float, until: float
    ) -> str | None:
        """Why a repeatable outcome is not repeated: attempts, deadline or budget are used up."""
        retry = self._retry or Retry()
        hint = hint_of(outcome, self._effects.now())
        self._bar(state, hint, now, retry.retry_after_max)
        if call.tries >= retry.attempts:
            return "attempts"
        if hint is not None and hint > retry.retry_after_max:
            return "retry_after"
        throttled = is_throttled(outcome, hint)
        delay = self._delay(retry, call, throttled, hint)
        if delay is None:
            return "backoff"
        if now + delay >= min(until, outer_limit(self._effects, now)):
            return "deadline"
        if retry.budget is not None and not state.purse.spend(now):
            return "budget"
        call.delay = delay
        state.retried += 1
        if self._listeners:
            why = "throttled" if throttled else type(outcome).__name__
            event = RetryScheduled(self._name, state.key, call.sent, delay, why)
            self._listeners.emit(event)
        return None

    def _delay(self, retry: Retry, call: Call, throttled: bool, hint: float | None) -> float | None:
        curve = retry.wait(throttled=throttled)
        try:
            own = float(curve(call.sent, call.delay, self._effects.random))
        except Exception as error:  # noqa: BLE001 - a backoff never changes the outcome
            self._judgement.complain("Retry.backoff", error)
            return None
        if not isfinite(own) or own < 0:
            return None
        if hint is None:
            return own
        # What the server asked for is the least; chance comes on top, or all would return at once.
        exact = isinstance(curve, Curve) and curve.jitter == "none"
        return max(hint, own) if exact else hint + own

    def _bar(self, state: State, hint: float | None, now: float, most: float) -> None:
        if hint is not None and hasattr(state, "meter"):
            state.meter.bar(now, min(hint, most))

    # How it ends

    def _final(
        self, call: Call, state: State, failure: Exception, reason: str, elapsed: float
    ) -> Exception:
        """What the caller gets: the last real error, or that the outcome is unknown."""
        self._tell_end(call, state, reason, elapsed)
        if call.sent:
            state.failed += 1
        else:
            state.refused += 1
        last = call.last
        if isinstance(failure, RejectedError) and last is not None:
            failure = last
        if call.in_doubt and self._facts.mutating and not isinstance(failure, OutcomeUnknownError):
            doubt = OutcomeUnknownError(
                provider=failure.provider if isinstance(failure, ProviderError) else self._name,
                operation=failure.operation if isinstance(failure, ProviderError) else "",
            )
            doubt.__cause__ = failure
            failure = doubt
        if self._retry is not None and (call.tries > 1 or reason != "not repeatable"):
            attempts = "1 attempt" if call.sent == 1 else f"{call.sent} attempts"
            _annotate(failure, f"{attempts} in {elapsed:.3g} s, stopped: {reason}")
        return failure

    def _tell_attempt(self, state: State, attempt: int, elapsed: float, error: str | None) -> None:
        self._listeners.emit(AttemptFinished(self._name, state.key, attempt, elapsed, error))

    def _tell_end(self, call: Call, state: State, reason: str, elapsed: float) -> None:
        if self._listeners:
            self._listeners.emit(GaveUp(self._name, state.key, call.sent, elapsed, reason))


def _annotate(error: Exception, text: str) -> None:
    """Note it on the error, in place of an earlier note of ours: errors may be raised again."""
    with suppress(Exception):  # an error may be frozen
        notes = [note for note in getattr(error, "__notes__", ()) if not note.startswith(_NOTE)]
        error.__notes__ = [*notes, _NOTE + text]
