import asyncio
import io
from math import inf, nan

import pytest

from hardpoint.core.errors import AttemptTimeoutError, ConfigurationError
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.events import Hedged, HedgeWon, OptionFailed
from hardpoint.resilience.hedge import Hedge, Latencies
from hardpoint.resilience.retry import Retry

AFTER = Hedge(after=1)


@pytest.fixture
def hedged(policy, listeners):
    def make(hedge=AFTER, **options):
        return policy(
            **{"timeout": 60, "idempotent": True, "listeners": listeners} | options, hedge=hedge
        )

    return make


@pytest.fixture
def run(clock):
    def run(policy, remote, *args, **kwargs):
        async def scenario():
            return await policy.call(remote.asynchronous, *args, **kwargs)

        return clock.run(scenario())

    return run


def test_a_fast_first_is_not_hedged(hedged, script, run):
    crm, remote = hedged(), script((0.5, "first"))
    assert run(crm, remote) == "first"
    assert (len(remote.at), crm.stats().hedged, crm.stats().succeeded) == (1, 0, 1)


def test_a_slow_first_gets_a_second_beside_it_and_the_faster_wins(
    hedged, script, run, clock, heard
):
    crm, remote = hedged(), script((30, "first"), (2, "second"))
    assert run(crm, remote) == "second"
    assert remote.at == [1000, 1001]
    assert clock.monotonic() == 1003
    assert (crm.stats().hedged, crm.stats().succeeded) == (1, 1)
    assert [event for event in heard if isinstance(event, Hedged | HedgeWon)] == [
        Hedged("crm", None),
        HedgeWon("crm", None),
    ]


def test_the_loser_counts_neither_for_the_breaker_nor_in_the_bulkhead(hedged, script, run):
    crm = hedged(breaker=Breaker(failures=1), bulkhead=Bulkhead(2))
    assert run(crm, script((30, "first"), (2, "second"))) == "second"
    assert (crm.breaker.state.value, crm.stats().in_flight) == ("closed", 0)


def test_both_legs_feed_the_breaker(hedged, script, run):
    crm = hedged(breaker=Breaker(failures=2))
    with pytest.raises(OSError, match="first"):
        run(crm, script((3, OSError("first")), (1, OSError("second"))))
    assert crm.breaker.state.value == "open"
    assert crm.stats().failed == 1


def test_an_attempt_timeout_ends_each_leg(hedged, script, run, clock):
    with pytest.raises(AttemptTimeoutError):
        run(hedged(timeout=5), script((60, "late")))
    assert clock.monotonic() == 1006


def test_a_hedged_call_is_retried_as_one(hedged, script, run):
    crm = hedged(retry=Retry(2, on=OSError, backoff=0))
    remote = script((3, OSError()), (1, OSError()), "answer")
    assert run(crm, remote) == "answer"
    assert len(remote.at) == 3


def test_hedges_spend_the_budget(hedged, script, run):
    crm = hedged(Hedge(after=1, budget=Budget(ratio=0.001, floor=0)))
    remote = script((5, "answer"))
    for _ in range(4):
        assert run(crm, remote) == "answer"
    assert crm.stats().hedged == 1
    assert run(hedged(listeners=None), script((5, "first"), (1, "second"))) == "second"


def test_a_budget_of_the_retries_is_one_for_both(hedged, script, run):
    budget = Budget(ratio=0.001, floor=0)
    crm = hedged(retry=Retry(2, on=OSError, backoff=0, budget=budget))
    with pytest.raises(OSError):
        run(crm, script((3, OSError())))
    assert (crm.stats().hedged, crm.stats().retried) == (1, 0)


def test_by_default_the_slowest_twentieth_is_hedged(hedged, script, run):
    crm, quick = hedged(Hedge()), script((0.1, "quick"))
    slow = script((30, "first"), (0.1, "second"))
    for _ in range(32):
        run(crm, quick)
    assert run(crm, slow) == "second"
    assert len(quick.at) == 32


def test_while_too_little_is_known_nothing_is_hedged(hedged, script, run):
    crm, slow = hedged(Hedge()), script((30, "first"))
    assert run(crm, slow) == "first"
    assert len(slow.at) == 1


def test_a_quantile_is_that_of_the_latest():
    latencies = Latencies(0.95)
    for number in range(31):
        latencies.add(number)
    assert latencies.slow is None
    latencies.add(31)
    assert latencies.slow == 30
    for _ in range(128):
        latencies.add(5.0)
    assert latencies.slow == 5


def test_fresh_arguments_are_made_for_the_second(hedged, script, run):
    crm = hedged(Hedge(after=1, arguments=lambda body: ((io.BytesIO(b"new"),), {})))
    remote = script((30, "first"), (1, "second"))
    body = io.BytesIO(b"old")
    assert run(crm, remote, body) == "second"
    (first, _), (second, _) = remote.arguments
    assert first == (body,)
    assert second[0].read() == b"new"


def test_fresh_arguments_that_cannot_be_made_leave_the_first_alone(hedged, script, run, heard):
    crm = hedged(Hedge(after=1, arguments=lambda: 1 / 0))
    remote = script((3, "first"))
    assert run(crm, remote) == "first"
    assert len(remote.at) == 1
    assert OptionFailed("crm", None, "Hedge.arguments", "ZeroDivisionError") in heard
    quiet = hedged(Hedge(after=1, arguments=lambda: 1 / 0), listeners=None)
    assert run(quiet, script((3, "first"))) == "first"


@pytest.mark.parametrize("body", [io.BytesIO(b"x"), iter([1])])
def test_what_can_be_read_once_is_not_sent_twice(hedged, script, run, body):
    remote = script("answer")
    for given in (((body,), {}), ((), {"body": body})):
        with pytest.raises(ConfigurationError, match="can be read once"):
            run(hedged(), remote, *given[0], **given[1])
    assert remote.at == []


def test_both_legs_carry_the_same_idempotency_key(hedged, script, run):
    ids = iter("abc").__next__
    for hedge in (AFTER, Hedge(after=1, arguments=lambda **_: ((), {}))):
        crm = hedged(hedge, idempotent=False, idempotency_key="key", ids=ids)
        remote = script((30, "first"), (1, "second"))
        run(crm, remote)
        (_, first), (_, second) = remote.arguments
        assert first == second
        assert first["key"]


def test_a_hedged_call_is_cancelled_as_one(hedged, script, clock):
    crm, remote = hedged(bulkhead=Bulkhead(4)), script((30, "answer"))

    async def scenario():
        task = asyncio.create_task(crm.call(remote.asynchronous))
        await asyncio.sleep(2)
        assert crm.stats().in_flight == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert crm.stats().in_flight == 0

    clock.run(scenario())
    assert crm.stats().failed == 0


def test_hedges_are_kept_by_key(hedged, script, run):
    crm = hedged(key=lambda host: host)
    run(crm, script((30, "first"), (1, "second")), "eu")
    run(crm, script("first"), "us")
    assert (crm.keyed("eu").stats().hedged, crm.keyed("us").stats().hedged) == (1, 0)
    run(crm.keyed("us"), script((30, "first"), (1, "second")))
    assert crm.keyed("us").stats().hedged == 1


def test_a_decorated_coroutine_function_is_hedged_too(hedged, script, clock):
    crm, remote = hedged(), script((30, "first"), (1, "second"), (30, "third"), (1, "fourth"))

    @crm
    async def fetch():
        return await remote.asynchronous()

    async def scenario():
        return await fetch(), await crm.call(remote.asynchronous)

    assert clock.run(scenario()) == ("second", "fourth")
    assert crm.stats().hedged == 2


def test_a_fallback_takes_the_place_of_both(hedged, script, run):
    crm = hedged(fallback="substitute")
    assert run(crm, script((3, OSError()), (1, OSError()))) == "substitute"
    assert crm.stats().degraded == 1


def test_a_plain_function_is_refused(hedged, script):
    crm = hedged()
    for guard in (crm, crm.call):
        with pytest.raises(ConfigurationError, match="is for coroutine functions"):
            guard(script("answer").plain)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"idempotent": False}, "may send a call twice"),
        ({"idempotent": False, "repeat": "needs_key"}, "may send a call twice"),
        (
            {"idempotent": False, "repeat": "never", "idempotency_key": "key"},
            "may send a call twice",
        ),
        ({"timeout": None}, "needs a timeout"),
        ({"hedge": 3}, "is a Hedge"),
    ],
)
def test_a_hedge_that_would_do_harm_is_refused(hedged, options, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        hedged(**options)
    assert caught.value.key == "crm.hedge"


@pytest.mark.parametrize("repeat", ["safe", "idempotent"])
def test_a_harmless_operation_may_be_hedged(hedged, repeat):
    assert hedged(idempotent=False, repeat=repeat).settings.hedge is AFTER


@pytest.mark.parametrize(
    ("option", "bad"),
    [
        *(("after", bad) for bad in (0, -1, nan, inf, "1", True)),
        *(("quantile", bad) for bad in (0, 1.1, nan, None)),
    ],
)
def test_a_senseless_hedge_is_refused_by_its_option(option, bad):
    with pytest.raises(ConfigurationError) as caught:
        Hedge(**{option: bad})
    assert caught.value.key == f"Hedge.{option}"
