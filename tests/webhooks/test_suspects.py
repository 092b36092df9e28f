"""Suspects: what was in flight when the process died starts again, with care."""

import asyncio
import contextlib
import sqlite3
from types import SimpleNamespace

from hardpoint.store.driver import Outcome
from hardpoint.store.views import State
from hardpoint.testing import ManualClock
from hardpoint.webhooks.lanes import Shares
from hardpoint.webhooks.suspects import Suspects


def states(rig):
    return [event.state for event in rig.read(lambda reader: reader.events())]


def crash(rig, *, marked=0, crashes=0):
    """Makes the closed database look as if the process had died with every job in flight."""
    with contextlib.closing(sqlite3.connect(rig.store.path)) as connection, connection:
        connection.execute(
            "update hardpoint_job set boot = 1, started = ?, crashes = ?", (marked, crashes)
        )


def leave_jobs(rig, *names):
    """Leaves jobs as a clean stop would have found them: leased and under way."""
    one = rig()

    @one.on(name="handler")
    async def handler(event, job):
        await asyncio.sleep(60)

    async def scenario():
        await one.ready()
        for name in names:
            await one.deliver(name)

    one.play(scenario, grace=0)


def test_suspects_run_one_after_another_each_marked_while_everything_else_goes_on(rig):
    leave_jobs(rig, "evt_0", "evt_1", "evt_2")
    crash(rig())
    again, running, most, order = rig(), 0, 0, []

    @again.on(name="handler")
    async def handler(event, job):
        nonlocal running, most
        order.append(event.vendor_id)
        if event.vendor_id == "evt_new":
            return
        running += 1
        most = max(most, running)
        if len(order) == 1:
            await again.deliver("evt_new")
            await again.until(lambda: "evt_new" in order)
        running -= 1

    async def after():
        await again.until(lambda: len(again.attempts()) == 4)

    again.play(after)
    assert most == 1
    assert order[1] == "evt_new"
    assert again.faults.calls["mark_started"] == 3
    assert states(again) == [State.DONE] * 4


def test_beside_a_suspect_that_was_counted_against_nothing_starts_for_five_seconds(rig):
    leave_jobs(rig, "evt_1")
    crash(rig(), marked=1)
    again, order, go_on = rig(), [], asyncio.Event()

    @again.on(name="handler")
    async def handler(event, job):
        order.append(event.vendor_id)
        if event.vendor_id == "evt_1":
            await go_on.wait()

    async def after():
        await again.until(lambda: order)
        assert (await again.deliver("evt_new")).status == 200
        await again.advance(4.9)
        await asyncio.sleep(0.05)
        assert order == ["evt_1"]
        assert marks(again) == [(1, 1)]
        assert again.worker.hindrances()[0].startswith("suspect: handler runs alone on ")
        await again.advance(0.2)
        await again.until(lambda: "evt_new" in order)
        assert marks(again) == [(0, 1)]  # a death from now on is not held against it
        assert again.worker.hindrances() == []
        go_on.set()
        await again.until(lambda: len(again.attempts()) == 2)

    again.play(after)
    assert states(again) == [State.DONE] * 2


def test_what_was_reserved_when_a_hush_began_starts_after_it(rig):
    leave_jobs(rig, "evt_1")
    crash(rig(), marked=1)
    again, order, go_on = rig(), [], asyncio.Event()

    @again.on(name="handler")
    async def handler(event, job):
        order.append(event.vendor_id)
        if event.vendor_id == "evt_1":
            await go_on.wait()

    async def after():
        again.worker._suspects.hush = False  # as if it were to begin between the two
        await again.until(lambda: again.worker._look_at > 0)
        await again.until(lambda: order)
        again.worker._suspects.hush = False
        answer = again.deliver("evt_new")
        again.worker._suspects.hush = True
        await answer
        await asyncio.sleep(0.02)
        assert order == ["evt_1"]
        go_on.set()
        await again.until(lambda: len(again.attempts()) == 2)

    again.play(after)
    assert order == ["evt_1", "evt_new"]


def marks(rig):
    with contextlib.closing(sqlite3.connect(rig.store.path)) as connection:
        return connection.execute(
            "select started, crashes from hardpoint_job where suspect = 1"
        ).fetchall()


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
    assert dead.error == "the process died 3 times while this ran"


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
                "update hardpoint_job set fence = fence + 1, run_at = 0, boot = null, suspect = 0"
            )
        again.faults.after.clear()

    async def scenario():
        await again.until(lambda: again.faults.calls["mark_started"])
        again.worker.notify()
        await again.until(again.attempts)

    again.faults.after["claim_suspect"] = steal
    again.play(scenario)
    assert [a.attempt for a in again.attempts()] == [4]


def test_after_five_seconds_a_suspect_is_an_attempt_like_any_other_and_the_next_begins(rig):
    leave_jobs(rig, "evt_0", "evt_1", "evt_2", "evt_3")
    crash(rig())
    again, order, go_on = rig(concurrency=8), [], asyncio.Event()

    @again.on("paid", name="handler")
    async def handler(event, job):
        order.append(event.vendor_id)
        await go_on.wait()

    @again.on("other", name="other")
    async def other(event, job):
        pass

    async def after():
        await again.until(lambda: len(order) == 1)
        await again.advance(4.9)
        await asyncio.sleep(0.02)
        assert len(order) == 1
        assert marks(again) == [(1, 0), (0, 0), (0, 0), (0, 0)]
        await again.advance(0.2)
        await again.until(lambda: len(order) == 2)
        assert marks(again) == [(0, 0), (1, 0), (0, 0), (0, 0)]
        await again.advance(5.1)  # the lane is slow, and its share is two places
        await again.until(lambda: marks(again) == [(0, 0)] * 4)
        await again.deliver("evt_other", "other")
        await again.until(again.attempts)
        assert len(order) == 2
        go_on.set()
        await again.until(lambda: len(again.attempts()) == 5)

    again.play(after)
    assert states(again) == [State.DONE] * 5


def test_a_suspect_that_ends_while_its_mark_is_taken_away_has_ended(rig):
    leave_jobs(rig, "evt_1")
    crash(rig())
    again, go_on = rig(), asyncio.Event()

    @again.on(name="handler")
    async def handler(event, job):
        await go_on.wait()

    async def after():
        await again.until(lambda: again.faults.calls["mark_started"])
        suspects = again.worker._suspects
        again.clock.advance(6)
        looked = asyncio.create_task(suspects.look(again.clock.monotonic()))
        await asyncio.sleep(0)
        go_on.set()
        suspects.ended(suspects._current)
        await looked
        await again.until(again.attempts)
        await again.until(lambda: [shares.held for shares in again.worker._shares] == [0, 0])

    again.play(after)


def test_a_suspect_whose_time_is_up_holds_a_place_of_its_lane_from_then_on():
    class Store:
        async def claim_suspect(self, handlers):
            return SimpleNamespace(crashes=1)

        async def mark_started(self, lease, *, started=True):
            return True

    async def scenario():
        clock, shares = ManualClock(), Shares(4, lambda shares, change: None)
        suspects = Suspects(Store(), None, None, clock=clock, crash_limit=3)
        lane = shares.lane("handler")
        await suspects.claim(["handler"])
        suspects.begun(shares.begin(lane, clock.monotonic(), reserved=False))
        await suspects.look(clock.monotonic())
        assert (lane.held, suspects.hush) == (0, True)
        await suspects.look(suspects.until)
        assert (lane.held, suspects.hush) == (1, False)

    asyncio.run(scenario())


def test_beside_one_that_is_given_up_unrun_everything_may_start():
    async def scenario(lease, alone):
        async def claim_suspect(_):
            return lease

        store = SimpleNamespace(claim_suspect=claim_suspect)
        suspects = Suspects(store, None, None, clock=ManualClock(), crash_limit=3)
        await suspects.claim(["handler"])
        assert suspects.alone is (lease if alone else None)

    for crashes, alone in {0: False, 1: True, 2: True, 3: False, 4: False}.items():
        asyncio.run(scenario(SimpleNamespace(crashes=crashes), alone))
