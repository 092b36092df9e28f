import asyncio
import threading
import time

import pytest

from hardpoint.testing import ManualClock


@pytest.fixture
def clock():
    return ManualClock(now=100.0, monotonic=0.0)


def test_it_stands_still_until_it_is_moved(clock):
    assert (clock.now(), clock.monotonic()) == (100.0, 0.0)
    clock.advance(5)
    assert (clock.now(), clock.monotonic()) == (105.0, 5.0)


def test_the_wall_clock_jumps_and_steady_time_does_not(clock):
    clock.jump(-3600)
    assert (clock.now(), clock.monotonic()) == (-3500.0, 0.0)


def test_what_is_due_happens_in_its_order_and_at_its_time(clock):
    happened = []
    for when in (3, 1, 2, 1):
        clock.call_later(when, lambda when=when: happened.append((when, clock.monotonic())))
    clock.call_later(1.5, lambda: happened.append("cancelled")).cancel()
    clock.call_later(9, lambda: happened.append("later"))
    clock.advance(5)
    assert happened == [(1, 1.0), (1, 1.0), (2, 2.0), (3, 3.0)]
    assert clock.monotonic() == 5.0


def test_what_happens_may_ask_for_more(clock):
    happened = []

    def again():
        happened.append(clock.monotonic())
        clock.call_later(1, again)

    clock.call_later(1, again)
    clock.advance(3.5)
    assert happened == [1.0, 2.0, 3.0]


def test_a_pause_takes_no_time_and_moves_the_clock(clock):
    began = time.monotonic()
    clock.pause(3600)
    assert time.monotonic() - began < 60
    assert clock.monotonic() == 3600
    assert clock.waits == [3600]


def test_a_sleep_in_any_event_loop_moves_the_clock(clock):
    asyncio.run(clock.sleep(30))
    assert clock.monotonic() == 30
    assert clock.waits == [30]


def test_a_thread_waits_for_a_signal_or_for_the_clock(clock):
    signal = threading.Event()
    signal.set()
    assert clock.wait(signal, None)
    assert clock.wait(signal, 5)
    clock.advance(5)  # it has left nothing behind
    late = threading.Event()
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(clock.wait(late, 5)))
    waiting.start()
    while waiting.is_alive():  # it may not have begun to wait yet
        clock.advance(5)
        waiting.join(0.001)
    assert answers == [False]


def test_under_run_all_of_asyncio_follows_it_and_sleepers_sleep_side_by_side(clock):
    async def scenario():
        async def nap(seconds):
            await clock.sleep(seconds)
            return clock.monotonic()

        naps = await asyncio.gather(nap(5), nap(2), nap(3600))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(60)
        handle = clock.call_later(5, lambda: None)
        assert handle is not None
        return naps

    began = time.monotonic()
    assert clock.run(scenario()) == [5.0, 2.0, 3600.0]
    assert clock.monotonic() == 3610.0
    assert clock.now() == 3710.0
    assert time.monotonic() - began < 60


def test_under_run_time_stands_still_while_a_thread_works(clock):
    """It is no task that waits: what it takes is the machine's time, not the clock's."""
    done = threading.Event()

    def work():
        return done.wait(0.05), clock.monotonic()

    async def scenario():
        begun = clock.monotonic()
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(work) == (False, begun)
        assert clock.monotonic() == begun

    clock.run(scenario())


def test_under_run_a_thread_that_waits_by_the_clock_holds_nobody_up(clock):
    waiting = threading.Event()

    class Signal(threading.Event):
        def wait(self, timeout=None):
            waiting.set()
            return super().wait(timeout)

    async def scenario():
        signal = Signal()
        work = asyncio.create_task(asyncio.to_thread(clock.wait, signal, 60))
        while not waiting.is_set():
            await asyncio.sleep(0)
        await asyncio.sleep(61)
        assert await work is False

    clock.run(scenario())


def test_under_run_it_may_still_be_moved_by_hand(clock):
    async def scenario():
        sleeping = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        clock.advance(60)
        await asyncio.sleep(0)
        await sleeping
        return clock.monotonic()

    assert clock.run(scenario()) == 60.0


def test_after_run_it_is_as_before(clock):
    clock.run(asyncio.sleep(5))
    happened = []
    clock.call_later(1, lambda: happened.append(clock.monotonic()))
    clock.advance(1)
    assert happened == [6.0]
