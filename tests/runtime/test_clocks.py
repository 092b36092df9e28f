import asyncio
import threading
import time

from hardpoint.runtime.clocks import SystemClock


def test_the_real_clock_is_the_machines():
    clock = SystemClock()
    assert abs(clock.now() - time.time()) < 5
    assert clock.monotonic() <= time.monotonic()


def test_pausing_and_sleeping_take_the_time_they_are_given():
    clock = SystemClock()
    began = time.monotonic()
    clock.pause(0.01)
    asyncio.run(clock.sleep(0.01))
    assert time.monotonic() - began >= 0.02


def test_a_callback_comes_later_on_the_running_loop_unless_it_is_cancelled():
    clock = SystemClock()
    called = []

    async def scenario():
        done = asyncio.Event()
        clock.call_later(0, lambda: called.append("cancelled")).cancel()
        clock.call_later(0.001, done.set)
        await asyncio.wait_for(done.wait(), 30)

    asyncio.run(scenario())
    assert called == []


def test_waiting_ends_with_the_signal_or_with_the_time():
    clock = SystemClock()
    signal = threading.Event()
    assert not clock.wait(signal, 0.001)
    signal.set()
    assert clock.wait(signal, None)
