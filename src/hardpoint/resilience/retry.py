"""The options of retries."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, final

from hardpoint.core.effects import Random
from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.options import amount, count, seconds
from hardpoint.resilience.selection import On, check_selection

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
        if self.budget is not None and not isinstance(self.budget, Budget):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
            raise ConfigurationError(
                "Retry.budget", f"is {type(self.budget).__name__}", fix="Write Budget(ratio=0.2)"
            )
        seconds("Retry.retry_after_max", self.retry_after_max, zero=True)

    def curve(self, *, throttled: bool) -> Backoff:
        """How long to wait."""
        curve = self.throttled if throttled else self.backoff
        return curve if callable(curve) else constant(curve)
