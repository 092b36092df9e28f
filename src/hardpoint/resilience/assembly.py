"""Putting a policy together: what it remembers, and what runs under it."""

from collections.abc import Callable, Hashable
from typing import Any, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.resilience import runner, runner_blocking
from hardpoint.resilience.circuit import CircuitOutcome
from hardpoint.resilience.hedge import Hedge, Racer
from hardpoint.resilience.hints import status_of
from hardpoint.resilience.judgement import Judgement
from hardpoint.resilience.options import Run
from hardpoint.resilience.plans import Plan, RunKind, facts_of, plan_of, span_of, view
from hardpoint.resilience.recognition import Quota
from hardpoint.resilience.settings import PolicySettings
from hardpoint.resilience.settlement import observe
from hardpoint.resilience.state import Keyed, PolicyParts, PolicyState, PolicyStates, Stats
from hardpoint.runtime.effects import AMBIENT, Effects


@final
class Assembly:
    """A policy's settings with everything made from them."""

    __slots__ = (
        "_fixed",
        "_racers",
        "_runs",
        "_watches",
        "effects",
        "listeners",
        "settings",
        "states",
    )

    def __init__(
        self,
        settings: PolicySettings,
        parent: "Assembly | None" = None,
        fixed: Callable[..., Hashable] | None = None,
    ) -> None:
        self.settings = settings
        self._fixed = fixed
        self._racers: dict[str, Racer] = {}
        self._runs: dict[tuple[RunKind, bool], Run] = {}
        self._watches: dict[float, Any] = {}
        self.effects = _effects(settings, parent)
        inherited = Listeners() if parent is None else parent.listeners
        self.listeners = inherited if settings.listeners is None else settings.listeners
        self.states = self._make_states(parent)

    # Deriving

    def changed(self, settings: PolicySettings) -> "Assembly":
        """An assembly that shares what stayed the same."""
        return Assembly(settings, self, self._fixed)

    def fixed(self, key: Hashable) -> "Assembly":
        """An assembly for one of the keys.

        Raises:
            ConfigurationError: there are no keys.
        """
        if self.settings.keyed is None:
            raise ConfigurationError(
                f"{self.settings.name}.key", "is not set: one state serves all"
            )
        return Assembly(self.settings, self, lambda *_args, **_kwargs: key)

    # Looking

    def state(self) -> PolicyState:
        """The one state.

        Raises:
            ConfigurationError: there is one for each key.
        """
        if self.settings.keyed is not None and self._fixed is None:
            raise ConfigurationError(
                f"{self.settings.name}.key",
                "is set: there is a state for each key",
                fix="Say which: policy.keyed(key)",
            )
        key = None if self._fixed is None else self._fixed()
        return self.states.at(key, self.effects.monotonic())

    def stats(self) -> Stats:
        """The counts of the one state, or of all."""
        if self._fixed is not None:
            return self.state().stats()
        return sum((state.stats() for state in self.states.all()), Stats())

    # Running

    def guarded(self, function: Callable[..., Any], *, asynchronous: bool) -> Callable[..., Any]:
        """What takes the function's place.

        Raises:
            ConfigurationError: it is plain, but to be hedged.
        """
        race = self._race(asynchronous=asynchronous)
        if race is not None:
            plan = self._plan("race", asynchronous=True)

            def raced(*args: Any, **kwargs: Any) -> Any:
                return race(function, args, kwargs)

            return runner.build(plan, raced)
        plan = self._plan("call", asynchronous=asynchronous)
        return (runner if asynchronous else runner_blocking).build(plan, function)

    def call(self, *, asynchronous: bool) -> Run:
        """What calls any function: given it and its arguments.

        Raises:
            ConfigurationError: it is plain, but to be hedged.
        """
        race = self._race(asynchronous=asynchronous)
        if race is None:
            return self._run("call", asynchronous=asynchronous)
        run = self._run("race", asynchronous=True)

        def hedged(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            def raced(*args: Any, **kwargs: Any) -> Any:
                return race(function, args, kwargs)

            return run(raced, *args, **kwargs)

        return hedged

    def block(self, *, once: bool) -> Callable[[bool], Run]:
        """What runs a block: given whether it is asynchronous, the runner as a coroutine function.

        Raises:
            ConfigurationError: there is a state for each key, and no arguments that say which.
        """
        if self.settings.keyed is not None:
            self.state()
        kind = "guard" if once else "attempts"
        return lambda asynchronous: self._run(kind, asynchronous=asynchronous)

    def observe(self, quota: Quota, key: Hashable) -> None:
        """Heed what the other side says is left of its limit."""
        now = self.effects.monotonic()
        state = self.state() if key is None else self.states.at(key, now)
        observe(state, quota, now)

    def observe_call(self, quota: Quota, *args: Any) -> None:
        """The same, as an answer to the call with these arguments says it."""
        observe(self.state_for(args, {}), quota, self.effects.monotonic())

    def opening(self) -> Run:
        """What opens a stream: given the function and its arguments."""
        return self._run("stream", asynchronous=True)

    def state_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> PolicyState:
        """The state that a call with these arguments has."""
        keyed = self.settings.keyed
        by = self._fixed or (None if keyed is None else keyed.by)
        key = None if by is None else by(*args, **kwargs)
        return self.states.at(key, self.effects.monotonic())

    def outcome_of(self, error: Exception) -> CircuitOutcome:
        """What an error says about the other side."""
        one = self.settings
        judgement = Judgement(one.name, facts_of(one), one.retry, one.breaker, self.listeners)
        return judgement.outcome(error, status_of(error), judgement.verdict(error))

    def _run(self, kind: RunKind, *, asynchronous: bool) -> Run:
        run = self._runs.get((kind, asynchronous))
        if run is None:
            # A block needs a coroutine that it can pause, also where nothing waits.
            pausable = asynchronous or kind in ("attempts", "guard")
            build = runner.build if pausable else runner_blocking.build
            run = self._runs[kind, asynchronous] = build(
                self._plan(kind, asynchronous=asynchronous)
            )
        return run

    def _plan(self, kind: RunKind, *, asynchronous: bool) -> Plan:
        settings = view(self.settings, kind)
        keyed = settings.keyed
        if keyed is not None and self._fixed is not None:
            keyed = Keyed(self._fixed)
        span = span_of(settings)
        states, listeners = self.states, self.listeners
        if kind == "leg":  # it shares the parts; the race counts the calls and tells of them
            states, listeners = (
                PolicyStates(self._parts(), settings.keyed, origin=states),
                Listeners(),
            )
        return plan_of(
            settings,
            kind,
            asynchronous=asynchronous,
            states=states,
            state=states.at(None, self.effects.monotonic()) if keyed is None else None,
            keyed=keyed,
            budget=None if kind == "leg" else self.settings.budget,
            effects=self.effects,
            listeners=listeners,
            watch=self._watch(span) if asynchronous and span is not None else None,
        )

    def _race(self, *, asynchronous: bool) -> Run | None:
        hedge = self.settings.hedge
        if hedge is None:
            return None
        name = self.settings.name
        if not asynchronous:
            raise ConfigurationError(f"{name}.hedge", "is for coroutine functions; this is plain")
        if name not in self._racers:
            self._racers.setdefault(name, self._make_racer(hedge))  # of two threads' one counts
        return self._racers[name].run

    def _make_racer(self, hedge: Hedge) -> Racer:
        return Racer(
            self.settings.name,
            hedge,
            leg=self._run("leg", asynchronous=True),
            state_of=self.state_for,
            key_name=self.settings.idempotency_key,
            effects=self.effects,
            listeners=self.listeners,
        )

    def _watch(self, span: float) -> Any:
        """The timers, shared by all that runs for so long under this policy."""
        watch = self._watches.get(span)
        if watch is None:
            from hardpoint.runtime.timer import Watch  # it imports asyncio

            watch = self._watches.setdefault(span, Watch(span, self.effects))
        return watch

    # Making

    def _parts(self) -> PolicyParts:
        one = self.settings
        return PolicyParts(
            name=one.name,
            effects=self.effects,
            listeners=self.listeners,
            breaker=one.breaker,
            rate=one.rate,
            bulkhead=one.bulkhead,
            budget=one.budget,
            lease=one.timeout,
        )

    def _make_states(self, parent: "Assembly | None") -> PolicyStates:
        one, parts = self.settings, self._parts()
        same = parent is not None and one.key is parent.settings.key
        if parent is None or not same or self.effects is not parent.effects:
            return PolicyStates(parts, one.keyed)
        if _same(parts.present, parent.states.parts.present):
            return parent.states
        return PolicyStates(parts, one.keyed, origin=parent.states)


def _same(one: dict[str, object], other: dict[str, object]) -> bool:
    return one.keys() == other.keys() and all(one[name] is other[name] for name in one)


def _effects(settings: PolicySettings, parent: Assembly | None) -> Effects:
    """The policy's own effects, if it was given any; else those that tests can exchange."""
    mine = (settings.clock, settings.random, settings.ids)
    if parent is not None:
        theirs = (parent.settings.clock, parent.settings.random, parent.settings.ids)
        if all(one is other for one, other in zip(mine, theirs, strict=True)):
            return parent.effects
    if mine == (None, None, None):
        return AMBIENT
    return Effects(
        settings.clock or AMBIENT.clock,
        settings.random or AMBIENT.random,
        settings.ids or AMBIENT.ids,
    )
