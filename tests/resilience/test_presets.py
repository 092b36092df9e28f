"""What the presets do, as a caller meets it: `pytest -s` prints the waits."""

import asyncio
import itertools

import pytest

from hardpoint import CircuitOpenError, ConfigurationError, Policy, Retry, UnavailableError
from hardpoint.resilience.settings import WAITS, preset_options
from hardpoint.testing import ManualClock

WAITS_AT_LEAST = {
    "no_retry": [],
    "two_retries": [1, 2],
    "four_retries": [1, 2, 4, 8],
    "five_retries": [1, 2, 4, 8, 16],
}


def waits(preset, chance, **options):
    """The waits of a call that fails to its end."""
    clock = ManualClock()
    policy = Policy("crm", preset=preset, clock=clock, random=lambda: chance, **options)

    def down():
        raise UnavailableError

    with pytest.raises(UnavailableError):
        policy.call(down)
    return clock.waits


@pytest.mark.parametrize(("preset", "least"), WAITS_AT_LEAST.items(), ids=WAITS_AT_LEAST)
def test_each_wait_is_the_documented_one_plus_up_to_a_second(preset, least):
    lowest = waits(preset, 0.0, breaker=None)
    highest = waits(preset, 0.999, breaker=None)
    seconds = [f"{low:g} to {high:.0f}" for low, high in zip(lowest, highest, strict=True)]
    print(f"\n{preset}: {len(least) + 1} attempts, waits: {', '.join(seconds) or '-'} s")  # noqa: T201 - asked for
    assert lowest == least
    assert highest == [pytest.approx(wait + 0.999) for wait in least]


def test_the_fifth_failure_in_a_row_opens_the_circuit_and_ends_the_call_without_the_last_wait():
    assert waits("five_retries", 0.0) == [1, 2, 4, 8]
    assert waits("four_retries", 0.0) == [1, 2, 4, 8]


def test_the_last_wait_is_reached_when_other_calls_succeed_meanwhile():
    clock = ManualClock()
    policy = Policy("crm", preset="five_retries", clock=clock, random=lambda: 0.0)

    async def down():
        raise UnavailableError

    async def others():
        for _ in range(5):
            await clock.sleep(6)
            await policy.call(asyncio.sleep, 0)

    async def scenario():
        busy = asyncio.create_task(others())
        with pytest.raises(UnavailableError):
            await policy.call(down)
        await busy

    clock.run(scenario())
    assert [wait for wait in clock.waits if wait != 6] == [1, 2, 4, 8, 16]


def test_the_circuit_opens_after_five_failures_and_is_asked_again_after_a_minute():
    clock = ManualClock()
    policy = Policy("crm", preset="no_retry", clock=clock)

    def down():
        raise UnavailableError

    for _ in range(5):
        with pytest.raises(UnavailableError):
            policy.call(down)
    with pytest.raises(CircuitOpenError) as refused:
        policy.call(down)
    assert refused.value.retry_after == 60
    clock.advance(60)
    assert policy.call(str, "back") == "back"


def test_an_attempt_has_ten_seconds():
    clock = ManualClock()
    policy = Policy("crm", preset="two_retries", clock=clock)

    async def hangs():
        await asyncio.sleep(3600)

    async def scenario():
        with pytest.raises(TimeoutError):
            await policy.call(hangs)

    clock.run(scenario())
    assert clock.monotonic() == 1010


def test_a_retry_after_is_waited_for_with_the_same_chance_on_top():
    clock = ManualClock()
    policy = Policy("crm", preset="two_retries", clock=clock, random=lambda: 0.5)
    errors = [UnavailableError(retry_after=20), UnavailableError(retry_after=60.5)]

    def down():
        raise errors.pop(0)

    with pytest.raises(UnavailableError) as given_up:
        policy.call(down)
    assert clock.waits == [20 + 1.5]
    assert given_up.value.__notes__ == ["hardpoint: 2 attempts in 21.5 s, stopped: retry_after"]


def test_a_preset_gives_way_to_what_is_said_beside_it_and_can_be_put_on_later():
    policy = Policy("crm", preset="four_retries", timeout=3, retry=Retry(2))
    assert (policy.settings.timeout, policy.settings.retry) == (3, Retry(2))
    assert policy.settings.breaker is not None
    later = policy.with_(preset="two_retries")
    assert (later.settings.timeout, later.settings.retry.attempts) == (10, 3)


def test_every_preset_has_a_breaker_and_the_waits_of_the_documentation():
    for preset, least in WAITS_AT_LEAST.items():
        options = preset_options(preset)
        assert (options["breaker"].failures, options["breaker"].recovery) == (5, 60)
        assert options["retry"] is None or options["retry"].attempts == len(least) + 1
    grown = [WAITS(retry, 0.0, lambda: 0.0) for retry in range(1, 8)]
    assert grown == [1, 2, 4, 8, 16, 16, 16]
    assert all(one <= other for one, other in itertools.pairwise(grown))


@pytest.mark.parametrize("preset", ["many_retries", 3])
def test_an_unknown_preset_is_refused_by_name(preset):
    with pytest.raises(ConfigurationError, match=r"preset: .* is not known. Known: no_retry, two_"):
        Policy("crm", preset=preset)
