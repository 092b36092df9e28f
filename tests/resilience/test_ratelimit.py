import asyncio
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError, DeadlineTooShortError, LimitExceededError
from hardpoint.resilience.events import CallQueued
from hardpoint.resilience.ratelimit import RateLimit, RateMeter
from hardpoint.runtime.effects import Effects
from hardpoint.testing import ManualClock


def admitted(meter, now):
    """The runner's own way in."""
    arrival = max(meter.arrival, now)
    if arrival - now > meter.tolerance:
        return False
    meter.arrival = arrival + meter.interval
    return True


async def enter(meter, effects, until=inf):
    """When the call may go."""
    now = effects.monotonic()
    return now if admitted(meter, now) else await meter.wait(now, until)


def test_calls_are_evenly_spaced(effects, clock):
    meter = RateMeter(RateLimit(4), effects)
    assert admitted(meter, 1000.0)
    assert not admitted(meter, 1000.2)
    assert admitted(meter, 1000.25)
    assert not admitted(meter, 1000.25)


def test_a_burst_may_go_at_once_after_a_pause(effects, clock):
    meter = RateMeter(RateLimit(4, burst=3), effects)
    assert [admitted(meter, 1010.0) for _ in range(4)] == [True, True, True, False]
    assert [admitted(meter, 1010.25) for _ in range(2)] == [True, False]


def test_sums_of_floats_make_nobody_wait_for_a_nanosecond(effects):
    meter, now = RateMeter(RateLimit(10), effects), 1000.0
    for _ in range(10_000):
        assert admitted(meter, now)
        now += 0.1


def test_who_waits_in_line_goes_at_the_reserved_moments(effects, clock, listeners, heard):
    meter = RateMeter(RateLimit(4), effects, name="crm", key="eu", listeners=listeners)

    async def scenario():
        return await asyncio.gather(*(enter(meter, effects) for _ in range(4)))

    assert clock.run(scenario()) == pytest.approx([1000.0, 1000.25, 1000.5, 1000.75])
    assert meter.waiting == 0
    assert heard == [CallQueued("crm", "eu", "rate")] * 3


def test_a_full_line_refuses_and_says_when_to_come_again(effects, clock):
    meter = RateMeter(RateLimit(1, per=10, queue=1), effects, name="crm", key="eu")

    async def scenario():
        assert await enter(meter, effects) == 1000
        second = asyncio.create_task(enter(meter, effects))
        await asyncio.sleep(1)
        assert meter.waiting == 1
        with pytest.raises(LimitExceededError) as caught:
            await enter(meter, effects)
        assert await second == pytest.approx(1010)
        return caught.value

    refusal = clock.run(scenario())
    assert refusal.retry_after == pytest.approx(19)
    assert (refusal.policy, refusal.key) == ("crm", "eu")


def test_without_a_line_the_limit_refuses_at_once(effects, clock):
    meter = RateMeter(RateLimit(2, queue=0), effects)
    assert admitted(meter, clock.monotonic())
    with pytest.raises(LimitExceededError) as caught:
        meter.wait_blocking(clock.monotonic(), inf)
    assert caught.value.retry_after == pytest.approx(0.5)
    assert clock.waits == []


def test_a_wait_past_the_deadline_is_refused_without_waiting_and_takes_no_turn(effects, clock):
    meter = RateMeter(RateLimit(1, per=10), effects)
    assert admitted(meter, 1000.0)
    with pytest.raises(
        DeadlineTooShortError, match="the rate limit would delay it beyond the deadline"
    ):
        meter.wait_blocking(1000.0, 1009.0)
    assert clock.waits == []
    assert meter.wait_blocking(1000.0, 1011.0) == pytest.approx(1010)


def test_threads_wait_in_the_same_line(effects, clock):
    meter = RateMeter(RateLimit(4), effects)
    assert admitted(meter, 1000.0)
    assert meter.wait_blocking(1000.0, inf) == pytest.approx(1000.25)
    assert meter.wait_blocking(1000.25, inf) == pytest.approx(1000.5)


def test_a_turn_that_has_come_by_itself_is_taken_without_waiting(effects, clock):
    meter = RateMeter(RateLimit(4), effects)
    assert meter.wait_blocking(1000.0, inf) == 1000.0
    clock.advance(7)
    assert clock.run(meter.wait(1007.0, inf)) == 1007.0
    assert clock.waits == []
    assert not admitted(meter, 1007.0)


def test_the_moment_of_a_cancelled_call_goes_to_the_next(effects, clock):
    meter = RateMeter(RateLimit(1, per=10), effects)

    async def scenario():
        await enter(meter, effects)
        second, third = (asyncio.create_task(enter(meter, effects)) for _ in range(2))
        await asyncio.sleep(1)
        second.cancel()
        await asyncio.wait([second])
        fourth = asyncio.create_task(enter(meter, effects))
        assert await fourth == pytest.approx(1010)
        assert await third == pytest.approx(1020)
        assert await enter(meter, effects) == pytest.approx(1030)
        assert meter.waiting == 0

    clock.run(scenario())


def test_a_moment_given_back_and_gone_by_is_not_used_for_a_burst(effects, clock):
    meter = RateMeter(RateLimit(1, per=10), effects)

    async def scenario():
        await enter(meter, effects)
        second = asyncio.create_task(enter(meter, effects))
        await asyncio.sleep(1)
        second.cancel()
        await asyncio.wait([second])
        await asyncio.sleep(18)
        assert await enter(meter, effects) == pytest.approx(1020)
        assert await enter(meter, effects) == pytest.approx(1030)

    clock.run(scenario())


def test_an_interrupted_thread_gives_its_moment_back(effects, clock):
    meter = RateMeter(RateLimit(1, per=10), effects)
    assert admitted(meter, 1000.0)

    def interrupt(_seconds):
        raise KeyboardInterrupt

    effects.pause = interrupt
    with pytest.raises(KeyboardInterrupt):
        meter.wait_blocking(1000.0, inf)
    effects.pause = clock.pause
    assert meter.waiting == 0
    assert meter.wait_blocking(1000.0, inf) == pytest.approx(1010)


def test_a_barred_limit_lets_nothing_go_until_then(effects, clock):
    meter = RateMeter(RateLimit(4, burst=8), effects)
    meter.bar(1000.0, 30.0)
    assert not admitted(meter, 1029.0)
    assert admitted(meter, 1030.0)
    assert not admitted(meter, 1030.0), "a pause by order saves up no burst"


def test_a_shorter_bar_does_not_lift_a_longer_one(effects, clock):
    meter = RateMeter(RateLimit(4), effects)
    meter.bar(1000.0, 30.0)
    meter.bar(1000.0, 5.0)
    assert not admitted(meter, 1029.0)


@pytest.mark.parametrize("blocking", [False, True])
def test_who_waits_already_when_the_limit_is_barred_waits_on(effects, clock, blocking):
    meter = RateMeter(RateLimit(1, per=4), effects)
    assert admitted(meter, 1000.0)
    clock.call_later(2, lambda: meter.bar(clock.monotonic(), 30))
    wait = meter.wait_blocking if blocking else lambda *when: asyncio.run(meter.wait(*when))
    went = wait(1000.0, inf)
    assert went >= 1032
    assert meter.waiting == 0


ARRIVALS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=30)


@given(st.integers(1, 5), st.integers(1, 4), ARRIVALS)
def test_in_no_period_go_more_than_the_limit_and_its_burst(calls, burst, arrivals):
    clock = ManualClock()
    effects = Effects(clock, lambda: 0.5, lambda: "id")
    meter = RateMeter(RateLimit(calls, per=1.0, burst=burst), effects)
    went = []

    async def one(after, patience):
        await asyncio.sleep(after / 8)
        task = asyncio.create_task(enter(meter, effects))
        done, _ = await asyncio.wait([task], timeout=patience / 4)
        if done:
            went.append(task.result())
        else:
            task.cancel()
            await asyncio.wait([task])

    async def scenario():
        await asyncio.gather(*(one(*arrival) for arrival in arrivals))

    clock.run(scenario())
    went.sort()
    assert meter.waiting == 0
    for at, first in enumerate(went):
        within = [moment for moment in went[at:] if moment < first + 1.0 - 1e-6]
        assert len(within) <= calls + burst - 1


@pytest.mark.parametrize(
    ("options", "option"),
    [
        *(({"calls": bad}, "calls") for bad in (0, -1, nan, inf, "1", None, True, 1e-320)),
        *(({"calls": 1, "per": bad}, "per") for bad in (0, -1, nan, inf, "1", None)),
        *(({"calls": 1, "burst": bad}, "burst") for bad in (0, -1, 1.5, True)),
        *(({"calls": 1, "queue": bad}, "queue") for bad in (-1, 0.5, inf)),
        ({"calls": 1e308, "per": 1e-300}, "calls"),
    ],
)
def test_a_senseless_limit_is_refused_by_its_option(options, option):
    with pytest.raises(ConfigurationError) as caught:
        RateLimit(**options)
    assert caught.value.key == f"RateLimit.{option}"


def test_a_moment_exactly_at_the_deadline_is_too_late(effects):
    meter = RateMeter(RateLimit(4), effects)
    assert admitted(meter, 1000.0)
    start = meter.arrival - meter.tolerance
    with pytest.raises(DeadlineTooShortError):
        meter.wait_blocking(1000.0, start)
    assert meter.waiting == 0


def test_a_moment_that_was_given_back_and_is_now_is_waited_for_by_nobody(effects, clock):
    meter = RateMeter(RateLimit(4), effects)

    async def scenario():
        await enter(meter, effects)
        leaving = asyncio.ensure_future(enter(meter, effects))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        (moment,) = meter._given_back
        assert await meter.wait(moment, inf) == moment

    clock.run(scenario())
    assert meter.waiting == 0


def test_a_moment_that_was_given_back_is_none_before_the_bar_ends(effects, clock):
    meter = RateMeter(RateLimit(4), effects)

    async def scenario():
        await enter(meter, effects)
        leaving = asyncio.ensure_future(enter(meter, effects))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        meter.bar(1000.0, 10.0)
        waited = len(clock.waits)
        with pytest.raises(DeadlineTooShortError):
            await meter.wait(1000.0, 1005.0)
        assert len(clock.waits) == waited

    clock.run(scenario())


def test_what_the_other_side_has_left_may_go_at_once_and_no_more(effects):
    meter = RateMeter(RateLimit(4, burst=10), effects)
    meter.thin(1010.0, 3, 60.0)
    assert [admitted(meter, 1010.0) for _ in range(4)] == [True, True, True, False]
