"""A call under all parts, plain and asynchronous alike."""

import asyncio
import threading
import time
from dataclasses import replace
from functools import partial

import pytest

from hardpoint.core.errors import (
    AttemptTimeoutError,
    BulkheadFullError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    DeadlineTooShortError,
    LimitExceededError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
)
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.options import Degraded
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.runner import build

AGAIN = Retry(3, on=OSError, backoff=1)


def test_a_success_is_returned_and_counted(policy, script, call):
    crm, remote = policy(), script("answer")
    assert call(crm, remote, 1, two=2) == "answer"
    assert remote.arguments == [((1,), {"two": 2})]
    assert crm.stats().succeeded == 1


def test_an_error_is_raised_as_it_came(policy, script, call):
    crm, error = policy(), ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        call(crm, script(error))
    assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert (crm.stats().failed, crm.stats().attempts_failed) == (1, 1)


def test_a_retry_follows_after_its_wait(policy, script, call, clock):
    crm, remote = policy(retry=AGAIN), script(OSError(), OSError(), "answer")
    assert call(crm, remote) == "answer"
    assert remote.at == [1000, 1001, 1002]
    stats = crm.stats()
    assert (stats.succeeded, stats.failed, stats.retried, stats.attempts_failed) == (1, 0, 2, 2)


def test_attempts_count_the_first_call_and_the_last_error_is_raised(policy, script, call):
    first, last = OSError("first"), OSError("last")
    remote = script(first, first, last)
    with pytest.raises(OSError, match="last") as caught:
        call(policy(retry=AGAIN), remote)
    assert caught.value is last
    assert len(remote.at) == 3
    assert last.__notes__ == ["hardpoint: 3 attempts, stopped: attempts"]


def test_no_delay_means_no_sleep(policy, script, call, clock):
    assert call(policy(retry=Retry(3, on=OSError, backoff=0)), script(OSError(), "answer"))
    assert clock.waits == []


def test_a_budget_bounds_the_retries_of_all_calls(policy, script, call):
    crm = policy(retry=Retry(3, on=OSError, backoff=0, budget=Budget(ratio=0.5, floor=0)))
    remote = script(OSError())
    for _ in range(20):
        with pytest.raises(OSError):
            call(crm, remote)
    assert 20 <= len(remote.at) <= 20 + 1 + 10


def test_an_open_circuit_refuses_without_a_call(policy, script, call):
    crm, remote = policy(breaker=Breaker(failures=2)), script(OSError())
    for _ in range(2):
        with pytest.raises(OSError):
            call(crm, remote)
    with pytest.raises(CircuitOpenError):
        call(crm, remote)
    assert len(remote.at) == 2
    assert (crm.stats().failed, crm.stats().refused) == (2, 1)


def test_a_circuit_recovers_through_good_probes(policy, script, call, clock):
    crm = policy(breaker=Breaker(failures=1, recovery=60, successes=2))
    with pytest.raises(OSError):
        call(crm, script(OSError()))
    clock.advance(60)
    for _ in range(2):
        assert crm.breaker.state.value == "half_open"
        call(crm, script("answer"))
    assert crm.breaker.state.value == "closed"


def test_an_excluded_error_leaves_the_breaker_as_it_was(policy, script, call):
    crm = policy(breaker=Breaker(failures=2, on=OSError))
    for error in (OSError(), ValueError(), ValueError()):
        with pytest.raises(type(error)):
            call(crm, script(error))
    assert (crm.breaker.consecutive, crm.breaker.state.value) == (1, "closed")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
def test_what_is_no_exception_passes_through_and_counts_nowhere(policy, script, clock, error):
    crm = policy(retry=AGAIN, breaker=Breaker(failures=1), bulkhead=Bulkhead(1), fallback="none")
    with pytest.raises(type(error)):
        crm.call(script(error).plain)
    stats = crm.stats()
    assert (stats.failed, stats.attempts_failed, stats.in_flight) == (0, 0, 0)
    assert crm.breaker.state.value == "closed"


def test_a_failure_rate_is_fed_by_successes_and_failures(policy, script, call, clock):
    crm = policy(breaker=Breaker(rate=0.5, min_calls=4, window=10))
    for _ in range(3):
        call(crm, script("answer"))
        clock.advance(1)
    for _ in range(3):
        assert crm.breaker.state.value == "closed"
        with pytest.raises(OSError):
            call(crm, script(OSError()))
    assert crm.breaker.state.value == "open"


@pytest.mark.parametrize("rule", [{"last": 2}, {"window": 10}])
def test_slow_successes_are_told_to_the_breaker(policy, script, call, rule):
    crm = policy(breaker=Breaker(slow=(2, 1.0), min_calls=2, **rule))
    for _ in range(2):
        call(crm, script((3, "answer")))
    assert crm.breaker.state.value == "open"


def test_a_result_may_be_retried_and_the_last_one_is_returned(policy, script, call):
    crm = policy(retry=Retry(3, on_result=lambda result: result == "busy", backoff=1))
    remote = script("busy", "busy", "done")
    assert call(crm, remote) == "done"
    assert len(remote.at) == 3
    assert call(crm, script("busy")) == "busy"
    assert crm.stats().succeeded == 2


def test_a_result_may_open_the_circuit(policy, script, call):
    crm = policy(breaker=Breaker(failures=2, on_result=lambda result: result == "bad"))
    for _ in range(2):
        assert call(crm, script("bad")) == "bad"
    assert crm.breaker.state.value == "open"


def test_the_rate_limit_spaces_calls_and_every_attempt_uses_it(policy, script, call, clock):
    crm = policy(rate=RateLimit(1, per=2), retry=Retry(3, on=OSError, backoff=0))
    remote = script(OSError(), OSError(), "answer")
    call(crm, remote)
    assert remote.at == pytest.approx([1000, 1002, 1004])


def test_the_rate_limit_refuses_what_may_not_wait(policy, script, call):
    crm, remote = policy(rate=RateLimit(1, queue=0)), script("answer")
    call(crm, remote)
    with pytest.raises(LimitExceededError):
        call(crm, remote)
    assert (len(remote.at), crm.stats().refused) == (1, 1)


def test_a_wait_for_the_rate_limit_counts_against_the_deadline(policy, script, call, clock):
    crm, remote = policy(rate=RateLimit(1, per=10), deadline=5), script("answer")
    call(crm, remote)
    with pytest.raises(DeadlineTooShortError):
        call(crm, remote)
    assert clock.monotonic() == 1000


def test_a_refusal_that_names_a_time_is_waited_for_if_the_deadline_allows(
    policy, script, call, clock
):
    crm = policy(rate=RateLimit(1, per=4, queue=0), deadline=10, retry=Retry())
    remote = script("answer")
    call(crm, remote)
    call(crm, remote)
    assert remote.at == pytest.approx([1000, 1004])


def test_a_full_bulkhead_refuses_and_a_place_is_given_back(policy, script, clock):
    crm = policy(bulkhead=Bulkhead(1), retry=Retry())

    def nested():
        with pytest.raises(BulkheadFullError):
            crm.call(script("answer").plain)
        return "outer"

    assert crm.call(nested) == "outer"
    assert crm.stats().in_flight == 0


def test_tasks_stand_in_line_for_the_bulkhead(policy, script, clock):
    crm, remote = policy(bulkhead=Bulkhead(2, queue=10), timeout=5), script((1, "answer"))

    async def scenario():
        calls = [crm.call(remote.asynchronous) for _ in range(5)]
        assert await asyncio.gather(*calls) == ["answer"] * 5

    clock.run(scenario())
    assert remote.at == [1000, 1000, 1001, 1001, 1002]


def test_nothing_is_sent_when_the_time_around_the_call_is_over(policy, script, clock):
    remote = script("answer")

    async def dawdle():
        clock.advance(6)
        await policy(timeout=3).call(remote.asynchronous)

    with pytest.raises(DeadlineTooShortError):
        clock.run(policy(deadline=5).call(dawdle))
    assert remote.at == []


@pytest.mark.parametrize("block", [False, True], ids=["function", "block"])
def test_threads_stand_in_line_for_the_bulkhead(policy, block):
    crm, order = policy(bulkhead=Bulkhead(1, queue=1)), []

    def guarded():
        with crm.guard():
            order.append("second")

    def first():
        other.start()
        end = time.monotonic() + 10
        while crm.stats().waiting == 0:
            assert time.monotonic() < end
            time.sleep(0.001)
        order.append("first")

    call = (guarded,) if block else (crm.call, order.append, "second")
    other = threading.Thread(target=call[0], args=call[1:])
    crm.call(first)
    other.join(10)
    assert order == ["first", "second"]
    assert crm.stats().in_flight == 0


def test_an_attempt_that_hangs_is_timed_out_and_retried_where_that_is_harmless(
    policy, script, clock
):
    remote = script((60, "late"), (1, "in time"))
    crm = policy(timeout=5, retry=AGAIN, idempotent=True)

    async def scenario():
        return await crm.call(remote.asynchronous)

    assert clock.run(scenario()) == "in time"
    assert remote.at == [1000, 1006]
    assert crm.stats().timed_out == 1


def test_an_attempt_timeout_is_not_retried_without_consent(policy, script, clock):
    remote, crm = script((60, "late")), policy(timeout=5, retry=AGAIN)

    async def scenario():
        with pytest.raises(AttemptTimeoutError) as caught:
            await crm.call(remote.asynchronous)
        assert asyncio.current_task().cancelling() == 0
        return caught.value

    error = clock.run(scenario())
    assert (error.policy, error.seconds, len(remote.at)) == ("crm", 5, 1)
    assert isinstance(error.__cause__, asyncio.CancelledError)


def test_the_deadline_ends_the_whole_call(policy, script, clock):
    remote = script((4, OSError()), (60, "late"))
    crm = policy(deadline=8, timeout=6, retry=AGAIN)

    async def scenario():
        with pytest.raises(DeadlineExceededError) as caught:
            await crm.call(remote.asynchronous)
        return caught.value

    assert clock.run(scenario()).seconds == 8
    assert clock.monotonic() == 1008


def test_a_deadline_alone_limits_a_hanging_call(policy, script, clock):
    crm = policy(deadline=8, breaker=Breaker(failures=1))

    async def scenario():
        with pytest.raises(DeadlineExceededError):
            await crm.call(script((60, "late")).asynchronous)

    clock.run(scenario())
    assert crm.breaker.state.value == "open"


def test_no_retry_starts_that_could_not_end_in_time(policy, script, call):
    remote = script((2, OSError("real")))
    crm = policy(deadline=4, timeout=4, retry=Retry(5, on=OSError, backoff=3))
    with pytest.raises(OSError, match="real") as caught:
        call(crm, remote)
    assert caught.value.__notes__ == ["hardpoint: 1 attempt in 2 s, stopped: deadline"]


def test_a_blocking_call_that_returns_late_counts_as_a_failure_of_the_breaker(policy, script):
    crm = policy(timeout=5, breaker=Breaker(failures=2))
    for _ in range(2):
        assert crm.call(script((6, "late")).plain) == "late"
    assert crm.breaker.state.value == "open"


def test_a_late_result_of_a_blocking_call_is_a_failure_also_where_results_are_judged(
    policy, script
):
    judge = Breaker(failures=1, on_result=lambda _: False)
    crm = policy(timeout=5, breaker=judge)
    assert crm.call(script((6, "late")).plain) == "late"
    assert crm.breaker.state.value == "open"


def test_a_socket_timeout_at_the_limit_is_our_timeout(policy, script):
    crm = policy(timeout=5)
    with pytest.raises(AttemptTimeoutError):
        crm.call(script((5, TimeoutError())).plain)
    with pytest.raises(TimeoutError) as caught:
        crm.call(script((1, TimeoutError())).plain)
    assert not isinstance(caught.value, AttemptTimeoutError)


def test_an_inner_timeout_at_the_outer_limit_stays_the_inner_one(policy, script):
    inner = AttemptTimeoutError(policy="inner", seconds=5)
    with pytest.raises(AttemptTimeoutError) as caught:
        policy(timeout=5).call(script((5, inner)).plain)
    assert caught.value is inner


def test_an_outer_deadline_is_kept_by_an_inner_policy(policy, script, clock):
    outer, inner = policy(deadline=3), policy(timeout=10, breaker=Breaker(failures=1))

    async def within():
        await inner.call(script((60, "late")).asynchronous)

    async def scenario():
        with pytest.raises(DeadlineExceededError):
            await outer.call(within)

    clock.run(scenario())
    assert clock.monotonic() == 1003
    assert inner.breaker.state.value == "closed", "cut short by others: it proves nothing"


def test_what_is_past_the_deadline_is_not_sent(policy, script, call, clock):
    crm, remote = policy(deadline=5, bulkhead=Bulkhead(1)), script("answer")

    def nested():
        clock.advance(6)
        return policy(timeout=3).call(remote.plain)

    with pytest.raises(DeadlineTooShortError):
        crm.call(nested)
    assert remote.at == []


def test_a_timeout_needs_a_task(policy, script, clock):
    coroutine = policy(timeout=5).call(script("answer").asynchronous)

    async def scenario():
        failed = asyncio.get_running_loop().create_future()

        def step():
            try:
                coroutine.send(None)
            except RuntimeError as error:
                failed.set_result(str(error))

        asyncio.get_running_loop().call_soon(step)
        return await failed

    assert "needs a task" in clock.run(scenario())


@pytest.mark.parametrize("seconds", [2, 60])
def test_the_task_is_also_found_where_the_loops_tell_no_table_of_them(
    policy, script, clock, seconds
):
    plan = policy(timeout=5)._assembly._plan("call", asynchronous=True)
    run = build(replace(plan, tasks=None))

    async def scenario():
        return await run(script((seconds, "answer")).asynchronous)

    if seconds == 2:
        assert clock.run(scenario()) == "answer"
    else:
        with pytest.raises(AttemptTimeoutError):
            clock.run(scenario())


def test_a_plain_function_that_gives_a_coroutine_is_refused(policy, script):
    remote = script("answer")

    def fetch(url):
        return remote.asynchronous(url)

    with pytest.raises(ConfigurationError, match="returned a coroutine, which no policy guards"):
        policy().call(fetch, "url")
    assert remote.at == []


def test_cancelling_a_call_frees_its_place_and_counts_nothing(policy, script, clock):
    crm = policy(bulkhead=Bulkhead(1), breaker=Breaker(failures=1), timeout=50, retry=AGAIN)

    async def scenario():
        task = asyncio.create_task(crm.call(script((30, "late")).asynchronous))
        await asyncio.sleep(1)
        assert crm.stats().in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    clock.run(scenario())
    stats = crm.stats()
    assert (stats.in_flight, stats.failed, stats.attempts_failed) == (0, 0, 0)
    assert crm.breaker.state.value == "closed"


def test_cancelling_a_call_that_sleeps_between_attempts_ends_it(policy, script, clock):
    crm, remote = policy(retry=Retry(3, on=OSError, backoff=30)), script(OSError())

    async def scenario():
        task = asyncio.create_task(crm.call(remote.asynchronous))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    clock.run(scenario())
    assert len(remote.at) == 1


def test_a_swallowed_timeout_gives_its_result_and_leaves_no_cancellation(policy, clock):
    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "rescued"

    async def scenario():
        assert await policy(timeout=5).call(stubborn) == "rescued"
        assert await policy(timeout=5, deadline=6).with_(deadline=5).call(stubborn) == "rescued"
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(1)

    clock.run(scenario())


@pytest.mark.parametrize("fallback", ["substitute", lambda error, *args, **kwargs: "substitute"])
def test_a_fallback_takes_the_place_of_the_error(policy, script, call, fallback):
    crm = policy(fallback=fallback, breaker=Breaker(failures=1))
    assert call(crm, script(OSError()), 1) == "substitute"
    assert call(crm, script("answer"), 1) == "substitute"
    assert call(crm.with_(breaker=None), script("answer")) == "answer"
    stats = crm.stats()
    assert (stats.degraded, stats.failed, stats.refused) == (2, 1, 1)


def test_a_fallback_may_be_asynchronous(policy, script, clock):
    async def substitute(error, number):
        await asyncio.sleep(1)
        return (type(error), number)

    async def scenario():
        return await policy(fallback=substitute).call(script(OSError()).asynchronous, 7)

    assert clock.run(scenario()) == (OSError, 7)


def test_what_is_not_critical_answers_degraded(policy, script, call):
    assert call(policy(critical=False), script(OSError())) == Degraded("OSError", "crm")


def test_a_fallback_that_raises_raises(policy, script, call):
    def broken(_error):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as caught:
        call(policy(fallback=broken), script(OSError()))
    assert isinstance(caught.value.__context__, OSError)


def test_an_idempotency_key_is_made_once_per_call_and_kept_if_given(policy, script, call):
    crm = policy(retry=AGAIN, idempotency_key="key", ids=iter("abc").__next__)
    remote = script(OSError(), OSError(), "answer")
    call(crm, remote)
    call(crm, script("answer"), key="mine")
    assert [kwargs for _, kwargs in remote.arguments] == [{"key": "a"}] * 3
    other = script("answer")
    call(crm, other, key=None)
    assert other.arguments == [((), {"key": "b"})]


@pytest.mark.parametrize(
    ("operation", "attempts"), [("idempotent", 3), ("needs_key", 1), ("never", 1)]
)
def test_an_operation_decides_what_is_repeated_and_doubt_is_told(
    policy, script, call, operation, attempts
):
    remote = script(ConnectionResetError())
    with pytest.raises(OutcomeUnknownError) as caught:
        call(policy(retry=Retry(3, backoff=0), repeat=operation), remote)
    assert len(remote.at) == attempts
    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_what_only_reads_leaves_no_doubt(policy, script, call):
    remote = script(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        call(policy(retry=Retry(3, backoff=0), repeat="safe"), remote)
    assert len(remote.at) == 3


def test_doubt_stays_when_the_next_attempt_was_not_even_sent(policy, script, call):
    remote = script(ConnectionResetError(), ConnectionRefusedError())
    with pytest.raises(OutcomeUnknownError) as caught:
        call(policy(retry=Retry(2, backoff=0), repeat="idempotent"), remote)
    assert caught.value.provider == "crm"


def test_doubt_ends_with_an_answer(policy, script, call):
    remote = script(ConnectionResetError(), NotFoundError("answered", status=404))
    with pytest.raises(NotFoundError, match="answered"):
        call(policy(retry=Retry(2, backoff=0), repeat="idempotent"), remote)


def test_doubt_names_the_provider_and_the_operation(policy, script, call):
    error = UnavailableError(provider="stripe", operation="capture", outcome_known=False)
    with pytest.raises(OutcomeUnknownError) as caught:
        call(policy(repeat="never"), script(error))
    assert (caught.value.provider, caught.value.operation) == ("stripe", "capture")


def test_state_is_kept_by_key(policy, script, call):
    crm = policy(key=lambda host: host, breaker=Breaker(failures=1), retry=None)
    with pytest.raises(OSError):
        call(crm, script(OSError()), "a")
    assert call(crm, script("answer"), "b") == "answer"
    with pytest.raises(CircuitOpenError) as caught:
        call(crm, script("answer"), "a")
    assert caught.value.key == "a"
    assert crm.stats().circuits == {"a": "open", "b": "closed"}


def test_a_key_that_cannot_be_found_is_the_callers_error(policy, script, call):
    remote = script("answer")
    with pytest.raises(KeyError):
        call(policy(key=lambda: {}["host"]), remote)
    assert remote.at == []


def test_partials_methods_and_callable_objects_are_guarded(policy, clock):
    class Remote:
        calls = 0

        async def __call__(self):
            self.calls += 1
            raise OSError

    remote = Remote()

    async def scenario():
        for function in (remote, partial(remote), remote.__call__):
            with pytest.raises(OSError):
                await policy(retry=AGAIN).call(function)

    clock.run(scenario())
    assert remote.calls == 9
