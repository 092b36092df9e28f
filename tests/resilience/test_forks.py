"""What a policy remembers, in a child that was forked while other threads were at work."""

import asyncio
import json
import os
import threading
from math import inf

import pytest

from hardpoint.core.errors import CircuitOpenError
from hardpoint.core.identifiers import Uuid7
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.ratelimit import RateLimit, RateMeter
from hardpoint.resilience.retry import Retry
from hardpoint.runtime.timer import Watch


def policy(**options):
    plain = {
        "timeout": 30,
        "retry": Retry(attempts=2, on=OSError, backoff=0.001, budget=Budget(floor=10)),
        "breaker": Breaker(failures=2, recovery=60),
        "rate": RateLimit(1000, burst=100),
        "bulkhead": Bulkhead(1),
    }
    return Policy("vendor", **{**plain, **options})


def answer() -> str:
    return "answer"


async def answer_later() -> str:
    await asyncio.sleep(0)
    return "answer"


def test_places_moments_and_locks_of_other_threads_are_not_inherited(forked):
    guarded = policy()
    inside, over = threading.Event(), threading.Event()

    def hang() -> None:
        inside.set()
        over.wait(60)

    thread = threading.Thread(target=guarded.call, args=(hang,))
    thread.start()
    inside.wait(30)
    state = guarded._assembly.state()
    locks = [state.room._lock, state.meter._lock, state.circuit._lock, state.account._lock]
    locks.append(guarded._assembly.states._lock)
    for lock in locks:
        lock.acquire()

    def child():
        made = [guarded.call(answer), asyncio.run(guarded.call(answer_later))]
        return [*made, guarded.stats().in_flight, guarded.stats().waiting]

    try:
        assert forked(child) == ["answer", "answer", 0, 0]
    finally:
        for lock in locks:
            lock.release()
        over.set()
        thread.join(30)


def test_moments_that_the_parents_calls_wait_for_are_not_waited_for_in_the_child(effects, clock):
    meter = RateMeter(RateLimit(1, per=10), effects)
    now = clock.monotonic()
    for _ in range(4):
        meter._reserve(now, inf)
    assert meter.waiting == 3
    meter.forget()
    assert (meter.waiting, meter._reserve(now, inf)) == (0, pytest.approx(now + 10))


def test_what_a_circuit_has_learnt_is_kept_and_a_probe_that_is_out_is_not(forked):
    guarded = policy(retry=None, rate=None)
    guarded.breaker.force_open()
    with pytest.raises(CircuitOpenError):
        guarded.call(answer)

    def child():
        try:
            guarded.call(answer)
        except CircuitOpenError:
            guarded.breaker.reset()
            return guarded.call(answer)
        return "let through"

    assert forked(child) == "answer"


def test_a_child_of_a_running_loop_takes_its_own_loop_for_the_current_one(forked):
    guarded = policy(rate=None)

    async def scene():
        await guarded.call(answer_later)
        return forked(lambda: asyncio.run(guarded.call(answer_later)))

    assert asyncio.run(scene()) == "answer"


def test_what_hangs_in_closed_loops_is_forgotten_with_them(effects):
    watch = Watch(10.0, effects)

    async def hang():
        _, lane = watch.here()
        lane.live[1] = (20.0, asyncio.current_task())

    loops = [asyncio.new_event_loop() for _ in range(3)]
    for loop in loops:
        loop.run_until_complete(hang())
        loop.close()
    assert len(watch._lanes) == 1


def test_ids_of_parent_and_children_differ_and_a_lock_is_no_hindrance(forked):
    make = Uuid7()
    make()
    with make._lock:
        children = [forked(lambda: [make() for _ in range(100)]) for _ in range(3)]
    made = [make() for _ in range(100)]
    assert len({one for some in (made, *children) for one in some}) == 400


def test_a_call_that_forks_and_returns_twice_leaves_no_place_too_many_in_the_child():
    guarded = policy()

    def fork(nested):
        returned = forked_once()
        if nested and returned is None:
            guarded.call(answer)
        return returned

    def forked_once():
        reading, writing = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writing)
            return reading, pid
        os.close(reading)
        told.append(writing)
        return None

    for nested in (False, True):
        told: list[int] = []
        parent = None
        try:
            parent = guarded.call(fork, nested)
            if parent is None:
                stats = guarded.stats()
                taken = [guarded._assembly.state().room.free, stats.in_flight]
                os.write(told[0], json.dumps(taken).encode())
        finally:
            if parent is None:
                os._exit(0)
        reading, pid = parent
        with os.fdopen(reading, "rb") as said:
            assert json.loads(said.read()) == [1, 0]
        os.waitpid(pid, 0)
        assert guarded.stats().in_flight == 0
