"""From settings to what the runner takes, for each kind of run."""

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any, Literal, final

from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.judgement import CallFacts, Judgement, NextAttempt
from hardpoint.resilience.options import fallback_of
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.settings import PolicySettings
from hardpoint.resilience.settlement import Settlement
from hardpoint.resilience.state import Keyed, PolicyState, PolicyStates
from hardpoint.runtime.effects import Effects

if TYPE_CHECKING:
    from hardpoint.runtime.timer import Watch

RunKind = Literal["call", "attempts", "guard", "race", "leg", "stream"]
"""What is run: a function; a block with retries, or without; the attempts of a hedged function
around its legs; one of these; the opening of a stream."""

_BARRING = 60.0  # the longest that a Retry-After bars the rate limit of a policy without retries


def view(settings: PolicySettings, kind: RunKind) -> PolicySettings:
    """The settings as far as they concern this kind of run.

    A block has no result to replace, and a guard cannot be repeated. Of a hedged call, what
    concerns an attempt concerns each leg, and the rest the race of both.
    """
    match kind:
        case "call":
            return settings
        case "attempts":
            return replace(settings, hedge=None, fallback=None, critical=True)
        case "guard":
            return replace(settings, hedge=None, fallback=None, critical=True, retry=None)
        case "race":
            return replace(
                settings, hedge=None, breaker=None, rate=None, bulkhead=None, timeout=None
            )
        case "stream":
            return replace(settings, bulkhead=None)  # the stream holds its place itself
        case _:  # "leg"
            return replace(
                settings,
                hedge=None,
                fallback=None,
                critical=True,
                retry=None,
                deadline=None,
                idempotency_key=None,
            )


def span_of(settings: PolicySettings) -> float | None:
    """Seconds for an attempt."""
    return settings.deadline if settings.timeout is None else settings.timeout


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the runner is built from.

    Attributes:
        asynchronous: whether what is called is a coroutine function.
        state: the only state; None with keys.
        states: all of them.
        keyed: how to find the key; None without keys.
        effects: time, randomness and ids.
        listeners: who is told.
        settlement: settles what did not simply succeed.
        budget: of the retries.
        breaker: its options, as those of the next two: the parts themselves are in the state.
        rate: see breaker.
        bulkhead: see breaker.
        deadline: seconds for the call.
        span: seconds for an attempt: the timeout, else the deadline.
        watch: the timers of asynchronous attempts with a span.
        tasks: the current task of each event loop, where asking for it would cost more.
        idempotency_key: the parameter that takes the key.
        slow_after: seconds from which on the breaker itself counts a success.
        start_time_needed: a part needs the time at which the call began.
        end_time_needed: a part needs the time at which an attempt ended.
        window_counted: the breaker counts by a window of time.
        results_matter: a result may be a failure, or call for another attempt.
        fallback: an error may be replaced.
    """

    asynchronous: bool
    state: Any
    states: PolicyStates
    keyed: Keyed | None
    effects: Effects
    listeners: Listeners
    settlement: Settlement
    budget: Budget | None
    breaker: Breaker | None
    rate: RateLimit | None
    bulkhead: Bulkhead | None
    deadline: float | None
    span: float | None
    watch: Any
    tasks: Any
    idempotency_key: str | None
    slow_after: float
    start_time_needed: bool
    end_time_needed: bool
    window_counted: bool
    results_matter: bool
    fallback: bool


def plan_of(
    settings: PolicySettings,
    kind: RunKind,
    *,
    asynchronous: bool,
    states: PolicyStates,
    state: PolicyState | None,
    keyed: Keyed | None,
    budget: Budget | None,
    effects: Effects,
    listeners: Listeners,
    watch: "Watch | None",
) -> Plan:
    """The plan of one kind of run.

    Args:
        settings: the view of them.
        kind: of run.
        asynchronous: whether a coroutine function, or a block with `async`, is run.
        states: all states.
        state: the only one, without keys.
        keyed: how to find the key.
        budget: what each call earns for.
        effects: time, randomness and ids.
        listeners: who is told.
        watch: the timers, of asynchronous runs with a limit.
    """
    retry, breaker = settings.retry, settings.breaker
    span = span_of(settings)
    slow_after = _slow_after(settings, None if asynchronous else span)
    window_counted = breaker is not None and breaker.has_window and breaker.last is None
    results_matter = kind == "stream" or (
        kind not in ("attempts", "guard")
        and (
            (retry is not None and retry.on_result is not None)
            or (breaker is not None and breaker.on_result is not None)
            or settings.classify is not None
        )
    )
    return Plan(
        asynchronous=asynchronous,
        state=state,
        states=states,
        keyed=keyed,
        effects=effects,
        listeners=listeners,
        settlement=_settlement(settings, effects, listeners),
        budget=budget,
        breaker=breaker,
        rate=settings.rate,
        bulkhead=settings.bulkhead,
        deadline=settings.deadline,
        span=span,
        watch=watch,
        tasks=None if watch is None else watch.tasks,
        idempotency_key=settings.idempotency_key,
        slow_after=slow_after,
        start_time_needed=span is not None
        or any(part is not None for part in (settings.rate, breaker, budget, keyed)),
        end_time_needed=results_matter or window_counted or slow_after < inf,
        window_counted=window_counted,
        results_matter=results_matter,
        fallback=settings.fallback is not None or not settings.critical,
    )


def facts_of(settings: PolicySettings) -> CallFacts:
    """What the settings say about the calls."""
    return CallFacts(
        settings.repeat,
        idempotent=settings.idempotent,
        keyed=settings.idempotency_key is not None,
        classify=settings.classify,
    )


def _settlement(settings: PolicySettings, effects: Effects, listeners: Listeners) -> Settlement:
    name, retry, breaker = settings.name, settings.retry, settings.breaker
    facts = facts_of(settings)
    judgement = Judgement(name, facts, retry, breaker, listeners)
    following = None
    barring = _BARRING
    if retry is not None:
        breaks = breaker is not None
        following = NextAttempt(name, retry, judgement, effects, listeners, breaks=breaks)
        barring = retry.retry_after_max
    return Settlement(
        name,
        effects=effects,
        listeners=listeners,
        facts=facts,
        judgement=judgement,
        next_attempt=following,
        deadline=settings.deadline,
        timeout=settings.timeout,
        barring=None if settings.rate is None else barring,
        fallback=fallback_of(settings.fallback, critical=settings.critical, policy=name),
        tells_calls=settings.tells_calls,
    )


def _slow_after(settings: PolicySettings, blocking_span: float | None) -> float:
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
