import asyncio

import pytest

from hardpoint.runtime.blocking import step


def test_a_coroutine_that_does_not_suspend_runs_to_its_end():
    async def inner():
        return 2

    async def outer():
        return await inner() + 1

    assert step(outer()) == 3


def test_what_it_raises_is_raised():
    async def fails():
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        step(fails())


def test_a_coroutine_that_suspends_is_closed_and_refused():
    left = []

    async def waits():
        try:
            await asyncio.sleep(0)
        finally:
            left.append(True)

    with pytest.raises(RuntimeError, match="needs an event loop"):
        step(waits())
    assert left == [True]
