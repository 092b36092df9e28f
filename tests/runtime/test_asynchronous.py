import asyncio
import threading

from hardpoint.calls.connection import Unguarded
from hardpoint.runtime.asynchronous import AsyncRuntime, LoopLock


def test_attempts_are_awaited_under_the_policy():
    async def attempt():
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(AsyncRuntime().call(Unguarded(), attempt)) == 7


def test_work_that_blocks_is_done_in_a_thread():
    thread = asyncio.run(AsyncRuntime().work(threading.get_ident))
    assert thread != threading.get_ident()


def test_a_lock_for_each_loop_is_never_held_by_one_that_was_closed():
    lock, order = LoopLock(), []

    async def hold(name: str) -> None:
        async with lock:
            order.append(name)
            await asyncio.sleep(0)
            order.append(name)

    async def hang() -> None:
        async with lock:
            order.append("left")
            await asyncio.Event().wait()

    async def two() -> None:
        await asyncio.gather(hold("a"), hold("b"))

    loop = asyncio.new_event_loop()
    left = loop.create_task(hang())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    asyncio.run(two())
    assert order == ["left", "a", "a", "b", "b"]
    assert len(lock._locks) == 1
    left.get_coro().close()
