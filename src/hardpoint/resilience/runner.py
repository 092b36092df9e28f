"""The fused runner: a call under all parts of a policy, and the only place that knows their order.

    fallback > idempotency key > deadline > retry (budget) > breaker check > rate limit > bulkhead
    > breaker claim > attempt timeout > call

It is written once, as a coroutine function over optional parts. `specialise` compiles it without
the parts that a policy lacks, and without `await` for plain functions; so the only conditions it
may use for them are tests of `build`'s parameters against None, and its boolean parameters.

The success path makes no call that it can do without, and its changes of shared state are sequences
without any call, which no other thread can interrupt. Everything rare is in `Settlement`.
"""

from collections.abc import Callable, Coroutine, Mapping
from inspect import isawaitable
from math import inf, nan
from threading import get_ident
from typing import TYPE_CHECKING, Any

from hardpoint.core.errors import CircuitOpenError
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.circuit import Outcome
from hardpoint.resilience.keys import Keyed, States
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.settlement import PLAIN, Settlement
from hardpoint.resilience.state import State
from hardpoint.resilience.timeout import LIMIT, current, outer_limit, until_of
from hardpoint.runtime.effects import Effects

if TYPE_CHECKING:
    from hardpoint.runtime.timer import Watch

Run = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Coroutine[Any, Any, Any]]
"""Calls the function with these arguments, under the policy."""


def build(  # noqa: C901, PLR0915 - one closure; what makes it long is what makes it fast
    *,
    asynchronous: bool,
    state: State,
    states: States,
    keyed: Keyed | None,
    effects: Effects,
    listeners: Listeners,
    settlement: Settlement,
    budget: Budget | None,
    breaker: Breaker | None,
    rate: RateLimit | None,
    bulkhead: Bulkhead | None,
    deadline: float | None,
    span: float | None,
    watch: "Watch | None",
    tasks: Mapping[Any, Any] | None,
    idempotency_key: str | None,
    slow_after: float,
    clocked: bool,
    timed: bool,
    sliding: bool,
    judged: bool,
    fallback: bool,
) -> Run:
    """Make the function that makes calls.

    Args:
        asynchronous: whether what is called is a coroutine function.
        state: the only state, without keys.
        states: all of them, with keys.
        keyed: how to find the key.
        effects: time, chance and ids.
        listeners: who is told.
        settlement: settles what did not simply succeed.
        budget: of the retries.
        breaker: its options, as those of the next two: the parts themselves are in the state.
        rate: see breaker.
        bulkhead: see breaker.
        deadline: seconds for the call.
        span: seconds for an attempt: the timeout, else the deadline.
        watch: the timers of asynchronous attempts.
        tasks: the current task of each event loop, where asking for it would cost more.
        idempotency_key: the parameter that takes the key.
        slow_after: seconds from which on the breaker itself counts a success.
        clocked: a part needs the time at which the call began.
        timed: the breaker needs the time at which an attempt ended.
        sliding: it has a time window.
        judged: results are not simply successes.
        fallback: an error may be replaced.
    """
    current_task: Any = None if watch is None else watch.current_task

    async def run(  # noqa: C901, PLR0912, PLR0915 - see above
        function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        monotonic = effects.monotonic
        now = started = monotonic() if clocked or listeners._all else nan
        here = state if keyed is None else states.at(keyed.by(*args, **kwargs), now)
        if breaker is not None and not fallback and here.circuit.shut:
            # The way out while it is open: no record, no handler, no call.
            circuit = here.circuit
            wait = circuit.until - now
            if wait > 0 and not circuit.observing:
                here.refused += 1
                if listeners._all:
                    settlement.tell_refused(here)
                retry_after = wait if wait < inf else None
                raise CircuitOpenError(circuit.name, here.key, retry_after, circuit.last_error)
        if budget is not None:
            purse = here.purse
            if purse.tokens < purse.capacity:
                purse.tokens += purse.ratio
        if idempotency_key is not None and not kwargs.get(idempotency_key):
            kwargs[idempotency_key] = effects.ids()
        outer = None
        until = inf
        if span is not None:
            if deadline is not None:
                until = now + deadline
            outer = LIMIT.get()
            if outer is not None and outer[0] is None:
                outer = outer[2]  # the call before this one left its own, which is over
            if outer is not None:
                outer = current(outer)
                until = min(until, until_of(outer, effects, now))
        call = task = mine = live = handle = None
        permit = cancelling = mark = 0
        held = sent = False
        limit = inf
        try:
            while True:
                began = now
                try:
                    if breaker is not None and here.circuit.shut:
                        here.circuit.check(now)
                    if rate is not None:
                        meter = here.meter
                        arrival = meter.arrival
                        if arrival < now:  # noqa: PLR1730 - max() is a call
                            arrival = now
                        if arrival - now <= meter.tolerance:
                            meter.arrival = arrival + meter.interval
                        else:
                            bound = until if span is not None else outer_limit(effects, now)
                            if asynchronous:
                                began = now = await meter.wait(now, bound)
                            else:
                                began = now = meter.wait_blocking(now, bound)
                    if bulkhead is not None:
                        room = here.room
                        if room.free > 0:
                            room.free -= 1
                        else:
                            if not clocked:
                                now = monotonic()
                            bound = until if span is not None else outer_limit(effects, now)
                            if asynchronous:
                                began = now = await room.wait(now, bound)
                            else:
                                began = now = room.wait_blocking(now, bound)
                        held = True
                    if breaker is not None:
                        circuit = here.circuit
                        permit = circuit.claim(now) if circuit.shut else circuit.generation
                    if span is not None:
                        limit = now + span
                        if until < limit and until <= now:
                            settlement.refuse_late(here)
                        if watch is not None:
                            loop, lane = watch.latest
                            if tasks is not None:
                                if loop._thread_id != get_ident():
                                    loop, lane = watch.here()
                                task = tasks.get(loop)
                            else:
                                task = current_task()
                                if task is not None and task.get_loop() is not loop:
                                    loop, lane = watch.here()
                            if task is None:
                                settlement.refuse_taskless()
                            cancelling = task.cancelling()
                            if until < limit:
                                limit = until
                                live, handle = watch.once(limit, limit - now, task)
                            else:
                                mark = lane.mark = lane.mark + 1
                                live = lane.live
                                live[mark] = (limit, task)
                                if not lane.armed:
                                    lane.arm(span)
                        elif until < limit:
                            limit = until
                        mine = [limit, effects, outer]
                        LIMIT.set(mine)
                    sent = True
                    result: object = await function(*args, **kwargs)
                    if not asynchronous and type(result) not in PLAIN:
                        settlement.check_plain(result)
                except BaseException as error:
                    expired = False
                    if span is not None:
                        if mine is not None:
                            mine[0] = None
                        if watch is not None and live is not None:
                            expired = watch.expired(
                                live, mark, handle, task=task, cancelling=cancelling, error=error
                            )
                    call = settlement.failed(
                        call,
                        here,
                        error,
                        permit,
                        held,
                        sent,
                        expired,
                        started,
                        began,
                        limit,
                        until,
                    )
                    if call.failure is error and not fallback:
                        raise
                else:
                    if bulkhead is not None:
                        room = here.room
                        if room.line:
                            room.give_back()
                        else:
                            room.free += 1
                    if span is not None and mine is not None:
                        mine[0] = None
                        if watch is not None and live is not None:
                            if handle is not None:
                                handle.cancel()
                            if mark in live:
                                del live[mark]
                            else:
                                watch.swallowed(task)
                    if timed:
                        now = monotonic()
                    again = None
                    if judged:
                        again = settlement.returned(
                            call,
                            here,
                            result,
                            permit=permit,
                            late=not asynchronous and now > limit,
                            started=started,
                            began=began,
                            until=until,
                        )
                    elif breaker is not None:
                        circuit = here.circuit
                        if permit != circuit.generation or (timed and now - began >= slow_after):
                            late = not asynchronous and now > limit
                            outcome = Outcome.FAILURE if late else Outcome.SUCCESS
                            circuit.record(permit, outcome, began, now)
                        else:
                            circuit.consecutive = 0
                            if sliding:
                                window = circuit.sliding
                                if now < window.rolls_at:
                                    window.calls += 1
                                else:
                                    circuit.record(permit, Outcome.SUCCESS, began, now)
                    if again is None:
                        here.succeeded += 1
                        if listeners._all:
                            settlement.succeeded(call, here, began)
                        return result
                    call = again
                if call.failure is not None:
                    substitute = settlement.conclude(call, here, args, kwargs)
                    if asynchronous and isawaitable(substitute):
                        return await substitute
                    return substitute
                mine = live = handle = None
                permit = 0
                held = sent = False
                if call.delay > 0:
                    if asynchronous:
                        await effects.sleep(call.delay)
                    else:
                        effects.pause(call.delay)
                now = monotonic()
        finally:
            if call is not None:  # an error pins the frames it passed; let go of it
                call.failure = call.last = None

    return run
