"""Sliding windows of outcomes: over time, or over the last so many calls."""

from collections import deque
from typing import final

BUCKETS = 10

Tally = tuple[int, int, int]
"""Outcomes counted: (calls, failed, slow)."""

_NONE: Tally = (0, 0, 0)


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
        self._past: deque[Tally] = deque(maxlen=BUCKETS - 1)
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

    def tally(self, now: float) -> Tally:
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

    def tally(self, _now: float) -> Tally:
        """What the window holds."""
        return len(self._ring), self._failed, self._slow
