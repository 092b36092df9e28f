import asyncio
import threading

from hardpoint.calls.connection import Unguarded
from hardpoint.runtime.asynchronous import AsyncRuntime


def test_attempts_are_awaited_under_the_policy():
    async def attempt():
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(AsyncRuntime().call(Unguarded(), attempt)) == 7


def test_work_that_blocks_is_done_in_a_thread():
    thread = asyncio.run(AsyncRuntime().work(threading.get_ident))
    assert thread != threading.get_ident()
