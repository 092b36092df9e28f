import asyncio
import threading

import pytest

from hardpoint.runtime.effects import Effects
from hardpoint.runtime.waiting import LatestLoop, TaskWaiter, ThreadWaiter
from hardpoint.testing import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def effects(clock):
    return Effects(clock, lambda: 0.5, str)


def test_a_task_waits_until_it_is_woken(effects):
    async def scenario():
        waiter = TaskWaiter(effects)
        waiting = asyncio.create_task(waiter.wait(None))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert waiter.notify()
        await waiting

    asyncio.run(scenario())


def test_a_task_that_is_woken_keeps_no_timer(clock, effects):
    async def scenario():
        waiter = TaskWaiter(effects)
        waiting = asyncio.create_task(waiter.wait(60))
        await asyncio.sleep(0)
        waiter.notify()
        await waiting
        return clock.monotonic()

    assert clock.run(scenario()) == 1000.0


def test_a_task_waits_no_longer_than_it_may(clock, effects):
    async def scenario():
        await TaskWaiter(effects).wait(60)
        return clock.monotonic()

    assert clock.run(scenario()) == 1060.0


def test_a_task_is_woken_from_another_thread(effects):
    async def scenario():
        waiter = TaskWaiter(effects)
        waker = threading.Thread(target=waiter.notify)
        waker.start()
        await asyncio.wait_for(waiter.wait(None), 30)
        waker.join()
        assert waiter.notify()

    asyncio.run(scenario())


def test_nobody_is_there_once_the_loop_is_closed(effects):
    async def scenario():
        return TaskWaiter(effects)

    assert not asyncio.run(scenario()).notify()


def test_a_thread_waits_until_it_is_woken(effects):
    waiter = ThreadWaiter(effects)
    waker = threading.Thread(target=waiter.notify)
    waker.start()
    waiter.wait(None)
    waker.join()
    assert not waiter.granted


def test_a_thread_waits_no_longer_than_it_may(clock, effects):
    waiter = ThreadWaiter(effects)
    waiting = threading.Thread(target=waiter.wait, args=(60,))
    waiting.start()
    while waiting.is_alive():  # until the thread has begun to wait, the clock moves in vain
        clock.advance(61)
        waiting.join(0.001)


def test_where_no_loop_runs_there_are_threads():
    looked = LatestLoop()
    assert looked.look() is looked.threads
