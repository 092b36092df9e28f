"""Whether, why and when a further attempt follows."""

from math import inf, nan

import pytest

from hardpoint.core.errors import RateLimitedError
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.events import CallEnded, OptionFailed, RetryScheduled
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.retry import Retry, exponential


class BusyError(Exception):
    """As an SDK's error with a hint."""

    def __init__(self, retry_after=None, status=None):
        super().__init__()
        self.retry_after = retry_after
        self.status = status


EXACT = exponential(1, jitter="none")


def waits(policy, script, call, clock, *steps, retry, **options):
    with pytest.raises(Exception) as caught:
        call(policy(retry=retry, **options), script(*steps))
    return list(clock.waits), getattr(caught.value, "__notes__", [""])[0].partition(": ")[2]


def test_a_retry_after_is_the_least_and_chance_comes_on_top(policy, script, call, clock):
    retry = Retry(2, on=BusyError, throttled=exponential(1, jitter="full"))
    assert waits(policy, script, call, clock, BusyError("7"), retry=retry)[0] == [7.5]


def test_a_retry_after_and_an_exact_curve_take_the_longer(policy, script, call, clock):
    for asked, expected in (("7", [7]), ("0.5", [1])):
        clock.waits.clear()
        retry = Retry(2, on=BusyError, throttled=EXACT)
        assert waits(policy, script, call, clock, BusyError(asked), retry=retry)[0] == expected


def test_a_retry_after_above_the_cap_stops_at_once(policy, script, call, clock):
    retry = Retry(2, on=BusyError, retry_after_max=60)
    slept, stopped = waits(policy, script, call, clock, BusyError("61"), retry=retry)
    assert slept == []
    assert stopped.endswith("stopped: retry_after")


def test_a_retry_after_of_the_cap_itself_is_waited_for(policy, script, call, clock):
    retry = Retry(2, on=BusyError, retry_after_max=60, throttled=EXACT)
    assert waits(policy, script, call, clock, BusyError("60"), retry=retry)[0] == [60]


def test_a_retry_after_beyond_the_deadline_stops_at_once(policy, script, call, clock):
    retry = Retry(2, on=BusyError)
    slept, stopped = waits(policy, script, call, clock, BusyError("20"), retry=retry, deadline=10)
    assert slept == []
    assert stopped.endswith("stopped: deadline")


@pytest.mark.parametrize("error", [BusyError(status=429), RateLimitedError()])
def test_throttling_without_a_time_uses_the_slower_curve(policy, script, call, clock, error):
    retry = Retry(3, on=Exception, backoff=0.1, throttled=EXACT)
    assert waits(policy, script, call, clock, error, retry=retry)[0] == [1, 2]


def test_another_status_uses_the_usual_curve(policy, script, call, clock):
    retry = Retry(2, on=BusyError, backoff=0.25, throttled=EXACT)
    assert waits(policy, script, call, clock, BusyError(status=503), retry=retry)[0] == [0.25]


def test_a_backoff_is_given_the_retry_the_wait_before_and_chance(policy, script, call, clock):
    seen = []

    def backoff(retry, previous, chance):
        seen.append((retry, previous, chance()))
        return retry * 2.0

    waits(policy, script, call, clock, BusyError(), retry=Retry(3, on=BusyError, backoff=backoff))
    assert seen == [(1, 0, 0.5), (2, 2, 0.5)]


@pytest.mark.parametrize("bad", [nan, inf, -1])
def test_a_backoff_that_gives_nonsense_ends_the_call(policy, script, call, clock, bad):
    retry = Retry(3, on=BusyError, backoff=lambda *_: bad)
    slept, stopped = waits(policy, script, call, clock, BusyError(), retry=retry)
    assert slept == []
    assert stopped.endswith("stopped: backoff")


def test_a_backoff_that_raises_ends_the_call_with_its_error_and_is_told(
    policy, script, call, heard, listeners
):
    crm = policy(retry=Retry(3, on=BusyError, backoff=lambda *_: 1 / 0), listeners=listeners)
    with pytest.raises(BusyError):
        call(crm, script(BusyError()))
    assert OptionFailed("crm", None, "Retry.backoff", "ZeroDivisionError") in heard


def test_no_retry_is_slept_for_that_an_open_circuit_would_refuse(policy, script, call, clock):
    retry, breaker = Retry(5, on=BusyError, backoff=1), Breaker(failures=2, recovery=60)
    slept, stopped = waits(policy, script, call, clock, BusyError(), retry=retry, breaker=breaker)
    assert slept == [1]
    assert stopped == "2 attempts in 1 s, stopped: circuit open"


def test_an_observing_breaker_stops_no_retry(policy, script, call, clock):
    retry, breaker = Retry(4, on=BusyError, backoff=1), Breaker(failures=2, observe=True)
    slept, _ = waits(policy, script, call, clock, BusyError(), retry=retry, breaker=breaker)
    assert slept == [1, 1, 1]


def test_an_empty_budget_stops_and_says_so(policy, script, call, clock):
    retry = Retry(5, on=BusyError, backoff=1, budget=Budget(ratio=0.001, floor=0))
    slept, stopped = waits(policy, script, call, clock, BusyError(), retry=retry)
    assert slept == [1]
    assert stopped == "2 attempts in 1 s, stopped: budget"


def test_a_retry_after_bars_the_rate_limit_for_all(policy, script, call, clock):
    crm = policy(rate=RateLimit(10), retry=Retry(1, on=BusyError))
    with pytest.raises(BusyError):
        call(crm, script(BusyError("30")))
    remote = script("answer")
    call(crm, remote)
    assert remote.at == pytest.approx([1030])


def test_a_retry_after_of_a_year_bars_nothing_for_a_year(policy, script, call, clock):
    for retry in (None, Retry(2, on=BusyError, retry_after_max=60)):
        crm, began = policy(rate=RateLimit(10), retry=retry), clock.monotonic()
        with pytest.raises(BusyError):
            call(crm, script(BusyError("31536000")))
        call(crm, script("answer"))
        assert clock.monotonic() - began == pytest.approx(60)


def test_a_retry_after_in_a_result_is_waited_for(policy, script, call, clock):
    class Reply:
        retry_after = "7"

    retry = Retry(2, on_result=lambda result: isinstance(result, Reply), throttled=EXACT)
    assert call(policy(retry=retry), script(Reply(), "answer")) == "answer"
    assert clock.waits == [7]
    limited = policy(retry=Retry(1, on_result=bool), rate=RateLimit(10))
    call(limited, script(Reply()))
    remote = script("")
    began = clock.monotonic()
    call(limited, remote)
    assert remote.at == pytest.approx([began + 7])


def test_an_inner_policy_does_not_wait_past_the_outer_ones_deadline(policy, script, clock):
    inner, remote = policy(retry=Retry(3, on=BusyError, backoff=5)), script(BusyError())
    with pytest.raises(BusyError) as caught:
        policy(deadline=3).call(lambda: inner.call(remote.plain))
    assert caught.value.__notes__[0].endswith("stopped: deadline")
    assert clock.waits == []


def test_a_note_takes_the_place_of_an_earlier_one_of_ours(policy, script, call):
    error = BusyError()
    error.add_note("theirs")
    for _ in range(3):
        with pytest.raises(BusyError):
            call(policy(retry=Retry(2, on=BusyError, backoff=0)), script(error))
    assert error.__notes__ == ["theirs", "hardpoint: 2 attempts, stopped: attempts"]


def test_an_error_that_takes_no_notes_is_raised_all_the_same(policy, script, call):
    class FrozenError(Exception):
        def __setattr__(self, name, value):
            if name == "__notes__":
                raise AttributeError(name)
            super().__setattr__(name, value)

    with pytest.raises(FrozenError):
        call(policy(retry=Retry(2, on=FrozenError, backoff=0)), script(FrozenError()))


def test_retries_and_the_end_are_told_with_their_reasons(policy, script, call, heard, listeners):
    crm = policy(retry=Retry(3, on=BusyError, backoff=1, throttled=EXACT), listeners=listeners)
    with pytest.raises(BusyError):
        call(crm, script(BusyError(), BusyError("3"), BusyError()))
    told = [event for event in heard if isinstance(event, RetryScheduled | CallEnded)]
    assert told == [
        RetryScheduled("crm", None, 1, 1, "BusyError"),
        RetryScheduled("crm", None, 2, 3, "throttled"),
        CallEnded(
            connection="crm",
            attempts=3,
            seconds=4,
            error="BusyError",
            stopped="attempts",
            correlation_id=None,
        ),
    ]


def test_a_refusal_after_a_real_error_raises_the_real_one(policy, script, call, clock):
    crm = policy(rate=RateLimit(1, per=50, queue=0), retry=Retry(3, on=BusyError, backoff=1))
    error = BusyError()
    with pytest.raises(BusyError) as caught:
        call(crm, script(error))
    assert caught.value is error
    assert "stopped: LimitExceededError" in error.__notes__[0]
    assert crm.stats().failed == 1
