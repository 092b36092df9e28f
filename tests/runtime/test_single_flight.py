"""Work that several want at once is done once, by tasks and by threads, and never lost."""

import asyncio
import os
import threading

import pytest

from hardpoint.runtime.blocking import run
from hardpoint.runtime.single_flight import SingleFlight
from hardpoint.runtime.waiting import latest

SOON = 30.0


class Counted:
    """Work that ends when it is let go of; says how often it was begun."""

    def __init__(self):
        self.begun = 0
        self.failures = []
        self.go = asyncio.Event()

    async def __call__(self):
        self.begun += 1
        await self.go.wait()
        if self.failures:
            raise self.failures.pop()
        return f"result {self.begun}"


async def waiting(flight, count):
    """Tasks that want the same, all of them under way."""
    work = Counted()
    tasks = [asyncio.create_task(flight.do(work, seconds=SOON)) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return work, tasks


def test_tasks_that_want_it_at_once_have_it_done_once():
    async def play():
        flight = SingleFlight()
        work, tasks = await waiting(flight, 5)
        work.go.set()
        assert await asyncio.gather(*tasks) == [("result 1",)] * 5
        work.go.set()
        assert await flight.do(work, seconds=SOON) == ("result 2",)

    asyncio.run(play())


def test_when_the_one_who_does_it_is_cancelled_another_does_it():
    async def play():
        flight = SingleFlight()
        work, tasks = await waiting(flight, 3)
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        for _ in range(5):
            await asyncio.sleep(0)
        work.go.set()
        assert await asyncio.gather(*tasks[1:]) == [("result 2",)] * 2

    asyncio.run(play())


def test_one_who_waits_and_is_cancelled_leaves_the_others_be():
    async def play():
        flight = SingleFlight()
        work, tasks = await waiting(flight, 3)
        tasks[1].cancel()
        await asyncio.sleep(0)
        work.go.set()
        assert await tasks[0] == await tasks[2] == ("result 1",)

    asyncio.run(play())


def test_what_it_raises_is_for_the_one_who_did_it():
    async def play():
        flight = SingleFlight()
        work, tasks = await waiting(flight, 2)
        work.failures.append(ValueError("no"))
        work.go.set()
        with pytest.raises(ValueError, match="no"):
            await tasks[0]
        assert await tasks[1] == ("result 2",)

    asyncio.run(play())


def test_nobody_waits_longer_than_asked():
    async def play():
        flight = SingleFlight()
        work, (first,) = await waiting(flight, 1)
        assert await flight.do(work, seconds=0.001) is None
        assert await flight.do(work, seconds=0.0) is None
        work.go.set()
        await first

    asyncio.run(play())


def test_another_loop_does_it_for_itself_and_what_a_closed_one_left_is_forgotten():
    flight = SingleFlight()
    left = asyncio.new_event_loop()
    work = Counted()
    task = left.create_task(flight.do(work, seconds=SOON))
    left.run_until_complete(asyncio.sleep(0))

    async def elsewhere():
        work.go.set()
        return await flight.do(work, seconds=SOON)

    assert asyncio.run(elsewhere()) == ("result 2",)
    task._log_destroy_pending = False  # its loop is closed under it on purpose
    left.close()
    assert asyncio.run(flight.do(Done(), seconds=SOON)) == ("done",)
    assert not flight._flights
    del task


class Done:
    async def __call__(self):
        return "done"


def test_threads_that_want_it_at_once_have_it_done_once():
    flight = SingleFlight()
    begun, go, found = [], threading.Event(), []

    async def work():
        begun.append(1)
        assert go.wait(SOON)
        return "done"

    def want():
        found.append(run(flight.do(work, seconds=SOON)))

    def late():
        found.append(run(flight.do(work, seconds=0.001)))

    first = threading.Thread(target=want)
    first.start()
    while not begun:
        pass
    threads = [threading.Thread(target=want) for _ in range(3)]
    impatient = threading.Thread(target=late)
    for one in (*threads, impatient):
        one.start()
    impatient.join(SOON)
    assert found == [None]
    while len(flight._flights[latest.threads].waiters) < 4:
        pass
    go.set()
    for one in (first, *threads):
        one.join(SOON)
    assert found[1:] == [("done",)] * 4
    assert begun == [1]


def test_a_forked_child_waits_for_nobody_of_its_parents():
    flight = SingleFlight()
    begun, go = threading.Event(), threading.Event()

    async def work():
        begun.set()
        assert go.wait(SOON)
        return "parent's"

    thread = threading.Thread(target=lambda: run(flight.do(work, seconds=SOON)))
    thread.start()
    assert begun.wait(SOON)
    child = os.fork()
    if child == 0:
        found = run(flight.do(Done(), seconds=SOON))
        os._exit(0 if found == ("done",) else 1)
    _, status = os.waitpid(child, 0)
    go.set()
    thread.join(SOON)
    assert os.waitstatus_to_exitcode(status) == 0
