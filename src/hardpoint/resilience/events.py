"""What is told of calls: their attempts and their ends, and every decision of a policy.

None of it holds what was sent or received.

Imported when there is first something to tell: others do not pay for it.
"""

from dataclasses import dataclass, field
from typing import ClassVar, final

import msgspec

from hardpoint.core.correlation import correlation_id


class AttemptEnded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt of a call ended. Who knows most of the call tells it, and nobody else.

    For the calls of a hub's connections that is the hub; for a policy of your own, the policy: its
    name stands for the connection, and what it does not know is empty.

    Attributes:
        call_id: ours, the same for every attempt of a call, and for the call.
        connection, provider, operation: what was called.
        attempt: counted from 1.
        error: None for success, else the error's `code` or the name of its class, or `cancelled`.
        method, url: as they went over the wire, without query and what else is secret.
        status, request_id: of the answer, the latter as the vendor names the request.
        state_key: which of a policy's states it was under, if the policy keeps several.
    """

    call_id: str = ""
    connection: str
    provider: str = ""
    operation: str = ""
    attempt: int
    seconds: float
    error: str | None
    method: str | None = None
    url: str | None = None
    status: int | None = None
    request_id: str | None = None
    correlation_id: str | None
    state_key: object = None


class CallEnded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call ended, after so many attempts; see `AttemptEnded` for who tells it.

    Attributes:
        key: its idempotency key, where it has one.
        stopped: of a policy of your own, why no further attempt followed: `attempts`, `deadline`,
            `budget`, `backoff`, `retry_after`, `circuit open`, `no retry`, `not repeatable`, or the
            name of the refusal that ended it.
        state_key: as in `AttemptEnded`.
    """

    call_id: str = ""
    connection: str
    provider: str = ""
    operation: str = ""
    attempts: int
    seconds: float
    error: str | None
    key: str | None = None
    stopped: str | None = None
    correlation_id: str | None
    state_key: object = None


def own_attempt(
    policy: str, key: object, attempt: int, seconds: float, error: str | None
) -> AttemptEnded:
    """An attempt under a policy of one's own."""
    return AttemptEnded(
        connection=policy,
        attempt=attempt,
        seconds=seconds,
        error=error,
        correlation_id=correlation_id.get(),
        state_key=key,
    )


def own_call(
    policy: str,
    key: object,
    attempts: int,
    seconds: float,
    error: str | None,
    *,
    stopped: str | None,
) -> CallEnded:
    """A call under a policy of one's own."""
    return CallEnded(
        connection=policy,
        attempts=attempts,
        seconds=seconds,
        error=error,
        stopped=stopped,
        correlation_id=correlation_id.get(),
        state_key=key,
    )


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
class RetryScheduled(PolicyEvent):
    """Another attempt follows after `delay` seconds; `attempt` is the one that failed."""

    attempt: int
    delay: float
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
