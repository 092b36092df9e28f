import asyncio
import time

import pytest

from hardpoint import Breaker, CircuitOpenError, Policy, RateLimit, Retry, remaining
from hardpoint.runtime.effects import AMBIENT
from hardpoint.testing import ManualClock, manual_time, no_delays

POLICY = Policy(
    "built long ago",
    deadline=120,
    timeout=10,
    retry=Retry(4, on=LookupError, backoff=8),
    breaker=Breaker(failures=4, recovery=60),
)


def fails():
    raise LookupError


async def fails_asynchronously():
    raise LookupError


async def hangs():
    await asyncio.sleep(3600)


@pytest.fixture(autouse=True)
def closed():
    yield
    POLICY.breaker.reset()


def test_within_manual_time_policies_that_exist_already_wait_by_it():
    before = AMBIENT.clock
    with manual_time() as clock:
        began = clock.monotonic()
        with pytest.raises(LookupError):
            POLICY.call(fails)
        assert clock.waits == [8, 8, 8]
        assert clock.monotonic() == began + 24
        with pytest.raises(CircuitOpenError):
            POLICY.call(fails)
        clock.advance(60)
        assert POLICY.call(remaining) == 10
    assert AMBIENT.clock is before


def test_a_clock_and_chance_of_ones_own_may_be_given():
    clock = ManualClock()
    policy = Policy("spread", timeout=1, retry=Retry(2, on=LookupError))
    with manual_time(clock, random=lambda: 0.5) as given:
        assert given is clock
        with pytest.raises(LookupError):
            policy.call(fails)
    assert clock.waits == [0.05]


def test_timeouts_of_tasks_follow_manual_time():
    with manual_time() as clock, pytest.raises(TimeoutError):
        clock.run(POLICY.call(hangs))


def test_a_policy_with_a_clock_of_its_own_keeps_it():
    own = ManualClock()
    policy = Policy("own", timeout=1, retry=Retry(2, on=LookupError, backoff=5), clock=own)
    with manual_time() as clock, pytest.raises(LookupError):
        policy.call(fails)
    assert (own.waits, clock.waits) == ([5], [])


def test_without_delays_nothing_waits_and_the_waits_are_told():
    began = time.monotonic()
    with no_delays() as waits:
        with pytest.raises(LookupError):
            POLICY.call(fails)
        POLICY.breaker.reset()
        with pytest.raises(LookupError):
            asyncio.run(POLICY.call(fails_asynchronously))
    assert waits == [8] * 6
    assert time.monotonic() - began < 8


def test_without_delays_a_rate_limit_holds_nobody_up():
    policy = Policy("slow", rate=RateLimit(1, per=3600))
    with no_delays() as waits:
        assert [policy.call(str, number) for number in range(3)] == ["0", "1", "2"]
    assert len(waits) == 2


def test_without_delays_timeouts_are_what_they_were():
    policy = Policy("quick", timeout=0.01)

    async def hangs():
        await asyncio.get_running_loop().create_future()

    with no_delays(), pytest.raises(TimeoutError):
        asyncio.run(policy.call(hangs))


def test_both_end_when_their_block_fails():
    before = AMBIENT.clock
    with pytest.raises(LookupError), manual_time(), no_delays():
        raise LookupError
    assert AMBIENT.clock is before
