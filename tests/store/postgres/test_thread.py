"""What waits for one statement, and what becomes of it while there is no database."""

import asyncio

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.postgres.thread import Batches, DatabaseThread


@pytest.fixture
def thread():
    made = DatabaseThread()
    made.start()
    yield made
    made.stop()


def test_what_has_waited_for_long_fails_with_the_statement_before_it(thread):
    """Else everybody would wait for one time-out after another."""
    carried_out = []

    async def scene():
        begun, go_on = asyncio.Event(), asyncio.Event()
        here = asyncio.get_running_loop()

        async def carry_out(items):
            carried_out.extend(items)
            here.call_soon_threadsafe(begun.set)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), here))
            if items == ["first"]:
                raise StoreUnavailableError("it gave no answer in time")
            return items

        batches = Batches(thread, carry_out, rows=1, size=1, overdue=lambda at: at < 5)
        answers = {}
        for name, at in (("first", 0), ("second", 1), ("third", 2), ("young", 9), ("last", 3)):
            answers[name] = here.create_future()
            batches.put(name, answers[name].set_result, at=at)
        await begun.wait()
        go_on.set()
        told = dict(zip(answers, await asyncio.gather(*answers.values()), strict=True))
        assert [name for name, one in told.items() if one == name] == ["young", "last"]
        assert {str(told[name]) for name in ("first", "second", "third")} == {
            "it gave no answer in time"
        }
        assert batches.rows == 0

    asyncio.run(scene())
    assert carried_out == ["first", "young", "last"]
