"""The options of a circuit breaker; its state machine is `Circuit`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.options import amount, count, seconds, share
from hardpoint.resilience.selection import On, check_selection


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Stops calling what fails, and asks carefully whether it is back.

    It opens on any of three rules. The rates count once `min_calls` are in the window; a call that
    fails or is slow is what opens it, and that call raises its own error.

    Attributes:
        failures: so many failures in a row. 5, if neither `rate` nor `slow` is given.
        rate: this share of failed calls in the window.
        slow: (seconds, share): this share of calls that took at least so many seconds.
        window: the window, in seconds.
        last: the window, in calls, instead of seconds.
        min_calls: how many calls make a rate.
        recovery: seconds until it asks again; when the answer is bad, `growth` times as long, up to
            `recovery_max`, plus up to a `jitter` share of it by chance.
        probes: how many calls may ask at once while half-open.
        successes: how many good answers close it.
        lease: seconds after which a probe that never reported is given to another call; by default
            the attempt's timeout, else `recovery`.
        on: which errors count: types, a predicate, or a preset's name. By default every
            `Exception` but the answers of a provider (a decline, an invalid request).
        on_result: a predicate of results that count as failures.
        observe: record and tell, but refuse nothing; for a roll-out.
    """

    failures: int | None = None
    rate: float | None = None
    slow: tuple[float, float] | None = None
    window: float = 30.0
    last: int | None = None
    min_calls: int = 20
    recovery: float = 60.0
    growth: float = 2.0
    recovery_max: float = 600.0
    jitter: float = 0.1
    probes: int = 1
    successes: int = 2
    lease: float | None = None
    on: On | None = None
    on_result: Callable[[Any], bool] | None = None
    observe: bool = False

    def __post_init__(self) -> None:
        if self.failures is not None:
            count("Breaker.failures", self.failures)
        if self.rate is not None:
            share("Breaker.rate", self.rate)
        if self.slow is not None:
            _check_slow(self.slow)
        if self.last is not None and count("Breaker.last", self.last) < self.min_calls:
            raise ConfigurationError(
                "Breaker.last", f"never reaches min_calls ({self.last} < {self.min_calls})"
            )
        seconds("Breaker.window", self.window)
        count("Breaker.min_calls", self.min_calls)
        seconds("Breaker.recovery", self.recovery)
        if amount("Breaker.growth", self.growth) < 1:
            raise ConfigurationError("Breaker.growth", f"must be 1 or more, not {self.growth:g}")
        if seconds("Breaker.recovery_max", self.recovery_max) < self.recovery:
            raise ConfigurationError(
                "Breaker.recovery_max",
                f"is below recovery ({self.recovery_max:g} < {self.recovery:g})",
            )
        amount("Breaker.jitter", self.jitter, zero=True)
        count("Breaker.probes", self.probes)
        count("Breaker.successes", self.successes)
        if self.lease is not None:
            seconds("Breaker.lease", self.lease)
        check_selection("Breaker.on", self.on)

    @property
    def in_a_row(self) -> int | None:
        """Failures in a row that open it."""
        alone = self.failures is None and self.rate is None and self.slow is None
        return 5 if alone else self.failures

    @property
    def has_window(self) -> bool:
        """True when a rate rule needs one."""
        return self.rate is not None or self.slow is not None


def _check_slow(slow: tuple[float, float]) -> None:
    try:
        after, part = slow
    except (TypeError, ValueError):
        raise ConfigurationError("Breaker.slow", "is a pair: (seconds, share of calls)") from None
    seconds("Breaker.slow[0]", after)
    share("Breaker.slow[1]", part)
