"""The targets: what each of our rows may cost, as a ratio to a floor of the same run."""

from dataclasses import dataclass

from bench.overhead.rows import Mode, Path

Medians = dict[tuple[Mode, Path, str], float]
"""Nano-seconds of CPU per call, by row."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One of our rows against its floor."""

    mode: Mode
    path: Path
    ours: str
    floor: str
    ratio: float
    """The target. Twice as much fails the build."""

    def measured(self, medians: Medians) -> float:
        floor = medians[self.mode, self.path, self.floor]
        return medians[self.mode, self.path, f"hardpoint {self.ours}"] / floor

    def verdict(self, medians: Medians) -> str:
        ratio = self.measured(medians)
        if ratio <= self.ratio:
            return "met"
        return "missed" if ratio <= 2 * self.ratio else "FAILED"


BOTH = "floor: retry + breaker"
GATES = (
    Gate("async", "success", "retry", "floor: retry", 1.4),
    Gate("async", "success", "rate limit", "floor: rate limit", 1.4),
    Gate("async", "success", "bulkhead", "floor: bulkhead", 1.4),
    Gate("async", "success", "breaker", "floor: breaker", 1.4),
    Gate("async", "success", "windowed breaker", "floor: breaker", 1.4),
    Gate("async", "success", "timeout", "floor: timeout", 1.4),
    Gate("async", "success", "retry + breaker", BOTH, 1.4),
    Gate("async", "success", "full stack", "floor: full stack", 1.4),
    # 2 us beside a floor of 0.70.
    Gate("async", "failed attempt", "retry + breaker", BOTH, 2.8),
    Gate("async", "rejection", "retry + breaker", BOTH, 1.5),
    Gate("sync", "success", "retry + breaker", BOTH, 1.5),
    Gate("sync", "failed attempt", "retry + breaker", BOTH, 2.8),
    Gate("sync", "rejection", "retry + breaker", BOTH, 1.5),
)
