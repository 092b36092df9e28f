"""What policies tell their listeners: one event for every decision, none of them with user data.

Imported when there is first something to tell: others do not pay for it.
"""

from dataclasses import dataclass, field
from typing import ClassVar, final


@dataclass(frozen=True, slots=True)
class PolicyEvent:
    """Something a policy did.

    Attributes:
        policy: the policy's name.
        key: which of its states, if it keeps several.
    """

    policy: str
    key: object


@final
@dataclass(frozen=True, slots=True)
class AttemptFinished(PolicyEvent):
    """An attempt is over; `error` is the name of what it raised, None when it succeeded."""

    attempt: int
    elapsed: float
    error: str | None


@final
@dataclass(frozen=True, slots=True)
class RetryScheduled(PolicyEvent):
    """Another attempt follows after `delay` seconds; `attempt` is the one that failed."""

    attempt: int
    delay: float
    reason: str


@final
@dataclass(frozen=True, slots=True)
class GaveUp(PolicyEvent):
    """The call has failed for good."""

    attempts: int
    elapsed: float
    reason: str


@final
@dataclass(frozen=True, slots=True)
class CallRejected(PolicyEvent):
    """A part of the policy refused; nothing was sent. `by` is the class of the error."""

    by: str


@final
@dataclass(frozen=True, slots=True)
class CallQueued(PolicyEvent):
    """The call waits in line for `part` (`rate`, `bulkhead`)."""

    part: str


@final
@dataclass(frozen=True, slots=True)
class CircuitChanged(PolicyEvent):
    """The breaker changed its state; `open_for` seconds when it opened."""

    before: str
    after: str
    reason: str
    open_for: float | None

    @property
    def severity(self) -> str:
        """Calls are refused from now on, or they are tried again."""
        return "warning" if self.after in {"open", "forced_open"} else "info"


@final
@dataclass(frozen=True, slots=True)
class FellBack(PolicyEvent):
    """The caller got the fallback, or `Degraded`, instead of the error named."""

    error: str

    @property
    def severity(self) -> str:
        """An open circuit has been told of already, when it opened."""
        return "info" if self.error == "CircuitOpenError" else "warning"


@final
@dataclass(frozen=True, slots=True)
class Hedged(PolicyEvent):
    """A second attempt was started beside a slow first."""


@final
@dataclass(frozen=True, slots=True)
class HedgeWon(PolicyEvent):
    """The second attempt was the faster one."""


@final
@dataclass(frozen=True, slots=True)
class ErrorNotJudged(PolicyEvent):
    """An error passed `Retry` unretried, since nobody said what it means: told once for each class.

    Say it with `Retry(on=...)`, or with `classify=`.
    """

    severity: ClassVar[str] = "warning"
    error: str


@final
@dataclass(frozen=True, slots=True)
class OptionFailed(PolicyEvent):
    """A function given as an option (a predicate, a backoff) raised; it was taken for a no."""

    severity: ClassVar[str] = "warning"
    option: str
    error: str
    exception: Exception | None = field(default=None, compare=False, repr=False)
