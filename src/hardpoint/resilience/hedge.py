"""Hedging: when an attempt is slower than nearly all others, a second one beside it."""

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.options import Run, seconds, share
from hardpoint.runtime.effects import Effects

if TYPE_CHECKING:
    from hardpoint.resilience.state import PolicyState

_SAMPLES = 128  # how many latencies the quantile is taken from
_ENOUGH = 32  # and how many it takes to be worth something
_EVERY = 16  # it is taken anew after so many

SecondArguments = Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]
StateOf = Callable[[tuple[Any, ...], dict[str, Any]], "PolicyState"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """Start a second attempt beside a slow first; the first answer counts, the loser is cancelled.

    For coroutine functions whose repetition does no harm. Both attempts pass the breaker, the rate
    limit, the bulkhead and the timeout on their own.

    Attributes:
        after: seconds after which the first counts as slow; by default as long as the `quantile`
            of the latest successes took, once there are enough of them.
        quantile: 0.95 hedges the slowest twentieth.
        budget: what bounds all hedges together; a budget of the policy's retries takes its place.
        arguments: makes those of the second attempt from those of the first, `(args, kwargs)`.
            Without it both get the same ones, and what can be read only once is refused.
    """

    after: float | None = None
    quantile: float = 0.95
    budget: Budget = Budget(ratio=0.05, floor=1.0)  # noqa: RUF009 - a frozen value
    arguments: SecondArguments | None = None

    def __post_init__(self) -> None:
        if self.after is not None:
            seconds("Hedge.after", self.after)
        share("Hedge.quantile", self.quantile)


@final
class Latencies:
    """How long the latest successes took."""

    __slots__ = ("_latest", "_new", "_quantile", "slow")

    def __init__(self, quantile: float) -> None:
        self._quantile = quantile
        self._latest: deque[float] = deque(maxlen=_SAMPLES)
        self._new = 0
        self.slow: float | None = None
        """The quantile; None while too little is known."""

    def add(self, seconds: float) -> None:
        """One more."""
        self._latest.append(seconds)
        self._new += 1
        if len(self._latest) >= _ENOUGH and self._new >= _EVERY:
            self._new = 0
            ordered = sorted(self._latest)
            self.slow = ordered[min(int(self._quantile * len(ordered)), len(ordered) - 1)]


@final
class Racer:
    """Hedges the calls of one policy.

    Args:
        name: the policy's.
        hedge: the options.
        leg: runs one attempt.
        state_of: finds the state from the call's arguments.
        key_name: the parameter that takes the idempotency key, the same for both attempts.
        effects: time, randomness and ids.
        listeners: who is told.
    """

    def __init__(
        self,
        name: str,
        hedge: Hedge,
        *,
        leg: Run,
        state_of: StateOf,
        key_name: str | None,
        effects: Effects,
        listeners: Listeners,
    ) -> None:
        from hardpoint.runtime.racing import race  # it imports asyncio

        self._race = race
        self._name = name
        self._hedge = hedge
        self._leg = leg
        self._state_of = state_of
        self._key_name = key_name
        self._effects = effects
        self._listeners = listeners
        self._latencies = Latencies(hedge.quantile)

    async def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call the function once, or a second time beside that."""
        if self._hedge.arguments is None:
            self._check_repeatable(args, kwargs)
        state = self._state_of(args, kwargs)
        delay = self._hedge.after or self._latencies.slow
        began = self._effects.monotonic()
        if delay is None:
            result = await self._leg(function, *args, **kwargs)
        else:

            def first() -> Coroutine[Any, Any, Any]:
                return self._leg(function, *args, **kwargs)

            def second() -> Coroutine[Any, Any, Any] | None:
                return self._second(state, function, args, kwargs)

            result, won = await self._race(first, second, delay, self._effects)
            if won and self._listeners.active:
                from hardpoint.resilience.events import HedgeWon

                self._listeners.emit(HedgeWon(self._name, state.key))
        self._latencies.add(self._effects.monotonic() - began)
        return result

    def _second(
        self,
        state: "PolicyState",
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Coroutine[Any, Any, Any] | None:
        """The second attempt, unless there is no budget for it, or no arguments."""
        second_args, second_kwargs = args, dict(kwargs)
        if self._hedge.arguments is not None:
            try:
                second_args, second_kwargs = self._hedge.arguments(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - it must not harm the first attempt
                from hardpoint.resilience.events import OptionFailed

                kind = type(error).__name__
                failed = OptionFailed(self._name, state.key, "Hedge.arguments", kind, error)
                self._listeners.emit(failed)
                return None
            if self._key_name is not None:
                second_kwargs[self._key_name] = kwargs[self._key_name]
        now = self._effects.monotonic()
        if not state.account.spend(now):
            return None
        state.hedged += 1
        if self._listeners.active:
            from hardpoint.resilience.events import Hedged

            self._listeners.emit(Hedged(self._name, state.key))
        return self._leg(function, *second_args, **second_kwargs)

    def _check_repeatable(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for value in (*args, *kwargs.values()):
            if hasattr(value, "__next__") or hasattr(value, "__anext__") or hasattr(value, "read"):
                raise ConfigurationError(
                    f"{self._name}.hedge",
                    f"a {type(value).__name__} can be read once, but there may be two attempts",
                    fix="Give Hedge(arguments=...), which makes new arguments",
                )
