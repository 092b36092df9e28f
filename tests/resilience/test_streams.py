"""A stream is opened under the whole policy, and holds its place while it lives."""

import asyncio
from contextlib import suppress

import pytest

from hardpoint.core.errors import (
    BulkheadFullError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineTooShortError,
    NotFoundError,
)
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.hedge import Hedge
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.recognition import Quota
from hardpoint.resilience.retry import Retry


class Line:
    """A stream: a context manager that gives itself."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.openings = self.closings = 0

    async def __aenter__(self):
        self.openings += 1
        if self.failures:
            raise self.failures.pop(0)
        return self

    async def __aexit__(self, *_):
        self.closings += 1


async def use(crm, line, *, seconds=0.0, error=None, stable=30.0):
    async with crm.open_stream(lambda: line, stable=stable) as stream:
        await asyncio.sleep(seconds)
        if error is not None:
            raise error
        return stream


def test_an_opening_is_retried_and_its_end_is_told_to_the_stream(policy, clock):
    line = Line(ConnectionResetError(), ConnectionRefusedError())
    crm = policy(retry=Retry(3, backoff=0), repeat="safe", timeout=5, breaker=Breaker())
    assert clock.run(use(crm, line)) is line
    assert (line.openings, line.closings) == (3, 1)


def test_nothing_is_repeated_once_the_stream_is_open(policy, clock):
    line = Line()
    with pytest.raises(ConnectionResetError):
        clock.run(
            use(
                policy(retry=Retry(3, backoff=0), repeat="safe"), line, error=ConnectionResetError()
            )
        )
    assert (line.openings, line.closings) == (1, 1)


def test_a_timeout_bounds_the_opening_and_not_the_stream(policy, clock):
    assert clock.run(use(policy(timeout=1, deadline=2), Line(), seconds=600)).openings == 1


def test_a_place_is_held_until_the_stream_ends(policy, clock):
    crm = policy(bulkhead=Bulkhead(1), deadline=5)

    async def scenario():
        async with crm.open_stream(Line):
            assert crm.stats().in_flight == 1
            with pytest.raises(BulkheadFullError):
                await use(crm, Line())
        assert crm.stats().in_flight == 0
        await use(crm, Line())

    clock.run(scenario())


def test_a_stream_waits_in_line_for_a_place_no_longer_than_the_deadline(policy, clock):
    crm = policy(bulkhead=Bulkhead(1, queue=2), deadline=5)

    async def scenario():
        first = asyncio.create_task(use(crm, Line(), seconds=3))
        await asyncio.sleep(1)
        second = asyncio.create_task(use(crm, Line(), seconds=60))
        await first
        await asyncio.sleep(1)
        with pytest.raises(DeadlineTooShortError):
            await use(crm, Line())
        second.cancel()
        await asyncio.wait([second])
        assert crm.stats().in_flight == 0

    clock.run(scenario())


def test_an_opening_that_fails_gives_its_place_back(policy, clock):
    crm = policy(bulkhead=Bulkhead(1))
    with pytest.raises(OSError):
        clock.run(use(crm, Line(OSError())))
    assert crm.stats().in_flight == 0


@pytest.mark.parametrize(
    ("seconds", "error", "state"),
    [
        (1, ConnectionResetError(), "open"),
        (40, ConnectionResetError(), "closed"),
        (1, NotFoundError(status=404), "closed"),
        (1, None, "closed"),
    ],
)
def test_a_stream_that_breaks_soon_counts_against_the_other_side(
    policy, clock, seconds, error, state
):
    crm = policy(breaker=Breaker(failures=2))
    for _ in range(2):
        with suppress(OSError, NotFoundError):
            clock.run(use(crm, Line(), seconds=seconds, error=error))
    assert crm.breaker.state.value == state


def test_an_open_circuit_refuses_before_a_place_is_waited_for(policy, clock):
    crm = policy(breaker=Breaker(failures=1), bulkhead=Bulkhead(1))
    crm.breaker.force_open()
    line = Line()
    with pytest.raises(CircuitOpenError):
        clock.run(use(crm, line))
    assert line.openings == 0


def test_a_stream_that_is_cancelled_says_nothing_of_the_other_side(policy, clock):
    crm = policy(breaker=Breaker(failures=1), bulkhead=Bulkhead(1))

    async def scenario():
        task = asyncio.create_task(use(crm, Line(), seconds=60, stable=90))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])

    clock.run(scenario())
    assert (crm.breaker.state.value, crm.stats().in_flight) == ("closed", 0)


def test_a_fallback_takes_the_place_of_a_stream(policy, clock):
    crm = policy(fallback="cached", bulkhead=Bulkhead(1))
    assert clock.run(use(crm, Line(OSError()))) == "cached"
    assert crm.stats().in_flight == 0


def test_a_stream_may_be_given_by_a_coroutine_function_and_is_kept_by_key(policy, clock):
    async def connect(host):
        await asyncio.sleep(0)
        return host

    crm = policy(key=lambda host: host, breaker=Breaker(failures=1))

    async def scenario():
        async with crm.open_stream(connect, "a") as stream:
            assert stream == "a"
        async with crm.keyed("b").open_stream(connect, "a") as stream:
            assert stream == "a"

    clock.run(scenario())


def test_a_stream_that_nobody_closed_gives_back_what_it_held(policy, clock):
    crm = policy(breaker=Breaker(), bulkhead=Bulkhead(1))

    async def scenario():
        streams = [crm.open_stream(Line, stable=5)]
        await streams[0].__aenter__()
        with pytest.warns(ResourceWarning, match="crm: a stream was never closed"):
            streams.clear()
        await asyncio.sleep(9)

    clock.run(scenario())
    assert crm.stats().in_flight == 0


def test_what_cannot_be_is_refused(policy):
    with pytest.raises(ConfigurationError, match=r"crm\.stable"):
        policy().open_stream(Line, stable=-1)
    with pytest.raises(ConfigurationError, match="would open a stream twice"):
        policy(hedge=Hedge(after=1), timeout=5, idempotent=True).open_stream(Line)


# Quotas


def test_a_quota_that_is_used_up_bars_until_it_is_renewed(policy, script, clock):
    crm, remote = policy(rate=RateLimit(100, burst=100)), script("answer")
    crm.call(remote.plain)
    crm.observe_quota(Quota(remaining=0, reset_in=30))
    crm.call(remote.plain)
    assert remote.at == [1000, 1030]


def test_a_quota_that_runs_out_thins_the_calls_and_never_speeds_them_up(policy, script, clock):
    crm, remote = policy(rate=RateLimit(1, per=10, burst=10)), script("answer")
    crm.observe_quota(Quota(remaining=2, reset_in=60))
    crm.observe_quota(Quota(remaining=50, reset_in=60))
    for _ in range(3):
        crm.call(remote.plain)
    assert remote.at == [1000, 1000, 1010]


def test_a_quota_told_by_classify_slows_the_next_call(policy, script, call, clock):
    from hardpoint.resilience.recognition import Verdict

    told = Verdict(quota=Quota(remaining=0, reset_in=30))
    crm = policy(rate=RateLimit(100, burst=100), classify=lambda _: told)
    remote = script("answer", OSError(), "answer")
    call(crm, remote)
    with pytest.raises(OSError):
        call(crm, remote)
    call(crm, remote)
    assert remote.at == [1000, 1030, 1060]


def test_without_a_rate_limit_a_told_quota_changes_nothing(policy, script, call):
    from hardpoint.resilience.recognition import Verdict

    told = Verdict(quota=Quota(remaining=0, reset_in=30), wait=3)
    remote = script(OSError(), "answer")
    crm = policy(classify=lambda _: told, retry=Retry(2, on=OSError, backoff=0, throttled=0))
    assert call(crm, remote) == "answer"
    assert remote.at == [1000, 1003]


def test_a_quota_needs_a_rate_limit_and_its_key(policy, script):
    with pytest.raises(ConfigurationError, match=r"crm\.rate"):
        policy().observe_quota(Quota(remaining=0, reset_in=1))
    crm = policy(rate=RateLimit(1), key=lambda host: host)
    with pytest.raises(ConfigurationError, match=r"crm\.key"):
        crm.observe_quota(Quota(remaining=0, reset_in=1))
    remote = script("answer")
    crm.observe_quota(Quota(remaining=0, reset_in=9), key="a")
    for host in ("a", "b"):
        crm.call(remote.plain, host)
    assert remote.at == [1009, 1009]
