"""The targets: what each of our rows may cost, as a ratio to another row of the same run."""

from dataclasses import dataclass

from bench.overhead.rows import Mode, Path

Medians = dict[tuple[Mode, Path, str], float]
"""Nano-seconds of CPU per call, by row."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One of our rows against a row beside it: a floor, another library, or ours in the other mode.

    Attributes:
        mode, path, ours: our row.
        beside: the other row.
        ratio: the target.
        share: compare what the part adds: ours beyond a policy of nothing, and the floor beyond
            the bare call. The runner itself, which all share, has its own gate.
        firm: whether the bench fails when it is missed; else when it is missed twice over.
        beside_mode: the other row's mode; the same, if nothing is said.
    """

    mode: Mode
    path: Path
    ours: str
    beside: str
    ratio: float
    firm: bool = False
    beside_mode: Mode | None = None
    share: bool = False

    @property
    def rows(self) -> tuple[tuple[Mode, Path, str], tuple[Mode, Path, str]]:
        """Ours, and the other."""
        other = (self.beside_mode or self.mode, self.path, self.beside)
        return (self.mode, self.path, f"hardpoint {self.ours}"), other

    def measured(self, medians: Medians) -> float:
        """The ratio of this run."""
        ours, other = (medians[row] for row in self.rows)
        if self.share:
            ours -= medians[self.mode, self.path, f"hardpoint {NOTHING}"]
            other -= medians[self.mode, self.path, "bare"]
        return ours / other

    def verdict(self, medians: Medians) -> str:
        """How it stands; a run without the other library says so."""
        if self.rows[1] not in medians:
            return "not run"
        ratio = self.measured(medians)
        if ratio <= self.ratio:
            return "met"
        return "FAILED" if self.firm or ratio > 2 * self.ratio else "missed"


NOTHING = "nothing"
BOTH = "floor: retry + breaker"
TODAY = "STACK tenacity + circuitbreaker + asyncio.timeout"
GATES = (
    # The quiet machine's floors of 0.23, 0.43 and 1.29 us, and 0.6, 0.75 and 1.6 us beside them.
    Gate("async", "success", "retry", "floor: retry", 0.6 / 0.23, firm=True),
    Gate("async", "success", "retry + breaker", BOTH, 0.75 / 0.43, firm=True),
    Gate("async", "success", "full stack", "floor: full stack", 1.6 / 1.29, firm=True),
    Gate("sync", "success", "retry + breaker", "hardpoint retry + breaker", 0.9, True, "async"),
    Gate("async", "success", "retry + breaker + timeout", TODAY, 1 / 18, firm=True),
    Gate("async", "success", NOTHING, "floor: retry", 2.0),
    Gate("async", "success", "rate limit", "floor: rate limit", 1.4, share=True),
    Gate("async", "success", "bulkhead", "floor: bulkhead", 1.4, share=True),
    Gate("async", "success", "breaker", "floor: breaker", 1.4),
    Gate("async", "success", "windowed breaker", "floor: breaker", 1.4),
    Gate("async", "success", "timeout", "floor: timeout", 1.4, share=True),
    # 2 us beside a floor of 0.70.
    Gate("async", "failed attempt", "retry + breaker", BOTH, 2.8),
    Gate("async", "rejection", "retry + breaker", BOTH, 1.5),
    Gate("sync", "success", "retry + breaker", BOTH, 1.5),
    Gate("sync", "failed attempt", "retry + breaker", BOTH, 2.8),
    Gate("sync", "rejection", "retry + breaker", BOTH, 1.5),
)
