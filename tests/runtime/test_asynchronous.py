import asyncio

from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.connection import Unguarded


def test_attempts_are_awaited_under_the_policy():
    async def attempt():
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(AsyncRuntime().call(Unguarded(), attempt)) == 7
