"""What our own policies say: nothing was sent, or it took too long."""

from typing import TYPE_CHECKING

from hardpoint.core.errors.root import HardpointError, first_line


class RejectedError(HardpointError):
    """A policy of yours refused the call; nothing was sent.

    `args` hold the raw facts; everything else is computed from them when it is read. So a refusal
    costs less than a call.

    Attributes:
        policy: the name of the policy that refused.
        key: the key of the state that refused (a host, a tenant), if the policy keeps several.
        retry_after: seconds after which a new try makes sense, if that is known.
        detail: more facts, in a few words.
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            policy: str = "",
            key: object = None,
            retry_after: float | None = None,
            detail: str = "",
            /,
        ) -> None: ...
    else:
        __init__ = Exception.__init__

    @property
    def policy(self) -> str:
        """The name of the policy that refused."""
        return self.args[0] if self.args else ""

    @property
    def key(self) -> object:
        """The key of the state that refused."""
        return self.args[1] if len(self.args) > 1 else None

    @property
    def retry_after(self) -> float | None:  # pyright: ignore[reportIncompatibleVariableOverride] - nobody sets it
        """Seconds after which a new try makes sense."""
        return self.args[2] if len(self.args) > 2 else None

    @property
    def detail(self) -> str:
        """More facts, in a few words."""
        return self.args[3] if len(self.args) > 3 else ""

    def __str__(self) -> str:
        return _where(self.policy, self.key) + "; ".join(
            part
            for part in (
                first_line(type(self)).rstrip("."),
                self.detail,
                "" if self.retry_after is None else f"try again in {self.retry_after:.3g} s",
            )
            if part
        )


class CircuitOpenError(RejectedError):
    """The circuit is open; nothing was sent."""


class LimitExceededError(RejectedError):
    """The rate limit is used up; nothing was sent."""


class BulkheadFullError(RejectedError):
    """Too many calls are under way; nothing was sent."""


class BudgetExhaustedError(RejectedError):
    """The retry budget is used up; nothing was sent."""


class DeadlineTooShortError(RejectedError):
    """The time left until the deadline is too short for an attempt; nothing was sent."""


class TimedOutError(HardpointError, TimeoutError):
    """It took too long.

    Attributes:
        policy: the name of the policy that set the limit.
        key: the key of its state, if it keeps several.
        seconds: how long it was allowed to take.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        policy: str = "",
        key: object = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.policy = policy
        self.key = key
        self.seconds = seconds

    def __str__(self) -> str:
        allowed = "" if self.seconds is None else f" It had {self.seconds:.3g} s."
        return f"{_where(self.policy, self.key)}{super().__str__()}{allowed}"


class AttemptTimeoutError(TimedOutError):
    """One attempt took longer than its timeout; whether it took effect is not known."""

    outcome_known = False


class DeadlineExceededError(TimedOutError):
    """The whole call took longer than its deadline; whether it took effect is not known."""

    outcome_known = False


def _where(policy: str, key: object) -> str:
    if not policy:
        return ""
    return f"{policy}: " if key is None else f"{policy}[{key}]: "
