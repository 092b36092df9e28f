"""The fused runner: a call under all parts of a policy, and the only place that knows their order.

    fallback > idempotency key > deadline > retry (budget) > breaker check > rate limit > bulkhead
    > breaker claim > attempt timeout > call

It is written once, as a coroutine function. For plain functions `scripts/generate_sync` writes
`runner_blocking` from it: the branches of `not asynchronous`, without `await`.

The success path makes no call that it can do without, and its changes of shared state are sequences
without any call, which no other thread can interrupt. Everything rare is in `Settlement`.
"""

from collections.abc import Callable
from inspect import isawaitable
from math import inf, nan
from threading import get_ident
from typing import Any

from hardpoint.core.errors import CircuitOpenError
from hardpoint.resilience.circuit import CircuitOutcome
from hardpoint.resilience.options import Run
from hardpoint.resilience.plans import Plan
from hardpoint.resilience.settlement import PLAIN
from hardpoint.resilience.timeout import LIMIT, current, outer_limit, until_of
from hardpoint.runtime.waiting import latest


def build(plan: Plan, function: Callable[..., Any] | None = None) -> Run:  # noqa: C901, PLR0915 - one closure; what makes it long is what makes it fast
    """Make the function that makes calls.

    Args:
        plan: the parts, and what follows from them.
        function: what is called; None to be given it with each call, before its arguments.
    """
    asynchronous = plan.asynchronous
    state, states, keyed = plan.state, plan.states, plan.keyed
    effects, listeners, settlement = plan.effects, plan.listeners, plan.settlement
    budget, breaker, rate, bulkhead = plan.budget, plan.breaker, plan.rate, plan.bulkhead
    deadline, span = plan.deadline, plan.span
    watch: Any = plan.watch
    idempotency_key, slow_after = plan.idempotency_key, plan.slow_after
    start_time_needed, end_time_needed = plan.start_time_needed, plan.end_time_needed
    window_counted, results_matter = plan.window_counted, plan.results_matter
    fallback = plan.fallback
    admission = breaker is not None or rate is not None or bulkhead is not None
    tasks = plan.tasks
    current_task: Any = getattr(watch, "current_task", None)

    async def run(*args: Any, **kwargs: Any) -> Any:  # noqa: C901, PLR0912, PLR0915 - see above
        mine: Any
        live: Any
        room: Any
        circuit: Any
        held: object
        call = again = task = handle = mine = live = held = room = circuit = None
        target = function
        if target is None:
            target, args = args[0], args[1:]
        monotonic = effects.monotonic
        now = started = monotonic() if start_time_needed or listeners.active else nan
        here = state if keyed is None else states.at(keyed.by(*args, **kwargs), now)
        if breaker is not None:
            circuit = here.circuit
            if circuit.shut and not fallback:
                # The way out while it is open: no record, no handler, no call.
                wait = circuit.until - now
                if wait > 0 and not circuit.observing:
                    here.refused += 1
                    if listeners.active:
                        settlement.tell_refused(here)
                    retry_after = wait if wait < inf else None
                    raise CircuitOpenError(circuit.name, here.key, retry_after, circuit.last_error)
        if budget is not None:
            account = here.account
            if account.tokens < account.capacity:
                account.tokens += account.ratio
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
        permit = cancelling = mark = 0
        sent = False
        limit = inf
        try:
            while True:
                began = now
                try:
                    if admission:
                        if breaker is not None and circuit.shut:
                            circuit.check(now)
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
                            if asynchronous:
                                home = latest.loop
                                if home._thread_id != get_ident():
                                    home = latest.look()
                            else:
                                home = latest.threads
                            if room.free > 0:
                                room.free -= 1
                                if room.home is not home:
                                    room.assign(home)
                            else:
                                if not start_time_needed:
                                    now = monotonic()
                                bound = until if span is not None else outer_limit(effects, now)
                                if asynchronous:
                                    began = now = await room.wait(now, bound)
                                else:
                                    began = now = room.wait_blocking(now, bound)
                            held = home
                        if breaker is not None:
                            permit = circuit.claim(now) if circuit.shut else circuit.generation
                    if span is not None:
                        limit = now + span
                        if until < limit and until <= now:
                            settlement.refuse_late(here)
                        if asynchronous:
                            loop, lane = watch.latest
                            if tasks is not None:
                                # Where a place is held has just been looked up.
                                if loop is not held and loop._thread_id != get_ident():
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
                    result: object = await target(*args, **kwargs)
                    if not asynchronous and type(result) not in PLAIN:
                        settlement.check_plain(result)  # pragma: no cover - a block gives None
                except BaseException as error:
                    expired = False
                    if span is not None:
                        if mine is not None:
                            mine[0] = None
                        if asynchronous and live is not None:
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
                        if room.line or room.home is not held:
                            room.give_back(held)
                        else:
                            room.free += 1
                    if span is not None:
                        mine[0] = None
                        if asynchronous:
                            if handle is not None:
                                handle.cancel()
                            if mark in live:
                                del live[mark]
                            else:
                                watch.swallowed(task)
                    if end_time_needed:
                        now = monotonic()
                    if results_matter:
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
                        if permit != circuit.generation or (
                            end_time_needed and now - began >= slow_after
                        ):
                            late = not asynchronous and now > limit
                            outcome = CircuitOutcome.FAILURE if late else CircuitOutcome.SUCCESS
                            circuit.record(permit, outcome, began, now)
                        else:
                            circuit.consecutive = 0
                            if window_counted:
                                window = circuit.time_window
                                if now < window.rolls_at:
                                    window.calls += 1
                                else:
                                    circuit.record(permit, CircuitOutcome.SUCCESS, began, now)
                    if again is None:
                        here.succeeded += 1
                        if listeners.active:
                            settlement.succeeded(call, here, started, began)
                        return result
                    call = again
                if call.failure is not None:
                    substitute = settlement.conclude(call, here, args, kwargs)
                    if asynchronous and isawaitable(substitute):
                        return await substitute
                    return substitute
                mine = live = handle = None
                permit = 0
                held = None
                sent = False
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
