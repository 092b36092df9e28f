import asyncio
import functools
import subprocess
import sys
import threading
from contextvars import ContextVar

import pytest

from hardpoint.webhooks.threads import Threads

var = ContextVar("var", default="unset")


def in_threads(scenario):
    """Runs a scenario with threads and what they told of abandoned calls."""
    told = []

    async def run():
        threads = Threads()
        threads.call = functools.partial(threads.call, abandoned=told.append)
        try:
            return await scenario(threads)
        finally:
            threads.close()

    return asyncio.run(run()), told


def test_a_call_runs_elsewhere_with_the_callers_context_and_gives_its_result():
    def where(one, two):
        return one + two, var.get(), threading.current_thread() is threading.main_thread()

    async def scenario(threads):
        var.set("the caller's")
        return await threads.call(where, 1, 2)

    assert in_threads(scenario) == ((3, "the caller's", False), [])


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_a_call_raises_is_raised_where_it_was_made(error):
    def fail():
        raise error

    async def scenario(threads):
        with pytest.raises(type(error)) as caught:
            await threads.call(fail)
        return caught.value

    assert in_threads(scenario)[0] is error


def test_a_call_that_runs_out_of_items_fails_rather_than_hangs():
    async def scenario(threads):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await threads.call(next, iter(()))

    in_threads(scenario)


def test_a_thread_serves_many_calls_and_another_is_started_only_when_all_are_busy():
    async def scenario(threads):
        one_after_another = {await threads.call(threading.get_ident) for _ in range(5)}
        barrier = threading.Barrier(3)
        await asyncio.gather(*(threads.call(barrier.wait) for _ in range(3)))
        return len(one_after_another), threads._started

    assert in_threads(scenario)[0] == (1, 3)


def test_a_call_that_was_given_up_is_told_of_and_told_of_again_when_it_returns():
    go_on = threading.Event()

    async def scenario(threads):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(threads.call(go_on.wait), 0.01)
        abandoned = threads._busy
        go_on.set()
        while threads._busy:
            await asyncio.sleep(0)
        return abandoned

    assert in_threads(scenario) == (1, [1, -1])


def test_a_cancellation_that_comes_after_the_result_abandons_nothing():
    async def scenario(threads):
        task = asyncio.create_task(threads.call(int))
        while threads._busy or not task._fut_waiter:
            await asyncio.sleep(0)
            if task._fut_waiter and task._fut_waiter.done():
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert in_threads(scenario) == (None, [])


def test_a_call_may_outlive_its_loop():
    go_on, returned = threading.Event(), threading.Event()

    def wait():
        go_on.wait()
        returned.set()

    async def scenario(threads):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(threads.call(wait), 0.01)

    in_threads(scenario)
    thread = next(t for t in threading.enumerate() if t.name.startswith("hardpoint-handler"))
    go_on.set()
    thread.join(5)
    assert returned.is_set()
    assert not thread.is_alive()


def test_a_stuck_thread_does_not_keep_the_process_alive():
    program = """
import asyncio, threading
from hardpoint.webhooks.threads import Threads
async def main():
    await asyncio.wait_for(Threads().call(threading.Event().wait, abandoned=print), 0.05)
try:
    asyncio.run(main())
except TimeoutError:
    print("ended")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert ended.stdout.split() == ["1", "ended"]
