import asyncio
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

import pytest

from hardpoint.calls.connection import Unguarded
from hardpoint.core.errors import MisuseError
from hardpoint.runtime.blocking import BlockingRuntime, iterate, run


async def effect(value):
    return value


class Suspends:
    def __await__(self):
        yield self


def test_a_coroutine_of_blocking_effects_runs_to_its_end():
    async def work():
        return await effect(1) + await effect(2)

    assert run(work()) == 3


def test_what_it_raises_comes_out():
    async def work(error):
        raise error

    for error in (ValueError("no"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            run(work(error))


def test_a_stop_iteration_inside_is_no_result():
    async def work():
        raise StopIteration(7)

    with pytest.raises(RuntimeError, match="StopIteration"):
        run(work())


def test_a_coroutine_that_suspends_is_closed_and_refused():
    closed = []

    async def work():
        try:
            await Suspends()
        finally:
            closed.append(True)

    with pytest.raises(MisuseError, match="does not block"):
        run(work())
    assert closed


def test_a_coroutine_that_suspends_again_while_closing_is_refused_alike():
    async def work():
        try:
            await Suspends()
        finally:
            await Suspends()

    with pytest.raises(MisuseError, match="does not block"):
        run(work())


def test_inside_a_running_loop_it_refuses_before_a_step():
    started = []

    async def work():
        started.append(True)

    async def main():
        with pytest.raises(MisuseError, match="running event loop"):
            run(work())

    asyncio.run(main())
    assert not started


def test_context_managers_nested_runs_and_context_variables_work():
    variable = ContextVar("variable", default=0)
    order = []

    @asynccontextmanager
    async def resource(name):
        order.append(f"open {name}")
        yield name
        order.append(f"close {name}")

    async def work():
        variable.set(variable.get() + 1)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(resource("a"))
            return run(effect(await stack.enter_async_context(resource("b"))))

    assert run(work()) == "b"
    assert order == ["open a", "open b", "close b", "close a"]
    assert variable.get() == 1


async def numbers(closed):
    try:
        for number in range(3):
            yield await effect(number)
    finally:
        closed.append(True)


def test_an_asynchronous_generator_is_iterated_and_closed():
    closed = []
    assert list(iterate(numbers(closed))) == [0, 1, 2]
    assert closed


def test_leaving_early_closes_the_generator():
    closed = []
    iterator = iterate(numbers(closed))
    assert next(iterator) == 0
    iterator.close()
    assert closed


def test_an_iterator_that_is_no_generator_has_nothing_to_close():
    class Countdown:
        left = 2

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    assert list(iterate(Countdown())) == [1, 0]


def test_attempts_run_under_the_blocking_call_of_the_policy():
    assert run(BlockingRuntime().call(Unguarded(), lambda: effect(7))) == 7


def test_work_that_blocks_is_done_here():
    assert run(BlockingRuntime().work(threading.get_ident)) == threading.get_ident()
