"""One worker in one loop after another."""

import asyncio


def test_a_run_that_ended_with_its_loop_stops_nothing_of_the_next(rig):
    one = rig()

    async def scenario():
        (first,) = (
            task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "Worker.run"
        )
        await one.until(lambda: not one.worker._stopping)  # the first has begun
        threads = one.worker._threads
        second = asyncio.create_task(one.worker.run())
        await one.until(lambda: one.worker._threads is not threads and not one.worker._stopping)
        first.cancel()
        await asyncio.wait([first])
        assert not one.worker._stopping
        await one.worker.stop(1)
        await asyncio.wait([second], timeout=5)
        assert second.done()

    one.play(scenario)
