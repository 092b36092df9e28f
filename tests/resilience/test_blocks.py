import asyncio

import pytest

from hardpoint.core.errors import AttemptTimeoutError, CircuitOpenError
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry

AGAIN = Retry(3, on=OSError, backoff=1)


def test_a_block_is_repeated_until_it_succeeds(policy, clock):
    numbers = []
    for attempt in policy(retry=AGAIN).attempts():
        with attempt:
            numbers.append(attempt.number)
            if attempt.number < 3:
                raise OSError
    assert numbers == [1, 2, 3]
    assert clock.monotonic() == 1002


def test_an_asynchronous_block_is_repeated_until_it_succeeds(policy, clock):
    numbers = []

    async def scenario():
        async for attempt in policy(retry=AGAIN, timeout=5).attempts():
            with attempt:
                await asyncio.sleep(1)
                numbers.append(attempt.number)
                if attempt.number < 3:
                    raise OSError

    clock.run(scenario())
    assert numbers == [1, 2, 3]
    assert clock.monotonic() == 1005


def test_the_last_error_of_a_block_is_raised_as_it_came(policy):
    error, crm = OSError("mine"), policy(retry=AGAIN)

    def block():
        for attempt in crm.attempts():
            with attempt:
                raise error

    with pytest.raises(OSError) as caught:
        block()
    assert caught.value is error
    assert (crm.stats().failed, crm.stats().retried) == (1, 2)


def test_an_error_that_is_not_repeated_ends_the_loop(policy):
    seen = []

    def block():
        for attempt in policy(retry=AGAIN).attempts():
            with attempt:
                seen.append(attempt.number)
                raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        block()
    assert seen == [1]


def test_an_asynchronous_block_that_hangs_is_timed_out(policy, clock):
    crm = policy(retry=AGAIN, timeout=5, idempotent=True)

    async def block():
        async for attempt in crm.attempts():
            with attempt:
                await asyncio.sleep(60)

    async def scenario():
        with pytest.raises(AttemptTimeoutError):
            await block()
        assert asyncio.current_task().cancelling() == 0
        assert crm.stats().timed_out == 3

    clock.run(scenario())
    assert clock.monotonic() == 1017


def test_all_attempts_of_a_block_have_the_same_idempotency_key(policy):
    keys = []
    crm = policy(retry=AGAIN, idempotency_key="key", ids=iter("abc").__next__)
    for attempt in crm.attempts():
        with attempt:
            keys.append(attempt.idempotency_key)
            if attempt.number < 3:
                raise OSError
    assert keys == ["a", "a", "a"]
    for attempt in policy().attempts():
        with attempt:
            assert attempt.idempotency_key is None


def test_a_loop_without_its_with_is_told_so_and_holds_nothing(policy, clock):
    crm = policy(retry=AGAIN, bulkhead=Bulkhead(1))
    with pytest.raises(RuntimeError, match="needs `with attempt:`"):
        for _attempt in crm.attempts():
            pass
    assert crm.stats().in_flight == 0

    async def scenario():
        async for _attempt in crm.attempts():
            pass

    with pytest.raises(RuntimeError, match="needs `with attempt:`"):
        clock.run(scenario())
    assert crm.stats().in_flight == 0


def test_a_refused_block_does_not_begin(policy, clock):
    crm, ran = policy(retry=AGAIN, breaker=Breaker()), []
    crm.breaker.force_open()

    def run():
        for attempt in crm.attempts():
            with attempt:
                ran.append(attempt)

    async def asynchronously():
        async with crm.guard():
            ran.append("guard")

    with pytest.raises(CircuitOpenError):
        run()
    with pytest.raises(CircuitOpenError):
        clock.run(asynchronously())
    assert ran == []


def test_a_guard_is_one_attempt_that_the_breaker_sees(policy, clock):
    crm = policy(retry=AGAIN, breaker=Breaker(failures=2))

    async def asynchronously():
        async with crm.guard() as attempt:
            assert attempt.number == 1
            raise OSError("mine")

    def plainly():
        with crm.guard():
            raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        plainly()
    with pytest.raises(OSError, match="mine"):
        clock.run(asynchronously())
    assert crm.breaker.state.value == "open"
    assert clock.waits == []


def test_a_guard_that_succeeds_is_counted(policy, clock):
    crm = policy(bulkhead=Bulkhead(1), timeout=5)

    async def asynchronously():
        async with crm.guard():
            assert crm.stats().in_flight == 1
            await asyncio.sleep(1)

    with crm.guard():
        assert crm.stats().in_flight == 1
    clock.run(asynchronously())
    assert (crm.stats().succeeded, crm.stats().in_flight) == (2, 0)


def test_a_guarded_block_that_hangs_is_timed_out(policy, clock):
    async def scenario():
        with pytest.raises(AttemptTimeoutError):
            async with policy(timeout=5).guard():
                await asyncio.sleep(60)
        assert asyncio.current_task().cancelling() == 0

    clock.run(scenario())
    assert clock.monotonic() == 1005


def test_a_cancelled_block_is_cancelled_and_counts_nothing(policy, clock):
    crm = policy(timeout=50, bulkhead=Bulkhead(1), breaker=Breaker(failures=1), retry=AGAIN)

    async def block():
        async for attempt in crm.attempts():
            with attempt:
                await asyncio.sleep(30)

    async def scenario():
        task = asyncio.create_task(block())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    clock.run(scenario())
    assert crm.breaker.state.value == "closed"
    assert (crm.stats().in_flight, crm.stats().failed) == (0, 0)


def test_cancelled_while_waiting_for_the_next_attempt_it_ends(policy, clock):
    crm, tries = policy(retry=Retry(3, on=OSError, backoff=30)), []

    async def block():
        async for attempt in crm.attempts():
            with attempt:
                tries.append(attempt.number)
                raise OSError

    async def scenario():
        task = asyncio.create_task(block())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    clock.run(scenario())
    assert tries == [1]


def test_leaving_a_block_by_break_or_return_counts_as_success(policy):
    crm = policy(retry=AGAIN, bulkhead=Bulkhead(1))

    def first():
        for attempt in crm.attempts():
            with attempt:
                return attempt.number
        raise AssertionError

    assert first() == 1
    for attempt in crm.attempts():
        with attempt:
            break
    assert (crm.stats().succeeded, crm.stats().in_flight) == (2, 0)


def test_a_block_works_on_the_real_clock():
    crm, numbers = Policy("crm", retry=Retry(2, on=OSError, backoff=0.001), timeout=5), []

    async def scenario():
        async for attempt in crm.attempts():
            with attempt:
                numbers.append(attempt.number)
                if attempt.number == 1:
                    raise OSError

    asyncio.run(scenario())
    assert numbers == [1, 2]


def test_a_stop_iteration_leaves_a_block_as_it_came(policy):
    with pytest.raises(StopIteration), policy(retry=AGAIN).guard():
        next(iter(()))


def test_a_guard_is_around_one_block_at_a_time(policy, clock):
    guard = policy(bulkhead=Bulkhead(1), timeout=5).guard()

    async def scenario():
        async with guard:
            with pytest.raises(RuntimeError, match="around a block already"):
                await guard.__aenter__()
        async with guard:
            pass

    clock.run(scenario())
    with guard, pytest.raises(RuntimeError, match="around a block already"), guard:
        pass


def test_a_guard_that_was_refused_can_be_tried_again(policy, clock):
    crm = policy(breaker=Breaker(failures=1))
    guard = crm.guard()
    crm.breaker.force_open()
    with pytest.raises(CircuitOpenError), guard:
        pass

    async def scenario():
        with pytest.raises(CircuitOpenError):
            await guard.__aenter__()

    clock.run(scenario())
    crm.breaker.reset()
    with guard as attempt:
        assert attempt.number == 1
