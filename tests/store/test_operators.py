"""What operators do to jobs, and what they are shown, on every engine."""

from contextlib import closing

from hardpoint.core.traces import Place
from hardpoint.store.driver import Outcome
from hardpoint.store.views import State


def test_a_retried_dead_letter_begins_a_new_series(any_stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.DEAD, reason="permanent", error="x")
        assert await desk.store.retry(lease.event.id, actor="ana", reason="fixed") == 1
        assert await desk.store.retry(lease.event.id) == 0
        (again,) = await desk.claim()
        assert (again.failures, again.fence) == (0, lease.fence + 1)
        await desk.complete(again)
        assert desk.state_of("evt_1") is State.DONE

    any_stage.play(story)


def test_a_retry_makes_waiting_jobs_due_and_leaves_running_ones_alone(any_stage):
    async def story(desk):
        accepted = await desk.accept("evt_1", handlers=("a", "b", "c"))
        waiting, running, dead = await desk.claim(lanes=("a", "b", "c"))
        await desk.complete(waiting, Outcome.FAILED, retry_in=900)
        await desk.complete(dead, Outcome.DEAD)
        assert await desk.store.retry(accepted.id, running.handler) == 0
        assert await desk.store.retry(accepted.id, waiting.handler) == 1
        (hurried,) = await desk.claim(lanes=("a", "b", "c"))
        assert (hurried.handler, hurried.failures) == (waiting.handler, 1)
        assert await desk.store.retry(accepted.id) == 1
        assert await desk.store.retry("unknown") == 0

    any_stage.play(story)


def test_a_replay_makes_new_jobs_where_the_work_is_not_done(any_stage):
    async def story(desk):
        accepted = await desk.accept("evt_1", handlers=())
        assert desk.state_of("evt_1") is State.SKIPPED
        assert await desk.store.replay(accepted.id, ["mark_paid", "receipt"]) == 2
        assert await desk.store.replay(accepted.id, ["mark_paid"]) == 0
        leases = await desk.claim(lanes=("mark_paid", "receipt"))
        await desk.complete(leases[0])
        await desk.complete(leases[1], Outcome.SKIPPED)
        assert desk.state_of("evt_1") is State.DONE
        # The one that was skipped may run again; the one that is done needs force.
        assert await desk.store.replay(accepted.id, ["mark_paid", "receipt"]) == 1
        assert await desk.store.replay(accepted.id, ["mark_paid"], force=True) == 1
        again = await desk.claim(lanes=("mark_paid", "receipt"))
        assert [lease.fence for lease in again] == [2, 2]
        assert await desk.store.replay("unknown", ["mark_paid"], force=True) == 0

    any_stage.play(story)


def test_a_replayed_quarantined_event_is_handled(any_stage):
    async def story(desk):
        accepted = await desk.accept(None, b"{", malformed="not JSON")
        assert desk.state_of(accepted.id) is State.QUARANTINED
        assert await desk.store.replay(accepted.id, ["mark_paid"]) == 1
        assert desk.state_of(accepted.id) is State.PENDING
        (lease,) = await desk.claim()
        await desk.complete(lease)
        assert desk.state_of(accepted.id) is State.DONE

    any_stage.play(story)


def test_a_replayed_dead_letter_is_no_longer_dead(any_stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.DEAD)
        assert await desk.store.replay(lease.event.id, ["mark_paid"]) == 1
        assert desk.state_of("evt_1") is State.PENDING

    any_stage.play(story)


def test_what_is_dead_or_parked_or_waits_is_closed_with_a_note(any_stage):
    async def story(desk):
        accepted = await desk.accept("evt_1", handlers=("a", "b", "c", "d"))
        parked, dead, waiting, runs = await desk.claim(lanes=("a", "b", "c", "d"))
        await desk.complete(parked, Outcome.NEEDS_RECONCILE, error="it may have been sent")
        await desk.complete(dead, Outcome.DEAD)
        await desk.complete(waiting, Outcome.FAILED, retry_in=900)
        resolve = desk.store.resolve
        assert await resolve(accepted.id, parked.handler, note="it was sent", actor="ana") == 1
        assert await resolve(accepted.id, runs.handler, note="too early") == 0
        assert await resolve(accepted.id, note="refunded", actor="bo") == 2
        assert await resolve(accepted.id, note="again") == await resolve("unknown", note="?") == 0
        assert await desk.store.retry(accepted.id, parked.handler) == 0
        # It is done: handled again only by force, under a new fence.
        assert await desk.store.replay(accepted.id, [parked.handler]) == 0
        assert await desk.store.replay(accepted.id, [parked.handler], force=True) == 1
        (again,) = await desk.claim(lanes=(parked.handler,))
        assert again.fence == parked.fence + 2
        await desk.complete(again)
        assert desk.query("select handler, error from hardpoint_attempt where number = 2") == [
            (parked.handler, "resolved: it was sent"),
            (dead.handler, "resolved: refunded"),
            (waiting.handler, "resolved: refunded"),
        ]
        found = desk.query("select actor, action, target, reason from hardpoint_audit order by id")
        assert found[:3] == [
            ("ana", "resolve", f"{accepted.id} {parked.handler}", "it was sent"),
            ("", "resolve", f"{accepted.id} {runs.handler}", "too early"),
            ("bo", "resolve", accepted.id, "refunded"),
        ]

    any_stage.play(story)


def test_jobs_that_fail_are_told_with_their_last_error_and_the_next_try(any_stage):
    async def story(desk):
        for name, tries in (("evt_1", 1), ("evt_2", 2), ("evt_3", 0)):
            accepted = await desk.accept(name, handlers=("a", "b"))
            for turn in range(tries):
                (lease,) = await desk.claim(lanes=("a",))
                assert lease.event.id == accepted.id
                last = turn + 1 == tries
                await desk.complete(
                    lease,
                    Outcome.FAILED,
                    retry_in=900 * last,
                    error=f"try {turn}",
                    place=Place("shop", 7, "paid") if last else None,
                )
                desk.clock.advance(1)
            if not tries:
                await desk.claim(lanes=("a",))
        reader = desk.look()
        newest, oldest = reader.failing()
        assert (newest.vendor_id, newest.handler, newest.failures) == ("evt_2", "a", 2)
        assert (newest.error, newest.place) == ("try 1", Place("shop", 7, "paid"))
        assert newest.next_at == newest.failed_at + 900
        assert (oldest.vendor_id, oldest.jobs, newest.jobs) == ("evt_1", 2, 2)
        assert reader.failing(each=False) == [newest] == reader.failing(limit=1)
        await desk.store.retry(newest.event)
        await desk.claim(lanes=("a",))
        assert reader.failing(limit=1)[0].next_at is None
        reader.close()

    any_stage.play(story)


def test_an_event_whose_last_job_was_closed_is_resolved_until_it_is_done(any_stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.NEEDS_RECONCILE)
        assert await desk.store.resolve(lease.event.id, note="it was sent") == 1
        assert desk.state_of("evt_1") is State.RESOLVED
        assert [one.id for one in desk.listing(state=State.RESOLVED)] == [lease.event.id]
        assert desk.listing(state=State.DONE) == []
        with closing(desk.look()) as reader:
            counts = reader.counts()
        assert (counts["resolved"], counts["done"], counts["total"]) == (1, 0, 1)
        replay = (lease.event.id, [lease.handler])
        assert await desk.store.replay(*replay) == 0
        assert await desk.store.replay(*replay, force=True, plan="spring") == 1
        (again,) = await desk.claim()
        await desk.complete(again)
        assert desk.state_of("evt_1") is State.DONE
        assert await desk.store.replay(*replay, force=True, plan="spring") == 0
        assert await desk.store.replay(*replay, force=True, plan="autumn") == 1

    any_stage.play(story)


def test_operators_leave_a_record(any_stage):
    async def story(desk):
        accepted = await desk.accept("evt_1")
        await desk.store.retry(accepted.id, "mark_paid", actor="ana", reason="ticket 7")
        await desk.store.replay(accepted.id, ["a", "b"], actor="bo", reason="")
        found = desk.query("select actor, action, target, reason from hardpoint_audit order by id")
        assert found == [
            ("ana", "retry", f"{accepted.id} mark_paid", "ticket 7"),
            ("bo", "replay", f"{accepted.id} a, b", ""),
        ]

    any_stage.play(story)
