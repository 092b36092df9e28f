"""The options of retries."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, final

from hardpoint.resilience.backoff import Backoff, constant, exponential
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.options import count, seconds
from hardpoint.resilience.selection import On, check_selection


@final
@dataclass(frozen=True, slots=True)
class Retry:
    """Try again.

    Attributes:
        attempts: at most so many, the first call included.
        on: which errors, and with that your consent to a repetition: types, a predicate, or a
            preset. By default those that prove that nothing was done: errors with `retryable` true
            and a known outcome, and refused connections; and all that are `transient` where a
            repetition does no harm (`idempotent=True` or an idempotency key). Only there our own
            attempt timeout is retried. A policy with a `repeat` class decides by what is known of
            an error; of others those chosen here are repeated, as far as the class allows.
        on_result: a predicate of results that are to be retried; the last result is returned.
        backoff: how long to wait: a curve, plain seconds, or a function.
        throttled: the curve while the other side asks us to slow down (429, or a Retry-After).
        budget: what bounds all retries together.
        retry_after_max: the longest Retry-After that is waited for; above it the error is raised.
    """

    attempts: int = 3
    _: KW_ONLY
    on: On | None = None
    on_result: Callable[[Any], bool] | None = None
    backoff: Backoff | float = exponential(0.1, cap=5)  # noqa: RUF009 - a frozen value
    throttled: Backoff | float = exponential(1.0, cap=60)  # noqa: RUF009 - a frozen value
    budget: Budget | None = None
    retry_after_max: float = 60.0

    def __post_init__(self) -> None:
        count("Retry.attempts", self.attempts, most=1000)
        check_selection("Retry.on", self.on)
        for name in ("backoff", "throttled"):
            value = getattr(self, name)
            if not callable(value):
                seconds(f"Retry.{name}", value, zero=True)
        seconds("Retry.retry_after_max", self.retry_after_max, zero=True)

    def curve(self, *, throttled: bool) -> Backoff:
        """How long to wait."""
        curve = self.throttled if throttled else self.backoff
        return curve if callable(curve) else constant(curve)
