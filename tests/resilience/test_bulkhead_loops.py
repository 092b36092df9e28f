"""Places in a bulkhead, and event loops that are closed over the calls that have them."""

import asyncio
import gc
import threading
from math import inf

import pytest

from hardpoint.core.errors import BulkheadFullError, LimitExceededError
from hardpoint.resilience import bulkhead
from hardpoint.resilience.bulkhead import Bulkhead, BulkheadRoom
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.ratelimit import RateLimit, RateMeter
from hardpoint.runtime.waiting import ThreadWaiter, latest


async def hang() -> None:
    await asyncio.Event().wait()


async def answer() -> str:
    return "answer"


def abandoned(guarded, calls: int = 1) -> list[asyncio.Task]:
    """So many calls in a loop that is closed over them; applications keep the tasks, too."""
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(guarded.call(hang)) for _ in range(calls)]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return tasks


@pytest.fixture(autouse=True)
def collected():
    """What is abandoned is said to be destroyed while pending, which is the point here."""
    yield
    gc.collect()


@pytest.mark.parametrize("options", [{}, {"timeout": 30}], ids=["untimed", "timed"])
def test_places_that_a_closed_loop_had_are_free_for_others(options):
    guarded = Policy("vendor", bulkhead=Bulkhead(2), **options)
    kept = abandoned(guarded, 2)
    assert guarded.stats().in_flight == 2
    assert asyncio.run(guarded.call(answer)) == "answer"
    assert guarded.call(lambda: "plain") == "plain"
    assert guarded.stats().in_flight == 0
    for task in kept:  # they end at last, and give back what is not theirs any more
        task.get_coro().close()
    assert guarded.stats().in_flight == 0
    kept.clear()


def test_places_of_loops_that_live_and_of_threads_stay_taken():
    guarded = Policy("vendor", bulkhead=Bulkhead(3))
    inside, over = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        over.wait(30)

    living = asyncio.new_event_loop()
    task = living.create_task(guarded.call(hang))
    living.run_until_complete(asyncio.sleep(0))
    thread = threading.Thread(target=guarded.call, args=(wait,))
    thread.start()
    inside.wait(30)
    kept = abandoned(guarded)
    assert asyncio.run(guarded.call(answer)) == "answer"
    assert guarded.stats().in_flight == 2
    kept += abandoned(guarded)
    asyncio.run(guarded.call(answer))
    over.set()
    thread.join(30)
    assert guarded.stats().in_flight == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        living.run_until_complete(task)
    living.close()
    assert guarded.stats().in_flight == 0
    for one in kept:
        one.get_coro().close()
    assert guarded.stats().in_flight == 0


def test_who_waits_for_a_place_of_a_loop_that_is_closed_meanwhile_gets_it(monkeypatch):
    monkeypatch.setattr(bulkhead, "LOOK_SECONDS", 0.01)
    guarded = Policy("vendor", bulkhead=Bulkhead(1, queue=5))
    loop = asyncio.new_event_loop()
    task = loop.create_task(guarded.call(hang))
    loop.run_until_complete(asyncio.sleep(0))
    answers = []

    async def wait() -> None:
        answers.append(await guarded.call(answer))

    threads = [
        threading.Thread(target=lambda: asyncio.run(wait())),
        threading.Thread(target=lambda: answers.append(guarded.call(lambda: "answer"))),
    ]
    for thread in threads:
        thread.start()
    while guarded.stats().waiting < 2:
        pass
    loop.close()
    for thread in threads:
        thread.join(30)
    assert answers == ["answer"] * 2
    task.get_coro().close()
    assert guarded.stats().in_flight == 0


def test_who_comes_finds_the_line_as_it_is_once_a_closed_loop_s_places_are_handed_out(monkeypatch):
    monkeypatch.setattr(bulkhead, "LOOK_SECONDS", 60)  # who waits does not find it out alone
    guarded = Policy("vendor", bulkhead=Bulkhead(1, queue=1))
    loop = asyncio.new_event_loop()
    task = loop.create_task(guarded.call(hang))
    loop.run_until_complete(asyncio.sleep(0))
    first = threading.Thread(target=guarded.call, args=(lambda: "first",))
    first.start()
    while guarded.stats().waiting < 1:
        pass
    loop.close()
    assert guarded.call(lambda: "second") == "second"
    first.join(30)
    task.get_coro().close()
    assert guarded.stats().in_flight == 0


def test_those_who_waited_in_a_closed_loop_take_no_room_in_the_line():
    guarded = Policy("vendor", bulkhead=Bulkhead(1, queue=1))
    inside, over = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        over.wait(30)

    thread = threading.Thread(target=guarded.call, args=(wait,))
    thread.start()
    inside.wait(30)
    kept = abandoned(guarded)
    assert guarded.stats().waiting == 1
    other = threading.Thread(target=guarded.call, args=(lambda: "answer",))
    other.start()
    while guarded.stats().waiting != 1 or guarded._assembly.state().room.line[0].gone:
        pass
    with pytest.raises(BulkheadFullError):
        guarded.call(lambda: "answer")
    over.set()
    thread.join(30)
    other.join(30)
    assert guarded.stats().in_flight == 0
    kept[0].get_coro().close()
    assert guarded.stats().in_flight == 0


def test_those_who_waited_for_their_moment_in_a_closed_loop_do_not_fill_the_line(effects, clock):
    meter = RateMeter(RateLimit(1, per=1, queue=2), effects)
    meter._reserve(clock.monotonic(), inf)
    abandoned_at = [meter._reserve(clock.monotonic(), inf) for _ in range(2)]
    with pytest.raises(LimitExceededError):
        meter._reserve(clock.monotonic(), inf)
    clock.advance(1.9)
    meter.bar(clock.monotonic(), 10)
    with pytest.raises(LimitExceededError):
        meter._reserve(clock.monotonic(), inf)
    clock.advance(6)
    assert meter._reserve(clock.monotonic(), inf) > clock.monotonic()
    assert meter.waiting == 1
    for start in abandoned_at:
        meter._leave(start)
        meter._arrive(start)
    assert meter.waiting == 1


def test_a_place_is_not_lost_on_a_loop_that_is_closed_while_it_is_handed_over(effects):
    class Closing(ThreadWaiter):
        __slots__ = ()

        def notify(self) -> bool:
            return False

    room = BulkheadRoom(Bulkhead(1, queue=5), effects)
    room.free -= 1
    room.line.append(Closing(effects))
    room.give_back(latest.threads)
    assert (room.free, len(room.line)) == (1, 0)
