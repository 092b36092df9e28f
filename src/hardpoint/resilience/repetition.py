"""Is there a further attempt, and after how long? Attempts, hints, deadline and budget decide."""

from math import inf, isfinite
from typing import final

from hardpoint.core.errors import CircuitOpenError, RateLimitedError, RejectedError
from hardpoint.core.events import Listeners
from hardpoint.resilience.backoff import Backoff, Curve
from hardpoint.resilience.call import Call
from hardpoint.resilience.hints import NOTHING
from hardpoint.resilience.judgement import Judgement
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.timeout import LIMIT, outer_limit
from hardpoint.runtime.effects import Effects


@final
class Repetition:
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

    def after_refusal(self, call: Call, refusal: RejectedError) -> str | None:
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
        self, call: Call, outcome: object
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
        if self._budgeted and not state.purse.spend(call.now):
            return "budget"
        call.delay = delay
        state.retried += 1
        if self._listeners.active:
            kind = type(outcome).__name__ if isinstance(outcome, Exception) else "result"
            self._tell(call, "throttled" if throttled else kind)
        return None

    def _delay(self, call: Call, curve: Backoff) -> float | None:
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

    def _tell(self, call: Call, why: str) -> None:
        from hardpoint.resilience.events import RetryScheduled

        event = RetryScheduled(self._name, call.state.key, call.sent, call.delay, why)
        self._listeners.emit(event)


def _same(curve: Backoff) -> float | None:
    """The wait that is always the same, or None."""
    if isinstance(curve, Curve) and curve.kind == "constant" and curve.jitter == "none":
        return curve.first
    return None
