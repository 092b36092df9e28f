import asyncio

import pytest

from hardpoint.runtime.effects import Effects
from hardpoint.runtime.racing import race
from hardpoint.testing import ManualClock


@pytest.fixture
def clock():
    return ManualClock(monotonic=0.0)


@pytest.fixture
def run(clock):
    effects = Effects(clock, lambda: 0.5, str)

    def run(first, second, delay=1.0):
        async def scenario():
            return await race(first, second, delay, effects)

        return clock.run(scenario())

    return run


def leg(seconds, outcome, log=None):
    async def attempt():
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if log is not None:
                await asyncio.sleep(0.5)  # cleaning up takes its time
                log.append(outcome)
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return attempt


def never():
    raise AssertionError("nobody should have asked")


def test_a_fast_first_runs_alone(run, clock):
    assert run(leg(0.5, "first"), never) == ("first", False)
    assert clock.monotonic() == 0.5


def test_a_fast_failure_of_the_first_is_raised_without_a_second(run):
    with pytest.raises(LookupError):
        run(leg(0.5, LookupError()), never)


def test_the_second_wins_and_the_first_is_cancelled_and_awaited(run, clock):
    log = []
    assert run(leg(60, "first", log), leg(1, "second")) == ("second", True)
    assert log == ["first"]
    assert clock.monotonic() == 2.5


def test_the_first_wins_all_the_same(run):
    log = []
    assert run(leg(1.5, "first"), leg(60, "second", log)) == ("first", False)
    assert log == ["second"]


def test_without_a_second_the_first_goes_on_alone(run):
    assert run(leg(60, "first"), lambda: None) == ("first", False)


def test_one_failure_waits_for_the_other(run):
    assert run(leg(1.5, LookupError()), leg(5, "second")) == ("second", True)
    assert run(leg(5, "first"), leg(0.5, LookupError())) == ("first", False)


def test_two_failures_raise_that_of_the_first(run):
    with pytest.raises(LookupError):
        run(leg(5, LookupError()), leg(0.5, KeyError()))


def test_a_leg_that_cancels_itself_has_lost(run):
    async def gives_up():
        raise asyncio.CancelledError

    assert run(leg(5, "first"), gives_up) == ("first", False)


def test_when_asking_for_a_second_fails_the_first_is_cancelled(run):
    log = []

    def broken():
        raise LookupError

    with pytest.raises(LookupError):
        run(leg(60, "first", log), broken)
    assert log == ["first"]


def test_cancelled_from_outside_both_are_cancelled_and_awaited(clock):
    effects = Effects(clock, lambda: 0.5, str)
    log = []

    async def scenario():
        racing = asyncio.create_task(
            race(leg(60, "first", log), leg(60, "second", log), 1.0, effects)
        )
        await asyncio.sleep(2)
        racing.cancel()
        await asyncio.sleep(0.25)
        racing.cancel()  # impatient, while they clean up
        with pytest.raises(asyncio.CancelledError):
            await racing

    clock.run(scenario())
    assert sorted(log) == ["first", "second"]
    assert clock.monotonic() == 2.5
