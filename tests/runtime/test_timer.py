"""The timer of attempts against `asyncio.timeout`, in random scenarios on virtual time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from hardpoint.core.errors import AttemptTimeoutError
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.runner import build
from hardpoint.resilience.timeout import LIMIT
from hardpoint.testing import ManualClock

# What a task may do inside of a timeout. Times are distinct multiples of a quarter or an eighth of
# a second, so that no two timers fall on the same instant: there the order is nobody's promise.

SECONDS = [1.0, 2.0, 3.0, 4.0, 8.0]
TIMEOUTS = st.sampled_from(SECONDS)


@dataclass(frozen=True)
class Sleep:
    """Wait; what is raised goes on."""

    seconds: float


@dataclass(frozen=True)
class Swallow:
    """Wait, and go on as if no cancellation had come."""

    seconds: float


@dataclass(frozen=True)
class CleanUp:
    """Wait, and when cancelled take one's time before going."""

    seconds: float
    after: float


@dataclass(frozen=True)
class Replace:
    """Wait, and raise something else when cancelled."""

    seconds: float


@dataclass(frozen=True)
class Within:
    """More of it under a timeout of its own, whose expiry may be caught."""

    timeout: float
    steps: tuple[object, ...]
    catches: bool


def ticks(start, step):
    return st.integers(0, 40).map(lambda n: start + n * step)


LEAVES = st.one_of(
    st.builds(Sleep, ticks(0.125, 0.25)),
    st.builds(Swallow, ticks(0.125, 0.25)),
    st.builds(CleanUp, ticks(0.125, 0.25), ticks(0.0625, 0.25)),
    st.builds(Replace, ticks(0.125, 0.25)),
)
STEPS = st.recursive(
    st.lists(LEAVES, min_size=1, max_size=3).map(tuple),
    lambda inner: st.lists(
        st.one_of(LEAVES, st.builds(Within, TIMEOUTS, inner, st.booleans())),
        min_size=1,
        max_size=3,
    ).map(tuple),
    max_leaves=8,
)
CANCELLATIONS = st.lists(ticks(0.03125, 0.25), max_size=3).map(sorted)


async def perform(steps, limited):
    for step in steps:
        match step:
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Swallow(seconds):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(seconds)
            case CleanUp(seconds, after):
                try:
                    await asyncio.sleep(seconds)
                finally:
                    await asyncio.sleep(after)
            case Replace(seconds):
                try:
                    await asyncio.sleep(seconds)
                except asyncio.CancelledError:
                    raise LookupError from None
            case Within(timeout, inner, catches):
                try:
                    await limited(timeout, inner)
                except TimeoutError:
                    if not catches:
                        raise


async def by_asyncio(timeout, steps):
    async with asyncio.timeout(timeout):
        await perform(steps, by_asyncio)


# A policy would also keep to the limits around it, which `asyncio.timeout` does not: those are
# taken away here, and put in place of the timeout in the third variant.


def one_each(clock):
    async def limited(timeout, steps):
        LIMIT.set(None)
        policy = Policy("limited", timeout=timeout, clock=clock)
        await policy.call(perform, steps, limited)

    return limited


def shared(clock):
    """As code does it: one policy for all calls, so that nested ones share a lane."""
    policies = {timeout: Policy("limited", timeout=timeout, clock=clock) for timeout in SECONDS}

    async def limited(timeout, steps):
        LIMIT.set(None)
        await policies[timeout].call(perform, steps, limited)

    return limited


def timers_of_their_own(clock):
    policy = Policy("limited", timeout=1000.0, clock=clock)

    async def limited(timeout, steps):
        LIMIT.set([clock.monotonic() + timeout, effects, None])
        await policy.call(perform, steps, limited)

    effects = policy._assembly.effects
    return limited


def history(timeout, steps, cancellations, make):
    """What an observer sees: how the task ended, when, and how often it is being cancelled."""
    clock = ManualClock(monotonic=0.0)

    async def task():
        me = asyncio.current_task()
        seen = []
        try:
            await make(clock)(timeout, steps)
            seen.append("returned")
        except asyncio.CancelledError:
            seen.append("cancelled")
        except TimeoutError:
            seen.append("timed out")
        except LookupError:
            seen.append("other")
        seen.append((clock.monotonic(), me.cancelling()))
        return seen

    async def scenario():
        running = asyncio.create_task(task())
        for when in cancellations:
            asyncio.get_running_loop().call_at(when, running.cancel)
        return await running

    return clock.run(scenario())


@pytest.mark.parametrize("maker", [one_each, shared, timers_of_their_own])
@settings(max_examples=200)
@given(timeout=TIMEOUTS, steps=STEPS, cancellations=CANCELLATIONS)
def test_it_does_what_asyncio_timeout_does(maker, timeout, steps, cancellations):
    expected = history(timeout, steps, cancellations, lambda _clock: by_asyncio)
    assert history(timeout, steps, cancellations, maker) == expected


# What the comparison does not see.


def test_a_lane_keeps_nothing_of_attempts_that_ended_and_one_timer_at_most():
    clock = ManualClock()
    policy = Policy("limited", timeout=5.0, clock=clock)

    async def scenario():
        for _ in range(100):
            await policy.call(asyncio.sleep, 0.5)
        (watch,) = policy._assembly._watches.values()
        assert not watch.latest[1].live
        assert sum(not timer.cancelled() for timer in asyncio.get_running_loop()._scheduled) <= 1

    clock.run(scenario())


def test_attempts_that_began_at_different_times_end_each_at_its_own():
    clock = ManualClock(monotonic=0.0)
    policy = Policy("limited", timeout=5.0, clock=clock)

    async def one(after):
        await asyncio.sleep(after)
        with pytest.raises(AttemptTimeoutError):
            await policy.call(asyncio.sleep, 100)
        return clock.monotonic()

    async def scenario():
        return await asyncio.gather(one(0.5), one(0), one(3), one(1))

    assert clock.run(scenario()) == [5.5, 5.0, 8.0, 6.0]


def test_event_loops_one_after_the_other_and_side_by_side_do_not_disturb_each_other():
    policy = Policy("limited", timeout=0.05)

    async def scenario():
        with pytest.raises(AttemptTimeoutError):
            await policy.call(asyncio.sleep, 60)

    asyncio.run(scenario())
    asyncio.run(scenario())
    with ThreadPoolExecutor(2) as threads:
        for running in [threads.submit(asyncio.run, scenario()) for _ in range(4)]:
            running.result(30)


def test_two_loops_by_turns_keep_their_lanes():
    policy = Policy("limited", timeout=60.0)
    with asyncio.Runner() as one, asyncio.Runner() as other:
        one.run(policy.call(asyncio.sleep, 0))
        (watch,) = policy._assembly._watches.values()
        lane = watch.latest[1]
        other.run(policy.call(asyncio.sleep, 0))
        assert watch.latest[1] is not lane
        one.run(policy.call(asyncio.sleep, 0))
        assert watch.latest[1] is lane


def test_a_loop_of_another_make_is_served_alike():
    policy = Policy("limited", timeout=0.05)

    async def scenario():
        assert await policy.call(asyncio.sleep, 0, "first") == "first"
        with pytest.raises(AttemptTimeoutError):
            await policy.call(asyncio.sleep, 60)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def test_current_task_is_asked_where_it_is_fast():
    """As on Python 3.12 and later."""
    clock = ManualClock()
    policy = Policy("limited", timeout=5.0, clock=clock)
    run = build(replace(policy._assembly._plan("call", asynchronous=True), tasks=None))

    async def scenario():
        assert await run(asyncio.sleep, 1, "result") == "result"
        with pytest.raises(AttemptTimeoutError):
            await run(asyncio.sleep, 60)

    clock.run(scenario())


@pytest.mark.parametrize("tasks", [None, {}], ids=["asked", "looked up"])
def test_without_a_task_there_is_nothing_to_cancel(tasks):
    policy = Policy("limited", timeout=5.0)
    run = build(replace(policy._assembly._plan("call", asynchronous=True), tasks=tasks))

    async def scenario():
        loop, outcome = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        def step():
            try:
                run(asyncio.sleep, 0).send(None)
            except RuntimeError as error:
                outcome.set_result(str(error))

        loop.call_soon(step)
        assert "limited: a timeout needs a task" in await outcome

    asyncio.run(scenario())
