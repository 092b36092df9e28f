"""Write functions that do not come back: what they hold, and for how long."""

import asyncio
import threading
import time

import pytest

from hardpoint.core.errors import StoreError, TimedOutError
from hardpoint.store.driver import Completed
from hardpoint.store.sqlite.transaction import ABANDONED_MAX, AbandonableThread

pytestmark = pytest.mark.filterwarnings("ignore:a statement is read")


@pytest.fixture
def short(stage):
    """A stage on which write functions have 0.2 s."""
    stage.limits["write_seconds"] = 0.2
    return stage


def insert(number):
    return lambda tx: tx.execute("insert into orders values (?)", [number])


async def with_orders(desk):
    create = "create table orders (id integer primary key)"
    lease = await desk.leased("evt_ddl")
    await desk.complete(lease, writes=(lambda tx: tx.execute(create),))


class Sleeper:
    """A write function that sleeps until it is told to wake, and then goes on as if nothing was."""

    def __init__(self):
        self.began, self.wake, self.ended = (threading.Event() for _ in range(3))
        self.raised = []

    def __call__(self, tx):
        rows = tx.execute("insert into orders values (77) returning id")
        self.began.set()
        self.wake.wait(20)
        for use in (rows.fetchone, rows.fetchall, lambda: insert(78)(tx)):
            try:
                use()
            except Exception as error:
                self.raised.append(error)
        self.ended.set()


def test_a_write_that_does_not_return_fails_alone_and_can_write_no_more(short):
    sleeper = Sleeper()

    async def story(desk):
        await with_orders(desk)
        asleep, healthy = await desk.leases(2)
        results = await desk.grouped(
            desk.complete(asleep, writes=(sleeper,)), desk.complete(healthy, writes=(insert(1),))
        )
        assert isinstance(results[0], TimedOutError)
        assert "more than 0.2 s" in str(results[0])
        assert results[1] is Completed.RECORDED
        assert await desk.complete(asleep, writes=(insert(2),)) is Completed.RECORDED
        sleeper.wake.set()
        assert sleeper.ended.wait(20)
        assert desk.query("select id from orders") == [(1,), (2,)]

    short.play(story)
    assert len(sleeper.raised) == 3
    assert isinstance(sleeper.raised[-1], StoreError)


def test_accepts_wait_for_one_time_limit_and_not_for_the_sleeper(short):
    sleepers = [Sleeper() for _ in range(3)]

    async def story(desk):
        await with_orders(desk)
        leases = await desk.leases(3)
        ends = desk.grouped(
            *(
                desk.complete(lease, writes=(sleeper,))
                for lease, sleeper in zip(leases, sleepers, strict=True)
            )
        )
        ending = asyncio.ensure_future(ends)
        took = []
        while not ending.done():
            began = time.monotonic()
            await desk.accept(f"evt_new_{len(took)}")
            took.append(time.monotonic() - began)
        assert all(isinstance(one, TimedOutError) for one in await ending)
        # One sleeper at a time, with accepts in between; the margin is for a busy machine.
        assert max(took) < 0.2 * len(sleepers) + 1.0
        assert len(took) > len(sleepers)

    short.play(story)
    for sleeper in sleepers:
        sleeper.wake.set()


def test_one_that_had_no_time_left_is_tried_again_with_all_of_it(short):
    async def story(desk):
        await with_orders(desk)
        first, *others = await desk.leases(4)
        spend = [lambda tx: desk.clock.advance(0.15)]
        results = await desk.grouped(
            desk.complete(first, writes=(*spend, insert(1))),
            *(
                desk.complete(lease, writes=(*spend, insert(2 + number)))
                for number, lease in enumerate(others)
            ),
        )
        assert results == [Completed.RECORDED] * 4
        assert desk.query("select id from orders") == [(1,), (2,), (3,), (4,)]

    short.play(story)


def test_one_that_finds_no_time_left_is_not_called_in_vain(short):
    """A call that cannot be waited for would leave its thread behind, and be made once more."""
    threads = []

    def spend(tx):
        short.clock.advance(0.25)
        threads.append(threading.current_thread())

    async def story(desk):
        await with_orders(desk)
        leases = await desk.leases(2)
        ends = [desk.complete(lease, writes=(spend,)) for lease in leases]
        assert await desk.grouped(*ends) == [Completed.RECORDED] * 2

    short.play(story)
    first, second = threads
    assert first is second


def test_one_that_had_too_little_time_left_is_judged_only_with_all_of_it(short):
    sleeper = Sleeper()

    def spend(tx):
        short.clock.advance(0.15)

    async def story(desk):
        await with_orders(desk)
        first, asleep, last = await desk.leases(3)
        results = await desk.grouped(
            desk.complete(first, writes=(spend, insert(1))),
            desk.complete(asleep, writes=(sleeper,)),
            desk.complete(last, writes=(insert(3),)),
        )
        assert isinstance(results[1], TimedOutError)
        assert "more than 0.2 s" in str(results[1])
        assert results[::2] == [Completed.RECORDED] * 2
        assert desk.query("select id from orders") == [(1,), (3,)]

    short.play(story)
    sleeper.wake.set()


def test_those_left_behind_are_bounded_and_forgotten_when_they_return():
    aside, wake = AbandonableThread(), threading.Event()
    for _ in range(ABANDONED_MAX):
        assert not aside.call(lambda: wake.wait(20), 0.0)
    with pytest.raises(TimedOutError, match="have not returned"):
        aside.call(lambda: None, 1.0)
    wake.set()
    for thread in threading.enumerate():
        if thread.name == "hardpoint-write":
            thread.join(20)
    assert aside.call(lambda: None, 20.0)
    aside.close()
