"""Does this error count against the other side, and may the call be repeated? Decisions only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast, final

from hardpoint.core.errors import (
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
from hardpoint.resilience.circuit import Outcome
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.safety import Effect, Operation, effect_of, may_repeat
from hardpoint.resilience.selection import On, Predicate, predicate_of, refused, transient

A = TypeVar("A")

_FINAL = (DeclinedError, ConfigurationError, UnsupportedError)
"""Never repeated and never counted, whatever was chosen: a decline is an answer, and a wrong set-up
stays wrong."""

_FAILURE, _NEUTRAL = Outcome.FAILURE, Outcome.NEUTRAL  # a member's look-up is not free


@final
@dataclass(frozen=True, slots=True)
class Facts:
    """What the caller says about the call.

    Attributes:
        operation: its class, where a port or the caller gives one; then facts decide.
        idempotent: a repetition does no harm.
        keyed: every attempt carries the same idempotency key.
    """

    operation: Operation | None = None
    idempotent: bool = False
    keyed: bool = False

    @property
    def mutating(self) -> bool:
        """True when an unknown outcome must be told as such."""
        return self.operation not in (None, "safe")


@final
class Judgement:
    """The decisions of one policy. Functions given as options that raise are taken for a no."""

    __slots__ = (
        "_counts",
        "_facts",
        "_harmless",
        "_listeners",
        "_name",
        "_on",
        "_result_again",
        "_result_fails",
        "counts_all",
        "types",
    )

    def __init__(
        self,
        name: str,
        facts: Facts,
        retry: Retry | None,
        breaker: Breaker | None,
        listeners: Listeners,
    ) -> None:
        self._name = name
        self._facts = facts
        self._harmless = facts.idempotent or facts.keyed
        self._listeners = listeners
        on = None if retry is None else retry.on
        self._on = _predicate(on)
        by_type = isinstance(on, (type, tuple)) and not facts.mutating and facts.operation is None
        self.types = cast("type[Exception]", on) if by_type else None
        """These of other people's errors may be repeated, and no others; None: ask `repeatable`."""
        self.counts_all = breaker is None or breaker.on is None
        """The default rule: of other people's errors, all count but throttling."""
        self._counts = _predicate(None if breaker is None else breaker.on)
        self._result_again = None if retry is None else retry.on_result
        self._result_fails = None if breaker is None else breaker.on_result

    def outcome(self, error: Exception, status: int | None) -> Outcome:
        """What an error, with its HTTP status, says about the other side.

        By default every error counts but a provider's answers, and its throttling.
        """
        ours = isinstance(error, HardpointError)
        if ours and isinstance(error, (RejectedError, TimedOutError)):
            return _NEUTRAL if isinstance(error, RejectedError) else _FAILURE
        if ours and isinstance(error, _FINAL):
            counts = False
        elif self._counts is not None:
            counts = self.ask("Breaker.on", self._counts, error)
        elif ours:
            outage = error.retryable or not error.outcome_known
            counts = outage and not isinstance(error, RateLimitedError)
        else:
            counts = status != 429
        return _FAILURE if counts else _NEUTRAL

    def outcome_of_result(self, result: object) -> Outcome:
        """What a result says about the other side."""
        fails = self._result_fails
        if fails is not None and self.ask("Breaker.on_result", fails, result):
            return Outcome.FAILURE
        return Outcome.SUCCESS

    def repeatable(self, error: Exception) -> bool:
        """Whether another attempt is allowed, as far as its harm goes."""
        operation = self._facts.operation
        if operation is not None:
            return may_repeat(operation, effect_of(error), keyed=self._facts.keyed)
        if isinstance(error, TimedOutError):
            return self._harmless
        if isinstance(error, _FINAL):
            return False
        if self._on is not None:
            return self.ask("Retry.on", self._on, error)
        return self._repeatable_by_default(error)

    def _repeatable_by_default(self, error: Exception) -> bool:
        if self._harmless:
            return transient(error) or effect_of(error) is not Effect.ANSWERED
        if isinstance(error, HardpointError):
            return error.retryable and error.outcome_known
        return refused(error)

    def result_repeatable(self, result: object) -> bool:
        """Whether a result is to be asked for again."""
        again = self._result_again
        if again is None or self._facts.operation == "never":
            return False
        return self.ask("Retry.on_result", again, result)

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


def _predicate(on: On | None) -> Predicate | None:
    return None if on is None else predicate_of(on)
