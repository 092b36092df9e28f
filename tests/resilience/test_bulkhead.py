import asyncio
import threading
import time
from math import inf

import pytest

from hardpoint.core.errors import BulkheadFullError, ConfigurationError, DeadlineTooShortError
from hardpoint.resilience.bulkhead import Bulkhead, BulkheadRoom
from hardpoint.resilience.events import CallQueued
from hardpoint.runtime.effects import AMBIENT
from hardpoint.runtime.waiting import TaskWaiter, latest


async def enter(room, effects, until=inf):
    """As the runner does."""
    if room.free > 0:
        room.free -= 1
        if room.home is not asyncio.get_running_loop():
            room.assign(asyncio.get_running_loop())
        return effects.monotonic()
    return await room.wait(effects.monotonic(), until)


def leave(room):
    """As the runner does."""
    home = asyncio._get_running_loop() or room.home
    if room.line or room.home is not home:
        room.give_back(home)
    else:
        room.free += 1


def until(condition, limit=10.0):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_so_many_are_inside_at_once_and_the_rest_follows_in_order(effects, clock, listeners, heard):
    room = BulkheadRoom(Bulkhead(2, queue=10), effects, name="crm", key="eu", listeners=listeners)
    inside, most, order = 0, 0, []

    async def call(number):
        nonlocal inside, most
        await enter(room, effects)
        inside += 1
        most = max(most, inside)
        order.append(number)
        await asyncio.sleep(1)
        inside -= 1
        leave(room)

    async def scenario():
        await asyncio.gather(*(call(number) for number in range(6)))

    clock.run(scenario())
    assert (most, order) == (2, [0, 1, 2, 3, 4, 5])
    assert clock.monotonic() == 1003
    assert (room.free, len(room.line)) == (2, 0)
    assert heard == [CallQueued("crm", "eu", "bulkhead")] * 4


def test_a_full_line_refuses(effects, clock):
    room = BulkheadRoom(Bulkhead(1, queue=1), effects, name="crm", key="eu")

    async def scenario():
        await enter(room, effects)
        waiting = asyncio.create_task(enter(room, effects))
        await asyncio.sleep(0)
        with pytest.raises(BulkheadFullError) as caught:
            await enter(room, effects)
        assert (caught.value.policy, caught.value.key) == ("crm", "eu")
        leave(room)
        await waiting
        leave(room)

    clock.run(scenario())
    assert room.free == 1


def test_without_a_line_a_full_room_refuses_at_once(effects):
    room = BulkheadRoom(Bulkhead(1), effects)
    room.free -= 1
    with pytest.raises(BulkheadFullError):
        room.wait_blocking(1000.0, inf)


def test_a_place_that_came_free_before_standing_in_line_is_taken(effects, clock):
    room = BulkheadRoom(Bulkhead(1), effects)
    assert room.wait_blocking(1000.0, inf) == 1000.0
    assert room.free == 0
    leave(room)
    assert clock.run(room.wait(1000.0, inf)) == 1000.0
    assert room.free == 0


def test_a_task_that_waits_past_the_deadline_is_refused_and_leaves_the_line(effects, clock):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)
    room.free -= 1
    with pytest.raises(DeadlineTooShortError, match="no place came free in time"):
        clock.run(room.wait(1000.0, 1003.0))
    assert clock.monotonic() == 1003
    assert not room.line
    leave(room)
    assert room.free == 1


def test_a_thread_that_waits_past_the_deadline_is_refused_and_leaves_the_line(effects, clock):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)
    room.free -= 1

    def let_time_pass():
        until(lambda: clock._later)
        clock.advance(3)

    other = threading.Thread(target=let_time_pass)
    other.start()
    with pytest.raises(DeadlineTooShortError, match="no place came free in time"):
        room.wait_blocking(1000.0, 1003.0)
    other.join()
    assert not room.line


def test_who_is_cancelled_in_line_leaves_it_and_loses_no_place(effects, clock):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)

    async def scenario():
        await enter(room, effects)
        waiting = [asyncio.create_task(enter(room, effects)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting[1].cancel()
        await asyncio.wait(waiting[:2])
        assert len(room.line) == 1
        leave(room)
        await waiting[2]
        leave(room)

    clock.run(scenario())
    assert (room.free, len(room.line)) == (1, 0)


def test_who_is_cancelled_when_the_place_is_already_given_passes_it_on(effects, clock):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)

    async def scenario():
        await enter(room, effects)
        first, second = (asyncio.create_task(enter(room, effects)) for _ in range(2))
        await asyncio.sleep(0)
        leave(room)
        first.cancel()
        await second
        assert first.cancelled()
        leave(room)

    clock.run(scenario())
    assert (room.free, len(room.line)) == (1, 0)


def test_a_place_given_at_the_very_deadline_is_kept(effects, clock):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)

    async def scenario():
        await enter(room, effects)
        asyncio.get_running_loop().call_later(3, leave, room)
        return await enter(room, effects, until=1003.0)

    assert clock.run(scenario()) == 1003
    assert room.free == 0


def test_an_interrupted_thread_leaves_the_line_or_passes_its_place_on(effects):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)
    room.free -= 1

    def interrupt(_signal, _seconds):
        raise KeyboardInterrupt

    effects.wait = interrupt
    with pytest.raises(KeyboardInterrupt):
        room.wait_blocking(1000.0, inf)
    assert not room.line

    def given_then_interrupted(_signal, _seconds):
        room.give_back(latest.threads)
        raise KeyboardInterrupt

    effects.wait = given_then_interrupted
    with pytest.raises(KeyboardInterrupt):
        room.wait_blocking(1000.0, inf)
    assert (room.free, len(room.line)) == (1, 0)


def test_a_place_put_down_while_somebody_waits_goes_to_the_first_in_line(effects, clock):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)

    async def scenario():
        await enter(room, effects)
        first = asyncio.create_task(enter(room, effects))
        await asyncio.sleep(0)
        room.free += 1
        second = asyncio.create_task(room.wait(1000.0, inf))
        await first
        assert not second.done()
        leave(room)
        await second

    clock.run(scenario())
    assert (room.free, len(room.line)) == (0, 0)


def waiter_of_a_closed_loop(effects):
    async def make():
        return TaskWaiter(effects)

    return asyncio.run(make())


def test_a_place_is_not_lost_on_a_loop_that_is_closed(effects):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)
    room.free -= 1
    room.line.append(waiter_of_a_closed_loop(effects))
    room.give_back(latest.threads)
    assert (room.free, len(room.line)) == (1, 0)


def test_who_comes_gets_the_place_that_one_on_a_closed_loop_cannot_take(effects):
    room = BulkheadRoom(Bulkhead(1, queue=5), effects)
    room.line.append(waiter_of_a_closed_loop(effects))
    assert room.wait_blocking(1000.0, inf) == 1000.0
    assert (room.free, len(room.line)) == (0, 0)


def test_a_task_and_a_thread_stand_in_one_line():
    room = BulkheadRoom(Bulkhead(1, queue=5), AMBIENT)
    room.free -= 1
    order = []

    def thread():
        room.wait_blocking(AMBIENT.monotonic(), inf)
        order.append("thread")
        leave(room)

    def task():
        asyncio.run(room.wait(AMBIENT.monotonic(), inf))
        order.append("task")
        leave(room)

    workers = [threading.Thread(target=task), threading.Thread(target=thread)]
    for number, worker in enumerate(workers, 1):
        worker.start()
        until(lambda number=number: len(room.line) == number)
    leave(room)
    for worker in workers:
        worker.join(10)
    assert order == ["task", "thread"]
    assert room.free == 1


def test_eight_threads_never_exceed_the_places_and_lose_none():
    room = BulkheadRoom(Bulkhead(3, queue=8), AMBIENT)
    lock, inside, most, served = threading.Lock(), 0, 0, 0

    def hammer():
        nonlocal inside, most, served
        for turn in range(200):
            now = AMBIENT.monotonic()
            if room.free > 0 and turn % 2:
                with room._lock:
                    taken = room.free > 0
                    room.free -= taken
                if not taken:
                    continue
            else:
                try:
                    room.wait_blocking(now, now + 0.0005 if turn % 5 == 0 else inf)
                except DeadlineTooShortError:
                    continue
            with lock:
                inside += 1
                most = max(most, inside)
                served += 1
            with lock:
                inside -= 1
            room.give_back(latest.threads)

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert (room.free, len(room.line)) == (3, 0)
    assert 1 <= most <= 3
    assert served > 800


@pytest.mark.parametrize(
    ("options", "option"),
    [
        *(({"calls": bad}, "calls") for bad in (0, -1, 1.5, inf, True, "1", None)),
        *(({"calls": 1, "queue": bad}, "queue") for bad in (-1, 1.5, True, None)),
    ],
)
def test_a_senseless_bulkhead_is_refused_by_its_option(options, option):
    with pytest.raises(ConfigurationError) as caught:
        Bulkhead(**options)
    assert caught.value.key == f"Bulkhead.{option}"
