"""Does it count against the other side, does another attempt follow, and when? Decisions only.

`Judgement` says what an attempt's outcome means, `NextAttempt` whether another follows: attempts,
hints, deadline and budget decide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, TypeVar, cast, final

from hardpoint.core.errors import (
    CircuitOpenError,
    ConfigurationError,
    DeclinedError,
    HardpointError,
    RateLimitedError,
    RejectedError,
    TimedOutError,
    UnsupportedError,
)
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.circuit import CircuitOutcome
from hardpoint.resilience.hints import NOTHING, status_of
from hardpoint.resilience.recognition import NOT_RECOGNISED, Verdict, by_status, recognise
from hardpoint.resilience.repetition import Effect, RepeatClass, may_repeat
from hardpoint.resilience.retry import Backoff, Curve, Retry
from hardpoint.resilience.selection import On, Predicate, predicate_of, transient
from hardpoint.resilience.timeout import LIMIT, outer_limit
from hardpoint.runtime.effects import Effects

if TYPE_CHECKING:
    from hardpoint.resilience.state import CallRecord

A = TypeVar("A")

_FINAL = (DeclinedError, ConfigurationError, UnsupportedError)
"""Never repeated and never counted, whatever was chosen: a decline is an answer, and a wrong set-up
stays wrong."""

_FAILURE, _NEUTRAL = (
    CircuitOutcome.FAILURE,
    CircuitOutcome.NEUTRAL,
)  # a member's look-up is not free


Classify = Callable[[Any], Verdict | None]
"""What a result or an error means, in the user's own words; None leaves it to the table."""

_REMEMBERED_MAX = 100


@final
@dataclass(frozen=True, slots=True)
class CallFacts:
    """What the caller says about the call.

    Attributes:
        repeat: the class of the operation, where a port or the caller gives one; then facts decide.
        idempotent: a repetition does no harm.
        keyed: every attempt carries the same idempotency key.
        classify: what results and errors mean.
    """

    repeat: RepeatClass | None = None
    idempotent: bool = False
    keyed: bool = False
    classify: Classify | None = None

    @property
    def mutating(self) -> bool:
        """True when an unknown outcome must be told as such."""
        return self.repeat not in (None, "safe")


@final
class Judgement:
    """The decisions of one policy. Functions given as options that raise are taken for a no."""

    __slots__ = (
        "_counts",
        "_facts",
        "_listeners",
        "_name",
        "_on",
        "_result_again",
        "_result_fails",
        "_told",
        "counts_all",
        "types",
    )

    def __init__(
        self,
        name: str,
        facts: CallFacts,
        retry: Retry | None,
        breaker: Breaker | None,
        listeners: Listeners,
    ) -> None:
        self._name = name
        self._facts = facts
        self._listeners = listeners
        self._told: set[type] = set()
        on = None if retry is None else retry.on
        self._on = _predicate(on)
        by_facts = facts.repeat is not None or facts.classify is not None
        by_type = isinstance(on, (type, tuple)) and not by_facts
        self.types = cast("type[Exception]", on) if by_type else None
        """These of other people's errors may be repeated, and no others; None: ask `repeatable`."""
        self.counts_all = (breaker is None or breaker.on is None) and not by_facts
        """Of other people's errors without a status, all count."""
        self._counts = _predicate(None if breaker is None else breaker.on)
        self._result_again = None if retry is None else retry.on_result
        self._result_fails = None if breaker is None else breaker.on_result

    def verdict(self, error: Exception) -> Verdict:
        """What an error means."""
        return self._own(error) or recognise(error)

    def verdict_on_result(self, result: object) -> Verdict:
        """What a result means; mostly nothing in particular."""
        return self._own(result) or NOT_RECOGNISED

    def outcome(self, error: Exception, status: int | None, verdict: Verdict) -> CircuitOutcome:
        """What an error, with its HTTP status, says about the other side.

        By default every error counts but an answer (a provider's, or a status from 400 to 499) and
        throttling.
        """
        ours = isinstance(error, HardpointError)
        if ours and isinstance(error, (RejectedError, TimedOutError)):
            return _NEUTRAL if isinstance(error, RejectedError) else _FAILURE
        if ours and isinstance(error, _FINAL):
            counts = False
        elif self._counts is not None:
            counts = self.ask("Breaker.on", self._counts, error)
        elif verdict.counts is not None:
            counts = verdict.counts
        elif ours:
            outage = error.retryable or not error.outcome_known
            counts = outage and not isinstance(error, RateLimitedError)
        elif status is not None:
            counts = status == 408 or not 400 <= status < 500
        else:
            counts = verdict.effect is not Effect.ANSWERED
        return _FAILURE if counts else _NEUTRAL

    def outcome_of_result(self, result: object, verdict: Verdict) -> CircuitOutcome:
        """What a result says about the other side."""
        fails = self._result_fails
        if fails is not None and self.ask("Breaker.on_result", fails, result):
            return CircuitOutcome.FAILURE
        return CircuitOutcome.FAILURE if verdict.counts else CircuitOutcome.SUCCESS

    def repeatable(self, error: Exception, verdict: Verdict) -> bool:
        """Whether another attempt is allowed, as far as its harm goes."""
        if verdict.retry is False or isinstance(error, _FINAL):
            return False
        effect, repeat = verdict.effect, self._facts.repeat
        if repeat is None:
            return self._consented(error, verdict)
        if effect is None:
            if not (verdict.retry or (self._on and self.ask("Retry.on", self._on, error))):
                self._tell_not_judged(error)
                return False
            effect = Effect.UNKNOWN
        return may_repeat(repeat, effect, keyed=self._facts.keyed)

    def _consented(  # noqa: PLR0911 - each return is a rule
        self, error: Exception, verdict: Verdict
    ) -> bool:
        """The same without a class: by what was chosen, else by what proves harmless."""
        harmless = self._facts.idempotent or self._facts.keyed
        if isinstance(error, TimedOutError):
            return harmless
        if verdict.retry:
            return True
        if self._on is not None:
            return self.ask("Retry.on", self._on, error)
        if verdict.effect is None:
            self._tell_not_judged(error)
            return False
        if harmless:
            return transient(error) or verdict.effect is not Effect.ANSWERED
        if isinstance(error, HardpointError):
            return error.retryable and error.outcome_known
        return verdict.effect is Effect.UNSENT

    def result_repeatable(self, result: object, verdict: Verdict) -> bool:
        """Whether a result is to be asked for again; the class of the operation has its say."""
        again = self._result_again
        wanted = verdict.retry
        if wanted is None:
            wanted = again is not None and self.ask("Retry.on_result", again, result)
        repeat = self._facts.repeat
        if not wanted or repeat is None:
            return wanted
        status = status_of(result)
        effect = verdict.effect or by_status(status).effect or Effect.UNKNOWN
        if effect is Effect.ANSWERED and (status is None or status < 400):
            effect = Effect.UNKNOWN  # it acted, and may act again
        return may_repeat(repeat, effect, keyed=self._facts.keyed)

    def ask(self, option: str, predicate: Callable[[A], bool], about: A) -> bool:
        """The predicate's answer."""
        try:
            return bool(predicate(about))
        except Exception as error:  # noqa: BLE001 - a predicate never changes the outcome
            self.complain(option, error)
            return False

    def complain(self, option: str, error: Exception) -> None:
        """Tell that a function given as an option raised."""
        from hardpoint.resilience.events import OptionFailed

        kind = type(error).__name__
        self._listeners.emit(OptionFailed(self._name, None, option, kind, error))

    def _own(self, about: object) -> Verdict | None:
        classify = self._facts.classify
        if classify is None:
            return None
        try:
            return classify(about)
        except Exception as error:  # noqa: BLE001 - it never changes the outcome
            self.complain("classify", error)
            return None

    def _tell_not_judged(self, error: Exception) -> None:
        """Once for each kind of error: nobody said that it may be repeated."""
        kind = type(error)
        if kind in self._told or len(self._told) >= _REMEMBERED_MAX:
            return
        self._told.add(kind)
        from hardpoint.resilience.events import ErrorNotJudged

        self._listeners.emit(ErrorNotJudged(self._name, None, f"{kind.__module__}.{kind.__name__}"))


def _predicate(on: On | None) -> Predicate | None:
    return None if on is None else predicate_of(on)


@final
class NextAttempt:
    """Decides for one policy. Its methods say why there is no further attempt, or None."""

    __slots__ = (
        "_attempts",
        "_backoff",
        "_breaks",
        "_budgeted",
        "_effects",
        "_judgement",
        "_listeners",
        "_longest",
        "_name",
        "_same",
        "_throttled",
    )

    def __init__(
        self,
        name: str,
        retry: Retry,
        judgement: Judgement,
        effects: Effects,
        listeners: Listeners,
        *,
        breaks: bool,
    ) -> None:
        self._name = name
        self._attempts = retry.attempts
        self._backoff = retry.curve(throttled=False)
        self._same = _same(self._backoff)
        self._throttled = retry.curve(throttled=True)
        self._longest = retry.retry_after_max
        self._budgeted = retry.budget is not None
        self._breaks = breaks
        self._judgement = judgement
        self._effects = effects
        self._listeners = listeners

    def after_refusal(self, call: "CallRecord", refusal: RejectedError) -> str | None:
        """A refusal is waited for only when it names a time, and that fits the deadline.

        That of a circuit never is: it is there to fail at once, and when it may be asked again,
        one of all who waited would get through.
        """
        wait = refusal.retry_after
        if wait is None or isinstance(refusal, CircuitOpenError) or call.tries >= self._attempts:
            return type(refusal).__name__
        if call.until == inf or call.now + wait >= call.until:
            return type(refusal).__name__
        call.delay = wait
        return None

    def after(  # noqa: PLR0911 - each return is a reason
        self, call: "CallRecord", outcome: object
    ) -> str | None:
        """An error or a result that may be repeated."""
        if call.tries >= self._attempts:
            return "attempts"
        if call.hints is not NOTHING or isinstance(outcome, RateLimitedError):
            hint, status = call.hints
            if hint is not None and hint > self._longest:
                return "retry_after"
            throttled = hint is not None or status == 429 or isinstance(outcome, RateLimitedError)
            delay = self._delay(call, self._throttled if throttled else self._backoff)
        else:
            throttled = False
            delay = self._same if self._same is not None else self._delay(call, self._backoff)
        if delay is None:
            return "backoff"
        again = call.now + delay
        if again >= call.until or (
            LIMIT.get() is not None and again >= outer_limit(self._effects, call.now)
        ):
            return "deadline"
        state = call.state
        if self._breaks and again < state.circuit.until and not state.circuit.observing:
            return "circuit open"
        if self._budgeted and not state.account.spend(call.now):
            return "budget"
        call.delay = delay
        state.retried += 1
        if self._listeners.active:
            kind = type(outcome).__name__ if isinstance(outcome, Exception) else "result"
            self._tell(call, "throttled" if throttled else kind)
        return None

    def _delay(self, call: "CallRecord", curve: Backoff) -> float | None:
        try:
            own = curve(call.sent, call.delay, self._effects.random)
            if not (isfinite(own) and own >= 0):
                return None
        except Exception as error:  # noqa: BLE001 - a backoff never changes the outcome
            self._judgement.complain("Retry.backoff", error)
            return None
        hint = call.hints[0]
        if hint is None:
            return own
        # What the server asked for is the least; chance comes on top, or all would return at once.
        exact = isinstance(curve, Curve) and curve.jitter == "none"
        return max(hint, own) if exact else hint + own

    def _tell(self, call: "CallRecord", why: str) -> None:
        from hardpoint.resilience.events import RetryScheduled

        event = RetryScheduled(self._name, call.state.key, call.sent, call.delay, why)
        self._listeners.emit(event)


def _same(curve: Backoff) -> float | None:
    """The wait that is always the same, or None."""
    if isinstance(curve, Curve) and curve.kind == "constant" and curve.jitter == "none":
        return curve.first
    return None
