import asyncio
import threading

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.sqlite.gate import Gate, lending_gate


def test_a_free_gate_opens_at_once_and_again_after_its_release():
    gate = Gate()
    for _ in range(3):
        gate.release(gate.acquire())


def test_whoever_came_first_goes_first_threads_and_tasks_alike():
    async def scene():
        gate, order = Gate(), []
        gate.acquire()
        waiting = []

        def thread(name):
            gate.acquire()
            order.append(name)
            gate.release()

        async def task(name):
            await gate.acquire_async()
            order.append(name)
            gate.release()

        threads = []
        for number in range(4):
            threads.append(threading.Thread(target=thread, args=(f"thread {number}",)))
            threads[-1].start()
            while len(gate._waiting) < 2 * number + 1:
                await asyncio.sleep(0.001)
            waiting.append(asyncio.ensure_future(task(f"task {number}")))
            while len(gate._waiting) < 2 * number + 2:
                await asyncio.sleep(0)
        gate.release()
        await asyncio.gather(*waiting)
        for one in threads:
            one.join()
        assert order == [f"{kind} {n}" for n in range(4) for kind in ("thread", "task")]
        gate.release(gate.acquire())

    asyncio.run(scene())


def test_a_waiting_task_does_not_block_the_loop():
    async def scene():
        gate = Gate()
        gate.acquire()
        waiting = asyncio.ensure_future(gate.acquire_async())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        gate.release()
        await waiting
        gate.release()
        await gate.acquire_async()

    asyncio.run(scene())


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_cancelled_wait_passes_its_turn_on(turns):
    """Cancelled before its turn, when its turn was called, or when it was about to take it."""

    async def scene():
        gate = Gate()
        gate.acquire()
        first = asyncio.ensure_future(gate.acquire_async())
        second = asyncio.ensure_future(gate.acquire_async())
        await asyncio.sleep(0)
        if turns:
            gate.release()
        if turns == 2:
            loop = asyncio.get_running_loop()
            loop.call_soon(first.cancel)  # after the call that wakes it, before it runs
            await asyncio.sleep(0)
        else:
            first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        if not turns:
            gate.release()
        await asyncio.wait_for(second, 5)
        gate.release()
        gate.release(gate.acquire())

    asyncio.run(scene())


def test_a_wait_whose_loop_is_gone_holds_nobody_up():
    gate = Gate()
    gate.acquire()
    loop = asyncio.new_event_loop()
    abandoned = loop.create_task(gate.acquire_async())
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert len(gate._waiting) == 1
    abandoned._log_destroy_pending = False
    loop.close()
    gate.release()
    gate.release(gate.acquire())


def test_a_turn_that_comes_when_its_borrower_has_gone_passes_on():
    async def scene():
        gate, turns = lending_gate(lambda _: None)
        held = gate.acquire()
        waiting = asyncio.create_task(turns.lend("guest", 1))
        await asyncio.sleep(0)
        turns.give_back("guest")
        gate.release(held)
        with pytest.raises(StoreUnavailableError, match="has gone"):
            await waiting
        gate.release(gate.acquire(0.1))

    asyncio.run(scene())
