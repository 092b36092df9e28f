import asyncio
import contextvars
import threading

import pytest

from hardpoint.core.errors import MisuseError
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork, ThreadWork

DEADLINE = contextvars.ContextVar("deadline", default=None)


def test_blocking_work_is_done_in_the_callers_thread():
    work = BlockingWork()
    assert run(work.do(threading.get_ident)) == threading.get_ident()
    assert run(work.join("key", threading.get_ident)) == threading.get_ident()
    run(work.close())


def test_threaded_work_is_done_elsewhere_and_sees_nothing_of_the_callers_context():
    async def story():
        work = ThreadWork()
        DEADLINE.set(5)
        seen = await asyncio.gather(
            work.do(lambda: (threading.get_ident(), DEADLINE.get())),
            work.join("key", lambda: (threading.get_ident(), DEADLINE.get())),
        )
        assert all(ident != threading.get_ident() and deadline is None for ident, deadline in seen)
        await work.close()
        await work.close()
        assert await work.do(lambda: "again") == "again"
        await work.close()

    asyncio.run(story())


class Gate:
    """A job that waits to be let go, and counts how often it was done."""

    def __init__(self):
        self.entered, self.open = threading.Event(), threading.Event()
        self.count = 0

    def __call__(self):
        self.count += 1
        self.entered.set()
        assert self.open.wait(10)
        return self.count


def test_tasks_that_ask_for_the_same_share_one_job():
    async def story():
        work, gate = ThreadWork(), Gate()
        asking = [asyncio.create_task(work.join("key", gate)) for _ in range(20)]
        while not gate.entered.is_set():
            await asyncio.sleep(0)
        assert work.in_flight("key")
        assert not work.in_flight("other")
        asking[0].cancel()
        gate.open.set()
        found = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [1] * 19
        assert not work.in_flight("key")
        assert await work.join("key", gate) == 2
        await work.close()

    asyncio.run(story())


def test_everyone_hears_of_a_failure_and_the_next_tries_anew():
    async def story():
        work = ThreadWork()

        def fails():
            raise MisuseError("no")

        found = await asyncio.gather(
            *(work.join("key", fails) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(one, MisuseError) for one in found)
        assert await work.join("key", lambda: "yes") == "yes"
        await work.close()

    asyncio.run(story())


def test_a_loop_that_ends_leaves_the_job_to_be_finished():
    work, gate = ThreadWork(), Gate()

    async def story():
        asking = asyncio.create_task(work.join("key", gate))
        while not gate.entered.is_set():
            await asyncio.sleep(0)
        asking.cancel()

    asyncio.run(story())
    gate.open.set()
    asyncio.run(work.close())
    assert gate.count == 1
    assert not work.in_flight("key")


def test_a_forked_child_begins_anew():
    """As `os.fork` would have it, without the fork: a test process has threads."""
    threaded, blocking = ThreadWork(), BlockingWork()
    gates = Gate(), Gate()
    threads = [
        threading.Thread(target=lambda: asyncio.run(threaded.join("key", gates[0]))),
        threading.Thread(target=lambda: run(blocking.join("key", gates[1]))),
    ]
    for thread, gate in zip(threads, gates, strict=True):
        thread.start()
        assert gate.entered.wait(10)
    pools = dict(threaded._pools)
    for one in (threaded, threaded._flights, blocking._flights):
        one.forget()
    assert not threaded.in_flight("key")
    assert not blocking.in_flight("key")
    assert asyncio.run(threaded.join("key", lambda: "child")) == "child"
    assert run(blocking.join("key", lambda: "child")) == "child"
    for gate in gates:
        gate.open.set()
    for thread in threads:
        thread.join()
    asyncio.run(threaded.close())
    for pool in pools.values():
        pool.shutdown()


def test_threads_that_ask_for_the_same_wait_for_the_first():
    work, gate, found = BlockingWork(), Gate(), []
    threads = [
        threading.Thread(target=lambda: found.append(run(work.join("key", gate)))) for _ in range(5)
    ]
    threads[0].start()
    assert gate.entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    assert work.in_flight("key")
    gate.open.set()
    for thread in threads:
        thread.join()
    assert len(found) == 5
    assert max(found) <= 5


def test_an_interrupt_is_for_its_own_thread_and_another_takes_over():
    work, entered, going, found = BlockingWork(), threading.Event(), threading.Event(), []

    def interrupted():
        entered.set()
        assert going.wait(10)
        raise KeyboardInterrupt

    def first():
        with pytest.raises(KeyboardInterrupt):
            run(work.join("key", interrupted))

    def second():
        found.append(run(work.join("key", lambda: "done")))

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert entered.wait(10)
    future = work._flights._futures["key"]
    threads[1].start()
    while not future._condition._waiters:
        pass
    going.set()
    for thread in threads:
        thread.join()
    assert found == ["done"]
