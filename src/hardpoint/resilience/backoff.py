"""How long to wait before the next attempt: pure functions of the attempt and of chance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final

from hardpoint.core.effects import Random
from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.options import amount, seconds

Jitter = Literal["full", "equal", "added", "none"]
"""How chance spreads a wait of w seconds: full 0 to w, equal w/2 to w, added w to w plus the first
wait, none w exactly."""

Backoff = Callable[[int, float, Random], float]
"""(number of the retry from 1, the wait before it or 0, chance) -> seconds."""


def constant(wait: float, *, jitter: Jitter = "none") -> "Curve":
    """The same wait each time."""
    return Curve("constant", wait, wait, 1.0, 0.0, jitter)


def linear(first: float, step: float, *, cap: float = 60.0, jitter: Jitter = "full") -> "Curve":
    """`first`, then `step` more each time, up to `cap`."""
    return Curve("linear", first, cap, 1.0, step, jitter)


def exponential(
    first: float = 0.1, *, factor: float = 2.0, cap: float = 60.0, jitter: Jitter = "full"
) -> "Curve":
    """`first`, then `factor` times as long each time, up to `cap`."""
    return Curve("exponential", first, cap, factor, 0.0, jitter)


def decorrelated(first: float = 0.1, *, factor: float = 3.0, cap: float = 60.0) -> "Decorrelated":
    """Between `first` and `factor` times the wait before, up to `cap`."""
    return Decorrelated(first, cap, factor)


@final
@dataclass(frozen=True, slots=True)
class Curve:
    """A wait that depends on the number of the retry."""

    kind: Literal["constant", "linear", "exponential"]
    first: float
    cap: float
    factor: float
    step: float
    jitter: Jitter

    def __post_init__(self) -> None:
        _check(self.kind, self.first, self.cap, self.factor)
        amount(f"{self.kind}.step", self.step, zero=True)
        if self.jitter not in _JITTERS:
            raise ConfigurationError(
                f"{self.kind}.jitter",
                f"{self.jitter!r} is not known",
                fix=f"Known: {', '.join(_JITTERS)}",
            )

    def ceiling(self, retry: int) -> float:
        """The wait before chance has its say."""
        if retry == 1:
            return self.first
        try:
            grown = self.first * self.factor ** (retry - 1) + self.step * (retry - 1)
        except OverflowError:
            return self.cap
        return min(grown, self.cap)

    def __call__(self, retry: int, _previous: float, random: Random) -> float:
        """The wait before this retry."""
        wait = self.ceiling(retry)
        match self.jitter:
            case "none":
                return wait
            case "full":
                return wait * random()
            case "equal":
                return wait * (1 + random()) / 2
            case _:  # "added": above the cap too, where all would otherwise wait alike
                return wait + self.first * random()


@final
@dataclass(frozen=True, slots=True)
class Decorrelated:
    """A wait that depends on the wait before; it spreads by itself."""

    first: float
    cap: float
    factor: float

    def __post_init__(self) -> None:
        _check("decorrelated", self.first, self.cap, self.factor)

    def __call__(self, _retry: int, previous: float, random: Random) -> float:
        """The wait before this retry."""
        most = max(previous, self.first) * self.factor
        return min(self.cap, self.first + (most - self.first) * random())


_JITTERS = ("full", "equal", "added", "none")


def _check(kind: str, first: float, cap: float, factor: float) -> None:
    seconds(f"{kind}.first", first, zero=True)
    seconds(f"{kind}.cap", cap, zero=True)
    if cap < first:
        raise ConfigurationError(f"{kind}.cap", f"is below the first wait ({cap:g} < {first:g})")
    if amount(f"{kind}.factor", factor) < 1:
        raise ConfigurationError(f"{kind}.factor", f"must be 1 or more, not {factor:g}")
