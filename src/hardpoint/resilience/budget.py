"""A budget for retries and hedges: however much fails, the extra load stays a share of the load."""

import threading
from dataclasses import dataclass
from typing import final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.options import amount


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Each call earns `ratio` of a retry, each second `floor` of them; a retry or hedge spends one.

    Attributes:
        ratio: retries per call, 0.2 for one in five.
        floor: retries per second that are free, so that low traffic may retry at all.
        burst: how many may be saved; by default a second's floor or 100 calls' ratio, if larger.
    """

    ratio: float = 0.2
    floor: float = 10.0
    burst: float | None = None

    def __post_init__(self) -> None:
        amount("Budget.ratio", self.ratio, zero=True)
        amount("Budget.floor", self.floor, zero=True)
        if self.ratio == 0 and self.floor == 0:
            raise ConfigurationError("Budget.floor", "with ratio 0 and floor 0 nothing is retried")
        if self.burst is not None and amount("Budget.burst", self.burst) < 1:
            raise ConfigurationError("Budget.burst", f"must be 1 or more, not {self.burst:g}")

    @property
    def capacity(self) -> float:
        """How many retries may be saved."""
        return max(1.0, self.floor, 100 * self.ratio) if self.burst is None else self.burst


@final
class BudgetAccount:
    """What a budget holds at the moment. The runner adds to `tokens` on each first attempt."""

    __slots__ = ("__weakref__", "_at", "_floor", "_lock", "capacity", "ratio", "tokens")

    def __init__(self, budget: Budget, now: float) -> None:
        self.ratio = budget.ratio
        self.capacity = budget.capacity
        self.tokens = min(max(1.0, budget.floor), self.capacity)
        self._floor = budget.floor
        self._at = now
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: another thread may have had the lock."""
        self._lock = threading.Lock()

    def spend(self, now: float) -> bool:
        """Take one token, when the retry is decided and before it waits; False if there is none."""
        with self._lock:
            earned = (now - self._at) * self._floor
            if earned > 0:
                self._at = now
            # No call from here to the end: the runner adds to `tokens` without the lock.
            tokens = self.tokens + earned if earned > 0 else self.tokens
            if tokens > self.capacity:  # noqa: PLR1730 - min() is a call
                tokens = self.capacity
            if tokens < 1:
                self.tokens = tokens
                return False
            self.tokens = tokens - 1
            return True
