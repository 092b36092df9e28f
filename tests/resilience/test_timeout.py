import asyncio

import pytest

from hardpoint.core.errors import AttemptTimeoutError
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.timeout import remaining
from hardpoint.testing import ManualClock


def test_outside_of_a_policy_there_is_no_limit():
    assert remaining() is None
    assert remaining(7) == 7


def test_a_plain_function_is_told_what_is_left_for_its_sockets(clock):
    policy = Policy("crm", timeout=5, deadline=8, clock=clock)

    def call():
        clock.advance(2)
        seen = (remaining(), remaining(10), remaining(1))
        clock.advance(4)
        return (*seen, remaining(), remaining(10))

    assert policy.call(call) == (3, 3, 1, 0.0, 0.001)
    assert remaining() is None


def test_an_inner_policy_has_no_more_than_the_outer_one(clock):
    outer, inner = Policy("outer", timeout=5, clock=clock), Policy("inner", timeout=9, clock=clock)
    assert outer.call(lambda: inner.call(remaining)) == 5
    assert inner.call(lambda: outer.call(remaining)) == 5
    assert outer.call(lambda: (inner.call(remaining), remaining())) == (5, 5)


def test_an_outer_limit_by_another_clock_is_translated(clock):
    other = ManualClock(monotonic=5.0)
    outer, inner = Policy("outer", timeout=5, clock=other), Policy("inner", timeout=9, clock=clock)

    def call():
        other.advance(2)
        return inner.call(remaining)

    assert outer.call(call) == 3


def test_what_is_left_reaches_tasks_and_threads_and_ends_with_the_attempt(clock):
    policy = Policy("crm", timeout=5, clock=clock)
    late = []

    async def call():
        task = await asyncio.create_task(asleep())
        thread = await asyncio.to_thread(remaining)
        late.append(asyncio.create_task(asleep(10)))
        return task, thread, remaining()

    async def asleep(seconds=0):
        await asyncio.sleep(seconds)
        return remaining()

    async def scenario():
        assert await policy.call(call) == (5, 5, 5)
        assert await late[0] is None, "the attempt is over, in every task it reached"

    clock.run(scenario())


def test_a_call_that_started_after_the_one_before_it_has_its_own_time(clock):
    policy = Policy("crm", timeout=5, clock=clock)

    async def scenario():
        for _ in range(3):
            with pytest.raises(AttemptTimeoutError):
                await policy.call(asyncio.sleep, 60)
            assert remaining() is None

    clock.run(scenario())
    assert clock.monotonic() == 1015
