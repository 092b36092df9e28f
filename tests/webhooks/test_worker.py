import asyncio
import contextlib
import itertools
import sqlite3
import threading

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Outcome, State
from hardpoint.webhooks.attempts import AttemptFinished, StoreInTheWay
from hardpoint.webhooks.worker import ThreadsStuck


def states(rig):
    return [event.state for event in rig.read(lambda reader: reader.events())]


def jobs(rig):
    (event,) = rig.read(lambda reader: reader.events())
    return rig.read(lambda reader: reader.event(event.id))[0].jobs


def crash(rig, *, marked=0, crashes=0):
    """Makes the closed database look as if the process had died with every job in flight."""
    with contextlib.closing(sqlite3.connect(rig.store.path)) as connection, connection:
        connection.execute(
            "update hardpoint_job set boot = 1, started = ?, crashes = ?", (marked, crashes)
        )


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
    assert most == 3
    assert states(one) == [State.DONE] * 20


def test_while_there_is_room_an_event_is_handled_without_asking_the_store_for_it(rig):
    one = rig()

    @one.on(name="handler")
    async def quick(event, job):
        pass

    async def scenario():
        await one.ready()
        claims = one.faults.calls["claim"]
        for number in range(50):
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


def test_leases_are_prolonged_while_attempts_run(rig):
    one, go_on = rig(), asyncio.Event()

    @one.on(name="handler")
    async def slow(event, job):
        await go_on.wait()

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.worker.running)
        for _ in range(10):
            await one.advance(21)
            extended = one.faults.calls["extend"]
            await one.until(lambda before=extended: one.faults.calls["extend"] > before)
        await one.until(lambda: jobs(one)[0].run_at > one.clock.now())
        go_on.set()
        await one.until(one.attempts)

    one.play(scenario)
    (attempt,) = one.attempts()
    assert (attempt.attempt, attempt.refused) == (1, False)


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_jump_of_the_clock_runs_nothing_twice(rig, jump):
    one, go_on = rig(), asyncio.Event()

    @one.on(name="handler")
    async def slow(event, job):
        await go_on.wait()

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.worker.running)
        one.clock.jump(jump)
        one.worker.notify()
        claims = one.faults.calls["claim"]
        await one.until(lambda: one.faults.calls["claim"] >= claims + 2)
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
        for name in ("complete", "claim", "extend", "next_due"):
            one.faults.raising[name] = StoreUnavailableError("disk full")

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.faults.calls["complete"])
        await one.advance(600)  # every lease has long run out
        await one.until(lambda: one.faults.calls["extend"])
        del one.faults.raising["claim"], one.faults.raising["next_due"]
        del one.faults.raising["extend"]
        claims = one.faults.calls["claim"]
        await one.until(lambda: one.faults.calls["claim"] > claims)
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

    async def no_claim(*arguments, **options):
        one.faults.calls["claim"] += 1
        return []

    async def scenario():
        await one.ready()
        one.faults.claim = no_claim
        one.worker._lanes[1].closed = True
        await one.deliver()
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


def test_an_attempt_that_someone_else_cancelled_is_made_again_when_its_lease_ends(rig):
    one, first = rig(), asyncio.Event()

    @one.on(name="handler")
    async def slow(event, job):
        if job.attempt == 1:
            first.set()
            await asyncio.sleep(60)

    async def scenario():
        await one.deliver()
        await first.wait()
        (task,) = one.worker._running
        task.cancel()
        await one.until(lambda: not one.worker.running)
        await one.advance(61)
        await one.until(one.attempts)

    one.play(scenario)
    assert [(a.attempt, a.outcome) for a in one.attempts()] == [(2, Outcome.DONE)]


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
        assert not one.worker.reserve(["handler"])
        await one.store.close()

    asyncio.run(scenario())


# Threads


def test_stuck_threads_hold_up_neither_async_handlers_nor_the_accept_path(rig):
    one, go_on, ran = rig(threads=2), threading.Event(), []

    @one.on("plain", timeout=0.02, retry=[1000])
    def plain(event, job):
        ran.append(event.vendor_id)
        if event.vendor_id.startswith("evt_stuck"):
            go_on.wait(20)

    @one.on("async")
    async def awaited(event, job):
        pass

    async def scenario():
        await one.deliver("evt_stuck_1", "plain")
        await one.deliver("evt_stuck_2", "plain")
        await one.until(lambda: len(one.attempts()) == 2)
        await one.deliver("evt_waits", "plain")
        for number in range(50):
            await one.deliver(f"evt_{number}", "async")
        await one.until(lambda: len(one.attempts()) == 52)
        claims = one.faults.calls["claim"]
        for number in range(50, 60):
            await one.deliver(f"evt_{number}", "async")
        await one.until(lambda: len(one.attempts()) == 62)
        assert one.faults.calls["claim"] - claims <= 1
        assert "evt_waits" not in ran
        go_on.set()
        await one.until(lambda: len(one.attempts()) == 63)

    one.play(scenario)
    assert [told for told in one.told if isinstance(told, ThreadsStuck)] == [
        ThreadsStuck(threads=2)
    ]
    stuck = [a for a in one.attempts() if a.vendor_id.startswith("evt_stuck")]
    assert {a.error for a in stuck} == {"TimeoutError: took longer than 0.02 s; its thread goes on"}
    assert ran == ["evt_stuck_1", "evt_stuck_2", "evt_waits"]


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
        assert not one.worker.reserve(["awaited", "plain"])
        assert one.worker.reserve(["awaited"])
        one.worker.unreserve(["awaited"])
        both.wait(10)
        await one.until(lambda: len(one.attempts()) == 2)
        await one.until(lambda: [lane.taken for lane in one.worker._lanes] == [0, 0])

    one.play(scenario)


# Suspects


def test_what_was_in_flight_when_the_process_died_runs_alone_one_at_a_time(rig):
    one, going = rig(), asyncio.Event()

    @one.on(name="handler")
    async def handler(event, job):
        await going.wait()

    async def before():
        for number in range(3):
            await one.deliver(f"evt_{number}")
        await one.until(lambda: one.worker.running == 3)

    one.play(before, grace=0)
    crash(one)
    again, running, most, order = rig(), 0, 0, []

    @again.on(name="handler")
    async def count(event, job):
        nonlocal running, most
        running += 1
        most = max(most, running)
        order.append(event.vendor_id)
        again.deliver("evt_new")
        await asyncio.sleep(0.005)
        running -= 1

    async def after():
        await again.until(lambda: len(again.attempts()) == 4)

    again.play(after)
    assert most == 1
    assert order[-1] == "evt_new"
    assert again.faults.calls["mark_started"] == 3
    assert states(again) == [State.DONE] * 4
    assert not again.read(lambda reader: reader.dead_letters())


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


def test_a_job_that_took_the_process_down_three_times_alone_is_a_dead_letter(rig):
    crash(leave_one_job(rig), marked=1, crashes=2)
    again, ran = rig(), []

    @again.on(name="handler")
    async def handler(event, job):
        ran.append(event.vendor_id)

    async def scenario():
        await again.until(again.attempts)
        await again.deliver("evt_harmless")
        await again.until(lambda: ran)

    again.play(scenario)
    assert ran == ["evt_harmless"]
    (dead,) = again.read(lambda reader: reader.dead_letters())
    assert (dead.vendor_id, dead.reason) == ("evt_1", "crash")
    assert dead.error == "the process died 3 times while this ran alone"


def test_a_crash_is_not_counted_against_a_job_that_had_not_been_marked(rig):
    crash(leave_one_job(rig), marked=0, crashes=2)
    again = rig()

    @again.on(name="handler")
    async def handler(event, job):
        pass

    async def scenario():
        await again.until(again.attempts)

    again.play(scenario)
    assert again.attempts()[0].outcome is Outcome.DONE


def test_a_suspect_whose_lease_is_gone_is_not_run(rig):
    crash(leave_one_job(rig))
    again = rig()

    @again.on(name="handler")
    async def handler(event, job):
        pass

    def steal(*arguments, **options):
        with contextlib.closing(sqlite3.connect(again.store.path)) as connection, connection:
            connection.execute(
                "update hardpoint_job set fence = fence + 1, run_at = 0, boot = null"
            )
        again.faults.after.clear()

    async def scenario():
        await again.until(again.attempts)

    again.faults.after["claim"] = steal
    again.play(scenario)
    assert [a.attempt for a in again.attempts()] == [4]


def test_a_suspect_that_turns_up_later_waits_until_it_is_alone(rig):
    crash(leave_one_job(rig))
    again, go_on, order = rig(), asyncio.Event(), []

    @again.on(name="handler")
    async def handler(event, job):
        order.append(event.vendor_id)
        if event.vendor_id == "evt_slow":
            await go_on.wait()

    async def scenario():
        await again.ready()
        await again.deliver("evt_slow")
        await again.until(lambda: order == ["evt_slow"])
        again.clock.advance(11)  # now the suspect is due
        again.worker.notify()
        await again.until(lambda: again.worker._suspect)
        assert not again.worker.reserve(["handler"])
        await again.advance(21)
        await again.until(lambda: again.faults.calls["extend"])
        await asyncio.sleep(0.01)
        assert order == ["evt_slow"]
        go_on.set()
        await again.until(lambda: len(again.attempts()) == 2)
        await again.deliver("evt_next")
        await again.until(lambda: len(again.attempts()) == 3)

    with contextlib.closing(sqlite3.connect(again.store.path)) as connection, connection:
        connection.execute(
            "update hardpoint_job set suspect = 1, boot = null, run_at = ?",
            [again.clock.now() + 10],
        )
    again.play(scenario)
    assert order == ["evt_slow", "evt_1", "evt_next"]


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
        await one.until(lambda: [lane.taken for lane in one.worker._lanes] == [0, 0])
        await one.worker.stop(0)
        await asyncio.wait([running])
        await one.store.close()

    asyncio.run(scenario())


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
    assert [told for told in one.told if isinstance(told, (ThreadsStuck, AttemptFinished))] == []
