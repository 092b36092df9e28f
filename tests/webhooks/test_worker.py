import asyncio
import contextlib
import itertools
import threading

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Claim, Outcome
from hardpoint.store.views import State
from hardpoint.webhooks.attempts import HandlerFinished, StoreInTheWay
from hardpoint.webhooks.worker import ThreadsStuck


def states(rig):
    return [event.state for event in rig.read(lambda reader: reader.events())]


def jobs(rig):
    (event,) = rig.read(lambda reader: reader.events())
    return rig.read(lambda reader: reader.event(event.id))[0].jobs


def leave_one_job(rig):
    one = rig()

    @one.on(name="handler")
    async def handler(event, job):
        await asyncio.sleep(60)

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.worker.running)

    one.play(scenario, grace=0)
    return one


def test_two_handlers_of_one_event_end_each_in_their_own_way(rig):
    one = rig()

    @one.on(retry=[])
    async def fails(event, job):
        raise ValueError

    @one.on()
    async def works(event, job):
        pass

    async def scenario():
        await one.deliver()
        await one.until(lambda: len(one.attempts()) == 2)

    one.play(scenario)
    assert {a.handler: a.outcome for a in one.attempts()} == {
        "fails": Outcome.DEAD,
        "works": Outcome.DONE,
    }


def test_no_more_attempts_run_at_a_time_than_allowed_and_all_run(rig):
    one, running, most = rig(concurrency=3), 0, 0

    @one.on(name="handler")
    async def slow(event, job):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    async def scenario():
        await asyncio.gather(*(one.deliver(f"evt_{number}") for number in range(20)))
        await one.until(lambda: len(one.attempts()) == 20)

    one.play(scenario)
    assert 2 <= most <= 3
    assert states(one) == [State.DONE] * 20


def test_while_there_is_room_an_event_is_handled_without_asking_the_store_for_it(rig):
    one = rig()

    @one.on(name="handler")
    async def quick(event, job):
        pass

    async def scenario():
        await one.ready()
        await one.deliver("evt_0")
        await one.until(one.attempts)  # the first shows that it is quick
        claims = one.faults.calls["claim"]
        for number in range(1, 50):
            await one.deliver(f"evt_{number}")
        await one.until(lambda: len(one.attempts()) == 50)
        return one.faults.calls["claim"] - claims

    assert one.play(scenario) == 0


def test_a_job_that_is_due_is_not_starved_by_those_that_keep_arriving(rig):
    one, number = rig(concurrency=1), itertools.count()

    @one.on("late")
    async def late(event, job):
        if job.failures == 0:
            raise ValueError

    @one.on("flood")
    async def flood(event, job):
        one.deliver(f"evt_{next(number)}", "flood")  # always one waiting to be stored
        one.deliver(f"evt_{next(number)}", "flood")
        await asyncio.sleep(0.001)

    async def scenario():
        await one.deliver("evt_late", "late")
        await one.until(one.attempts)
        await one.deliver("evt_flood", "flood")
        await one.until(lambda: len(one.attempts()) > 5)
        one.clock.advance(6)
        before = len(one.attempts())
        one.worker._wake.set()
        await one.until(lambda: any(a.type == "late" for a in one.attempts()[before:]))
        return sum(a.type == "flood" for a in one.attempts()[before:])

    assert one.play(scenario) < 100


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_jump_of_the_clock_and_a_long_attempt_run_nothing_twice(rig, jump):
    one, go_on = rig(), asyncio.Event()

    @one.on(name="handler")
    async def slow(event, job):
        await go_on.wait()

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.worker.running)
        one.clock.jump(jump)
        looks = one.faults.calls["waiting"]
        await one.advance(600)
        await one.until(lambda: one.faults.calls["waiting"] >= looks + 1)
        go_on.set()
        await one.until(one.attempts)

    one.play(scenario)
    (attempt,) = one.attempts()
    assert (attempt.attempt, attempt.refused) == (1, False)


def test_after_a_long_outage_of_the_store_what_was_done_is_recorded_and_not_done_again(rig):
    one, runs = rig(), []

    @one.on(name="handler")
    async def once(event, job):
        runs.append(job.attempt)
        for name in ("complete", "claim", "waiting"):
            one.faults.raising[name] = StoreUnavailableError("disk full")

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.faults.calls["complete"])
        looks = one.faults.calls["waiting"]
        await one.advance(600)
        await one.until(lambda: one.faults.calls["waiting"] > looks)
        del one.faults.raising["claim"], one.faults.raising["waiting"]
        await one.until(lambda: one.faults.calls["waiting"] > looks + 1)
        del one.faults.raising["complete"]
        await one.until(one.attempts)

    one.play(scenario)
    assert runs == [1]
    assert [a.refused for a in one.attempts()] == [False]


def test_a_store_that_cannot_be_asked_is_told_of_once_and_asked_again(rig):
    one = rig()
    one.faults.raising["claim"] = StoreUnavailableError("locked")

    @one.on(name="handler")
    async def quick(event, job):
        pass

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.faults.calls["claim"] >= 2)
        del one.faults.raising["claim"]
        await one.until(one.attempts)

    one.play(scenario)
    assert [told for told in one.told if isinstance(told, StoreInTheWay)] == [
        StoreInTheWay(doing="claim", error="locked")
    ]


def test_a_slow_job_at_the_start_holds_up_none_of_those_that_wait(rig):
    one = rig()

    @one.on(name="handler")
    async def handler(event, job):
        await asyncio.sleep(60 if job.event_id == slow else 0)

    async def before():
        one.worker._stopping = True
        await asyncio.gather(*(one.deliver(f"evt_{number}") for number in range(20)))

    async def after():
        await one.until(lambda: one.worker.running)
        await one.advance(2)  # from then on it is known to be slow, and more may run beside it
        await one.until(lambda: len(one.attempts()) == 19, seconds=5)

    slow = None
    one.play(before)
    slow = min(one.read(lambda reader: reader.events()), key=lambda event: event.id).id
    one.play(after, grace=0)


def test_a_store_that_calls_due_what_it_does_not_give_out_is_not_asked_without_end(rig):
    one = rig()

    @one.on(name="handler")
    async def handler(event, job):
        pass

    async def no_claim(lanes):
        one.faults.calls["claim"] += 1
        return Claim([], dict.fromkeys(lanes, 0.0))

    async def scenario():
        await one.ready()
        one.faults.claim = no_claim
        one.worker._suspects.hush = True  # so that it is left in the store
        await one.deliver()
        one.worker._suspects.hush = False
        one.worker.notify(["handler"], "billing")
        claims = one.faults.calls["claim"]
        await asyncio.sleep(0.3)
        return one.faults.calls["claim"] - claims

    assert one.play(scenario) <= 20


def test_work_that_arrives_while_the_worker_looks_is_not_missed(rig):
    one, missed = rig(concurrency=1), []

    @one.on(name="handler")
    async def quick(event, job):
        pass

    def deliver(*arguments, **options):
        if not missed:
            missed.append(one.deliver("evt_late"))

    async def scenario():
        one.faults.after["claim"] = deliver
        await one.deliver("evt_1")
        await one.until(lambda: len(one.attempts()) == 2)

    one.play(scenario)


def test_an_attempt_that_someone_else_cancelled_has_failed(rig):
    one, first = rig(), asyncio.Event()

    @one.on(name="handler", retry=[0])
    async def slow(event, job):
        if job.attempt == 1:
            first.set()
            await asyncio.sleep(60)

    async def scenario():
        await one.deliver()
        await first.wait()
        (task,) = one.worker._running
        task.cancel()
        await one.until(lambda: len(one.attempts()) == 2)

    one.play(scenario)
    assert [(a.attempt, a.outcome, a.error) for a in one.attempts()] == [
        (1, Outcome.FAILED, "CancelledError"),
        (2, Outcome.DONE, None),
    ]


def test_a_defect_of_the_store_ends_the_worker_rather_than_pass_unnoticed(rig):
    one = rig()
    one.faults.raising["complete"] = ZeroDivisionError("a defect")

    @one.on(name="handler")
    async def quick(event, job):
        pass

    async def scenario():
        await one.store.open()
        running = asyncio.create_task(one.worker.run())
        await asyncio.sleep(0)
        await one.deliver()
        with pytest.raises(ZeroDivisionError):
            await running
        assert not one.worker.reserve(["handler"], "billing")
        await one.store.close()

    asyncio.run(scenario())


# Threads


def test_a_thread_that_is_stuck_holds_up_its_own_handler_alone(rig):
    one, go_on, ran = rig(threads=2), threading.Event(), []

    @one.on("hangs", timeout=0.02, retry=[1000])
    def hangs(event, job):
        ran.append(event.vendor_id)
        go_on.wait(20)

    @one.on("plain")
    def plain(event, job):
        pass

    @one.on("async")
    async def awaited(event, job):
        pass

    async def scenario():
        await one.ready()
        for number in range(20):
            await one.deliver(f"evt_hangs_{number}", "hangs")
        await one.until(lambda: len(one.attempts()) == 1)
        for number in range(20):
            await one.deliver(f"evt_plain_{number}", "plain")
            await one.deliver(f"evt_async_{number}", "async")
        await one.until(lambda: len(one.attempts()) == 41)
        claims = one.faults.calls["claim"]
        for number in range(20, 30):
            await one.deliver(f"evt_async_{number}", "async")
        await one.until(lambda: len(one.attempts()) == 51)
        assert one.faults.calls["claim"] - claims <= 1
        assert ran == ["evt_hangs_0"]
        (told,) = one.worker.hindrances()
        assert told == "threads: 1 are held by handlers beyond their time limit: hangs (1)"
        go_on.set()
        await one.until(lambda: len(one.attempts()) == 70)
        assert one.worker.hindrances() == []

    one.play(scenario)
    assert ThreadsStuck(threads=1) in one.told
    stuck = one.attempts()[0]
    assert stuck.error == "TimeoutError: took longer than 0.02 s; its thread goes on"
    assert len(ran) == 20


def test_an_async_handler_that_does_not_heed_its_cancellation_is_given_up_and_holds_its_place(rig):
    one, go_on = rig(concurrency=2), asyncio.Event()

    @one.on("hangs", timeout=0.02, retry=[1000])
    async def hangs(event, job):
        while not go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await go_on.wait()

    @one.on("quick")
    async def quick(event, job):
        pass

    async def scenario():
        await one.ready()
        await one.deliver("evt_1", "hangs")
        await one.until(one.attempts)
        await one.deliver("evt_2", "hangs")
        for number in range(10):
            await one.deliver(f"evt_quick_{number}", "quick")
        await one.until(lambda: len(one.attempts()) == 11)
        go_on.set()
        await one.until(lambda: len(one.attempts()) == 12)

    one.play(scenario)
    first, *others, last = one.attempts()
    assert first.error == "TimeoutError: took longer than 0.02 s; it does not heed its cancellation"
    assert {attempt.type for attempt in others} == {"quick"}
    assert (last.vendor_id, last.outcome) == ("evt_2", Outcome.DONE)


def test_an_event_for_both_kinds_of_handlers_is_taken_up_only_with_room_for_all(rig):
    one = rig(threads=1)
    both = threading.Barrier(2)

    @one.on(name="plain")
    def plain(event, job):
        both.wait(10)

    @one.on(name="awaited")
    async def awaited(event, job):
        pass

    async def scenario():
        await one.ready()
        await one.deliver("evt_1")
        await one.until(lambda: len(one.attempts()) == 1)
        assert not one.worker.reserve(["awaited", "plain"], "billing")
        assert one.worker.reserve(["awaited"], "billing")
        one.worker.unreserve(["awaited"], "billing")
        both.wait(10)
        await one.until(lambda: len(one.attempts()) == 2)
        await one.until(lambda: [shares.held for shares in one.worker._shares] == [0, 0])

    one.play(scenario)


# Stopping


def test_a_stop_lets_running_attempts_finish(rig):
    one = rig()

    @one.on(name="handler")
    async def slow(event, job):
        await asyncio.sleep(0.05)

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.worker.running)

    one.play(scenario)
    assert [a.outcome for a in one.attempts()] == [Outcome.DONE]


def test_what_does_not_finish_in_time_is_handed_back_and_handled_once_by_the_next_run(rig):
    one, runs = rig(), []

    @one.on(name="handler")
    async def slow(event, job):
        runs.append(job.failures)
        if len(runs) == 1:
            await asyncio.sleep(60)

    async def before():
        await one.deliver()
        await one.until(lambda: one.worker.running)

    async def after():
        await one.until(one.attempts)

    one.play(before, grace=0.01)
    assert one.attempts() == []
    one.play(after)
    assert [a.outcome for a in one.attempts()] == [Outcome.DONE]
    assert runs == [0, 0]
    assert one.faults.calls["mark_started"] == 0


def test_an_event_that_is_committed_during_the_stop_is_handled_by_the_next_run(rig):
    one, runs = rig(), []

    @one.on(name="handler")
    async def quick(event, job):
        runs.append(event.vendor_id)

    async def before():
        await one.ready()
        last.append(one.deliver())
        one.worker._stopping = True  # a stop begins between the reservation and the commit

    async def after():
        await one.until(one.attempts)

    last = []
    one.play(before)
    assert last[0].result().status == 200
    assert runs == []
    one.play(after)
    assert runs == ["evt_1"]


def test_a_handler_that_ignores_its_cancellation_does_not_hold_up_the_stop(rig):
    one, go_on = rig(), asyncio.Event()

    @one.on(name="handler")
    async def deaf(event, job):
        while not go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await go_on.wait()

    async def scenario():
        await one.store.open()
        running = asyncio.create_task(one.worker.run())
        await asyncio.sleep(0)
        await one.deliver()
        await one.until(lambda: one.worker.running)
        await one.worker.stop(0)
        await asyncio.wait([running])
        running = asyncio.create_task(one.worker.run())
        await asyncio.sleep(0)
        go_on.set()
        await one.until(one.attempts)
        await one.until(lambda: [shares.held for shares in one.worker._shares] == [0, 0])
        await one.worker.stop(0)
        await asyncio.wait([running])
        await one.store.close()

    asyncio.run(scenario())


def test_what_an_earlier_run_left_leased_is_taken_up_by_the_next_and_done_once(rig):
    one, go_on = rig(), asyncio.Event()

    @one.on(name="handler")
    async def slow(event, job):
        if job.attempt == 1:
            await go_on.wait()

    async def scenario():
        await one.ready()
        await one.deliver()
        await one.until(lambda: one.worker.running)
        earlier = one.worker._task
        again = asyncio.create_task(one.worker.run())  # as in another loop, without a stop
        await one.until(lambda: one.worker._task is again)
        earlier.cancel()
        await one.until(lambda: len(one.attempts()) == 1)
        go_on.set()
        await one.until(lambda: len(one.attempts()) == 2)
        await one.worker.stop(0)
        await again

    one.play(scenario)
    assert [(a.attempt, a.refused) for a in one.attempts()] == [(2, False), (1, True)]


def test_a_stop_while_the_worker_asks_for_work_starts_none_of_it(rig):
    leave_one_job(rig)
    again, runs = rig(), []

    @again.on(name="handler")
    async def handler(event, job):
        runs.append(event.vendor_id)

    def stop(*arguments, **options):
        again.worker._stopping = True

    async def scenario():
        await again.until(lambda: again.worker._stopping)

    again.faults.after["claim"] = stop
    again.play(scenario)
    assert runs == []
    assert states(again) == [State.PENDING]


def test_threads_given_up_at_a_stop_are_not_told_of_as_stuck(rig):
    one, go_on = rig(threads=1), threading.Event()

    @one.on(name="handler")
    def slow(event, job):
        go_on.wait(10)

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.worker.running)
        await asyncio.sleep(0.01)

    one.play(scenario, grace=0)
    go_on.set()
    assert [told for told in one.told if isinstance(told, (ThreadsStuck, HandlerFinished))] == []
