"""Putting a policy together: settings become states, decisions and the runner's parameters."""

from collections.abc import Callable, Hashable
from math import inf
from typing import Any, Literal, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.resilience import runner
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.fallback import Fallback, fallback_of
from hardpoint.resilience.judgement import Facts, Judgement
from hardpoint.resilience.keys import Keyed, States
from hardpoint.resilience.repetition import Repetition
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.runner import Run
from hardpoint.resilience.settings import Settings
from hardpoint.resilience.settlement import Settlement
from hardpoint.resilience.specialise import invoker
from hardpoint.resilience.state import Parts, State, Stats
from hardpoint.runtime.effects import AMBIENT, Effects

_BARRING = 60.0  # the longest that a Retry-After bars the rate limit of a policy without retries

Kind = Literal["call", "attempts", "guard"]


@final
class Assembly:
    """A policy's settings with everything made from them."""

    __slots__ = ("_fixed", "_runs", "_timers", "effects", "listeners", "settings", "states")

    def __init__(self, settings: Settings, parent: "Assembly | None" = None) -> None:
        self.settings = settings
        self._fixed: Keyed | None = None
        self._runs: dict[tuple[Kind, bool], Run] = {}
        self._timers: Any = None
        self.effects = _effects(settings)
        if parent is not None and _same_effects(settings, parent.settings):
            self.effects = parent.effects
        self.listeners = settings.listeners or (parent.listeners if parent else Listeners())
        self.states = self._make_states(parent)

    def changed(self, settings: Settings) -> "Assembly":
        """An assembly that shares what stayed the same."""
        derived = Assembly(settings, self)
        derived._fixed = self._fixed
        return derived

    def fixed(self, key: Hashable) -> "Assembly":
        """An assembly for one of the keys.

        Raises:
            ConfigurationError: there are no keys.
        """
        if self.settings.keyed is None:
            raise ConfigurationError(
                f"{self.settings.name}.key", "is not set: one state serves all"
            )
        derived = Assembly(self.settings, self)
        derived._fixed = Keyed(lambda *_args, **_kwargs: key)
        return derived

    def state(self) -> State:
        """The one state.

        Raises:
            ConfigurationError: there is one for each key.
        """
        keyed = self.settings.keyed
        if keyed is not None and self._fixed is None:
            raise ConfigurationError(
                f"{self.settings.name}.key",
                "is set: there is a state for each key",
                fix="Say which: policy.keyed(key)",
            )
        key = None if self._fixed is None else self._fixed.by()
        return self.states.at(key, self.effects.monotonic())

    def stats(self) -> Stats:
        """The counts of the one state, or of all."""
        if self._fixed is not None:
            return self.state().stats()
        return sum((state.stats() for state in self.states.all()), Stats())

    def call(self, *, asynchronous: bool) -> Run:
        """What calls any function: `(function, args, kwargs)`."""
        return self._run("call", asynchronous=asynchronous)

    def block(self, *, once: bool) -> Callable[[bool], Run]:
        """What runs a block: given whether it is asynchronous, the runner as a coroutine function.

        Raises:
            ConfigurationError: there is a state for each key, and no arguments that say which.
        """
        if self.settings.keyed is not None:
            self.state()
        kind = "guard" if once else "attempts"
        return lambda asynchronous: self._run(kind, asynchronous=asynchronous)

    def parameters(self, kind: Kind, *, asynchronous: bool) -> dict[str, Any]:
        """What `runner.build` takes.

        A block has no result to judge and takes no fallback; a guard has no retries either.
        """
        one = self.settings
        breaker = one.breaker
        retry = None if kind == "guard" else one.retry
        keyed = self._fixed or one.keyed
        span = one.timeout if one.timeout is not None else one.deadline
        fallback = None
        if kind == "call":
            fallback = fallback_of(one.fallback, critical=one.critical, policy=one.name)
        slow_after = _slow_after(one, None if asynchronous else span)
        sliding = breaker is not None and breaker.has_window and breaker.last is None
        judged = kind == "call" and (
            (retry is not None and retry.on_result is not None)
            or (breaker is not None and breaker.on_result is not None)
        )
        watch = self._watch(span) if asynchronous and span is not None else None
        return {
            "asynchronous": asynchronous,
            "state": None if keyed else self.state(),
            "states": self.states,
            "keyed": keyed,
            "effects": self.effects,
            "listeners": self.listeners,
            "settlement": self._settlement(retry, fallback),
            "budget": None if retry is None else retry.budget,
            "breaker": breaker,
            "rate": one.rate,
            "bulkhead": one.bulkhead,
            "deadline": one.deadline,
            "span": span,
            "patience": None if retry is None else one.deadline,
            "watch": watch,
            "tasks": None if watch is None else watch.tasks,
            "idempotency_key": one.idempotency_key,
            "slow_after": slow_after,
            "timed": judged or sliding or slow_after < inf,
            "sliding": sliding,
            "judged": judged,
            "fallback": fallback is not None,
        }

    def _run(self, kind: Kind, *, asynchronous: bool) -> Run:
        run = self._runs.get((kind, asynchronous))
        if run is None:
            parameters = self.parameters(kind, asynchronous=asynchronous)
            # A block needs the coroutine, to pause it, also where it does not wait for anything.
            pausable = kind != "call" and not asynchronous
            run = runner.build(**parameters) if pausable else invoker(parameters)
            self._runs[kind, asynchronous] = run
        return run

    def _watch(self, span: float) -> Any:
        """The timers, shared by all that is called under this policy."""
        if self._timers is None:
            from hardpoint.runtime.timer import Watch  # it imports asyncio

            self._timers = Watch(span, self.effects)
        return self._timers

    def _settlement(self, retry: Retry | None, fallback: Fallback | None) -> Settlement:
        one = self.settings
        name, effects, listeners = one.name, self.effects, self.listeners
        facts = Facts(one.operation, one.idempotent, one.idempotency_key is not None)
        judgement = Judgement(name, facts, retry, one.breaker, listeners)
        repetition = None
        barring = None if one.rate is None else _BARRING
        if retry is not None:
            breaks = one.breaker is not None
            repetition = Repetition(name, retry, judgement, effects, listeners, breaks=breaks)
            barring = None if one.rate is None else retry.retry_after_max
        return Settlement(
            name,
            effects=effects,
            listeners=listeners,
            facts=facts,
            judgement=judgement,
            repetition=repetition,
            deadline=one.deadline,
            timeout=one.timeout,
            barring=barring,
            fallback=fallback,
        )

    def _make_states(self, parent: "Assembly | None") -> States:
        one = self.settings
        parts = Parts(
            name=one.name,
            effects=self.effects,
            listeners=self.listeners,
            breaker=one.breaker,
            rate=one.rate,
            bulkhead=one.bulkhead,
            budget=_budget(one),
            lease=one.timeout,
        )
        if (
            parent is None
            or one.key is not parent.settings.key
            or self.effects is not parent.effects
        ):
            return States(parts, one.keyed, one.shared)
        old = parent.settings
        kept = {
            "circuit": one.breaker is old.breaker,
            "meter": one.rate is old.rate,
            "room": one.bulkhead is old.bulkhead,
            "purse": _budget(one) is _budget(old),
        }
        if all(kept.values()):
            return parent.states
        options = (one.breaker, one.rate, one.bulkhead, _budget(one))
        given = tuple(
            part for part, option in zip(kept, options, strict=True) if kept[part] and option
        )
        return States(parts, one.keyed, one.shared, donor=parent.states, given=given)


def _budget(settings: Settings) -> Budget | None:
    return None if settings.retry is None else settings.retry.budget


def _effects(settings: Settings) -> Effects:
    """The policy's own effects, if it was given any; what tests exchange for all others."""
    if settings.clock is None and settings.random is None and settings.ids is None:
        return AMBIENT
    return Effects(
        settings.clock or AMBIENT.clock,
        settings.random or AMBIENT.random,
        settings.ids or AMBIENT.ids,
    )


def _same_effects(one: Settings, other: Settings) -> bool:
    return one.clock is other.clock and one.random is other.random and one.ids is other.ids


def _slow_after(settings: Settings, blocking_span: float | None) -> float:
    """Seconds from which on the breaker itself has to count a success.

    It counts all when its window counts calls, and those of blocking calls that came too late.
    """
    breaker = settings.breaker
    if breaker is None:
        return inf
    if breaker.has_window and breaker.last is not None:
        return -inf
    slow = inf if breaker.slow is None else breaker.slow[0]
    return slow if blocking_span is None else min(slow, blocking_span)
