"""The options of a circuit breaker, and the windows that its rates count in.

The state machine is `Circuit`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.options import amount, count, seconds, share
from hardpoint.resilience.selection import On, check_selection

BUCKETS = 10

WindowTally = tuple[int, int, int]
"""Outcomes counted: (calls, failed, slow)."""

_NONE: WindowTally = (0, 0, 0)


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


@final
class TimeWindow:
    """Outcomes of the last `seconds`, in ten buckets.

    The runner adds to `calls` of the current bucket by itself, once it has seen that the bucket is
    still current (`now < rolls_at`); the rest happens under the circuit's lock.
    """

    __slots__ = ("_past", "_sum", "_width", "calls", "failed", "rolls_at", "slow")

    def __init__(self, seconds: float, now: float) -> None:
        self._width = seconds / BUCKETS
        self.clear(now)

    def clear(self, now: float) -> None:
        """Forget everything."""
        self._past: deque[WindowTally] = deque(maxlen=BUCKETS - 1)
        self._sum = _NONE
        self.calls = self.failed = self.slow = 0
        self.rolls_at = now + self._width

    def roll(self, now: float) -> None:
        """Close the buckets that are over."""
        if now < self.rolls_at:
            return
        steps = int((now - self.rolls_at) / self._width) + 1
        # Read and reset with no call between, as the runner may be adding.
        calls = self.calls
        self.calls = 0
        self._past.append((calls, self.failed, self.slow))
        self._past.extend([_NONE] * min(steps - 1, BUCKETS - 1))
        self.failed = self.slow = 0
        self._sum = (
            sum(past[0] for past in self._past),
            sum(past[1] for past in self._past),
            sum(past[2] for past in self._past),
        )
        self.rolls_at += steps * self._width

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count one outcome."""
        self.roll(now)
        self.calls += 1
        self.failed += failed
        self.slow += slow

    def tally(self, now: float) -> WindowTally:
        """What the window holds."""
        self.roll(now)
        calls, failed, slow = self._sum
        return calls + self.calls, failed + self.failed, slow + self.slow


@final
class CountWindow:
    """The last `size` outcomes, whenever they were."""

    __slots__ = ("_failed", "_next", "_ring", "_size", "_slow")

    def __init__(self, size: int) -> None:
        self._size = size
        self.clear(0.0)

    def clear(self, _now: float) -> None:
        """Forget everything."""
        self._ring = bytearray()
        self._next = self._failed = self._slow = 0

    def add(self, _now: float, failed: bool, slow: bool) -> None:
        """Count one outcome in place of the oldest."""
        outcome = failed | slow << 1
        if len(self._ring) < self._size:
            self._ring.append(outcome)
        else:
            oldest = self._ring[self._next]
            self._failed -= oldest & 1
            self._slow -= oldest >> 1
            self._ring[self._next] = outcome
            self._next = (self._next + 1) % self._size
        self._failed += failed
        self._slow += slow

    def tally(self, _now: float) -> WindowTally:
        """What the window holds."""
        return len(self._ring), self._failed, self._slow
