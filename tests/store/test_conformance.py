"""What every `InboxStore` does, whatever is behind it."""

import asyncio

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Completed, Outcome, Refusals, Stored
from hardpoint.store.views import State


def test_the_first_of_an_event_is_new_and_a_repeat_is_a_duplicate(any_stage):
    async def story(desk):
        first = await desk.accept("evt_1")
        again = await desk.accept("evt_1")
        assert (first.stored, again.stored) == (Stored.NEW, Stored.DUPLICATE)
        assert again.id == first.id

    any_stage.play(story)


def test_a_hundred_at_once_are_one_event_and_all_are_answered(any_stage):
    async def story(desk):
        answers = await asyncio.gather(*(desk.accept("evt_1") for _ in range(100)))
        stored = [answer.stored for answer in answers]
        assert stored.count(Stored.NEW) == 1
        assert stored.count(Stored.DUPLICATE) == 99
        assert len({answer.id for answer in answers}) == 1
        assert len(await desk.claim(100)) == 1

    any_stage.play(story)


def test_the_same_id_with_another_body_is_a_conflict_and_the_first_is_kept(any_stage):
    async def story(desk):
        first = await desk.accept("evt_1", b"one")
        other = await desk.accept("evt_1", b"two")
        assert (other.stored, other.id) == (Stored.CONFLICT, first.id)
        (lease,) = await desk.claim()
        assert lease.event.body == b"one"
        assert len(desk.listing()) == 1

    any_stage.play(story)


def test_the_same_id_of_another_account_or_source_is_another_event(any_stage):
    async def story(desk):
        ids = [
            await desk.accept("evt_1"),
            await desk.accept("evt_1", account="acct_1"),
            await desk.accept("evt_1", account="acct_2"),
            await desk.accept("evt_1", source="shop"),
        ]
        assert {one.stored for one in ids} == {Stored.NEW}
        assert len({one.id for one in ids}) == 4

    any_stage.play(story)


def test_an_event_outlives_the_process(any_stage):
    async def before(desk):
        await desk.accept("evt_1", b"body")

    async def after(desk):
        assert (await desk.accept("evt_1", b"body")).stored is Stored.DUPLICATE
        (lease,) = await desk.claim()
        assert (lease.event.vendor_id, lease.event.body, lease.suspect) == ("evt_1", b"body", False)
        assert lease.event.headers == {"content-type": "application/json"}

    any_stage.play(before)
    any_stage.play(after)


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b", "ü" * 6_000, "", "%_*[\\"])
def test_any_text_is_taken_and_told_from_any_other(any_stage, odd):
    async def story(desk):
        texts = {"type": odd, "account": odd, "correlation_id": odd}
        first = await desk.accept(odd, **texts)
        assert first.stored is Stored.NEW
        assert (await desk.accept(odd, **texts)).stored is Stored.DUPLICATE
        assert (await desk.accept(odd, b"other", **texts)).stored is Stored.CONFLICT
        assert (await desk.accept(f"{odd}.", **texts)).stored is Stored.NEW
        asserted = await desk.accept(odd, asserted=True, **texts)
        again = await desk.accept(odd, asserted=True, **texts)
        assert (again.stored, again.id) == (Stored.DUPLICATE, asserted.id)
        other = await desk.accept(odd, asserted=True, **{**texts, "type": "x"})
        assert other.stored is Stored.QUARANTINED
        malformed = await desk.accept(None, b"{", malformed=f"not JSON: {odd}")
        assert malformed.stored is Stored.QUARANTINED
        for lease in await desk.claim(2):
            await desk.complete(lease, Outcome.DEAD, error=odd)
        await desk.store.resolve(first.id, note=odd, actor=odd)
        reader = desk.look()
        found = {view.summary.id for view in reader.event(odd)}
        reader.close()
        assert found == {first.id, asserted.id, other.id}

    any_stage.play(story)


def test_texts_that_are_shown_alike_are_different_events(any_stage):
    async def story(desk):
        ids = ("\0", "␀", "\ud800", "\udfff", "�")
        for asserted in (False, True):
            stored = [
                await desk.accept(one, one.encode("utf-8", "surrogatepass"), asserted=asserted)
                for one in ids
            ]
            assert {one.stored for one in stored} == {Stored.NEW}
            assert len({one.id for one in stored}) == len(ids)

    any_stage.play(story)


def test_a_large_body_comes_back_as_it_was(any_stage):
    async def story(desk):
        body = bytes(range(256)) * (4 << 14)
        assert (await desk.accept("evt_1", body)).stored is Stored.NEW
        (lease,) = await desk.claim()
        assert lease.event.body == body

    any_stage.play(story)


def test_a_malformed_body_is_quarantined_once_and_makes_no_job(any_stage):
    async def story(desk):
        first = await desk.accept(None, b"{", malformed="not JSON")
        again = await desk.accept(None, b"{", malformed="not JSON")
        other = await desk.accept(None, b"[", malformed="not JSON")
        assert first.stored is Stored.QUARANTINED
        assert (again.stored, again.id) == (Stored.DUPLICATE, first.id)
        assert other.stored is Stored.QUARANTINED
        assert await desk.claim() == []

    any_stage.play(story)


def test_an_event_without_an_id_rests_on_its_body(any_stage):
    async def story(desk):
        assert (await desk.accept(None, b"1")).stored is Stored.NEW
        assert (await desk.accept(None, b"1")).stored is Stored.DUPLICATE
        assert (await desk.accept(None, b"2")).stored is Stored.NEW

    any_stage.play(story)


def test_each_handler_has_a_job_of_its_own(any_stage):
    async def story(desk):
        await desk.accept("evt_1", handlers=("a", "b"))
        (lease,) = await desk.claim(lanes=("b",))
        assert lease.handler == "b"
        assert await desk.complete(lease) is Completed.RECORDED
        assert await desk.claim(lanes=("b",)) == []
        (other,) = await desk.claim(lanes=("a", "b"))
        assert other.handler == "a"

    any_stage.play(story)


def test_a_leased_event_is_completed_without_a_claim(any_stage):
    async def story(desk):
        accepted = await desk.accept("evt_1", lease=True)
        assert await desk.claim() == []
        event = desk.make("evt_1", id=accepted.id)
        lease = desk.lease_of(event)
        assert await desk.complete(lease) is Completed.RECORDED
        assert await desk.store.next_due(["mark_paid"]) is None

    any_stage.play(story)


def test_two_claims_never_give_the_same_job(any_stage):
    async def story(desk):
        for number in range(10):
            await desk.accept(f"evt_{number}")
        claims = await asyncio.gather(*(desk.claim(4) for _ in range(5)))
        given = [lease.event.id for claim in claims for lease in claim]
        assert len(given) == len(set(given)) == 10

    any_stage.play(story)


def test_jobs_are_given_in_the_order_they_are_due(any_stage):
    async def story(desk):
        for number in range(3):
            await desk.accept(f"evt_{number}")
            desk.clock.advance(1)
        (first,) = await desk.claim(1)
        await desk.complete(first, Outcome.FAILED, retry_in=5, error="later")
        desk.clock.advance(10)
        given = [lease.event.vendor_id for lease in await desk.claim()]
        assert given == ["evt_1", "evt_2", "evt_0"]

    any_stage.play(story)


def test_a_failed_job_waits_for_its_time_and_counts_its_failures(any_stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.FAILED, retry_in=30, error="boom")
        assert await desk.claim() == []
        assert await desk.store.next_due(["mark_paid"]) == 30
        desk.clock.advance(30)
        (retried,) = await desk.claim()
        assert (retried.fence, retried.failures) == (lease.fence + 1, 1)

    any_stage.play(story)


def test_a_failed_job_without_a_time_is_due_when_its_attempt_ended(any_stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.FAILED, error="boom")
        assert len(await desk.claim()) == 1

    any_stage.play(story)


def test_a_late_completion_is_refused(any_stage):
    async def story(desk):
        slow = await desk.leased()
        await desk.store.release_all()
        for outcome in Outcome:
            assert await desk.complete(slow, outcome, error="late") is Completed.REFUSED
        (taken,) = await desk.claim()
        assert taken.fence == slow.fence + 1
        for outcome in Outcome:
            assert await desk.complete(slow, outcome, error="late") is Completed.REFUSED
        assert await desk.complete(taken) is Completed.RECORDED
        assert await desk.complete(taken) is Completed.REFUSED

    any_stage.play(story)


@pytest.mark.parametrize("jump", [3_600, -3_600])
def test_a_lease_lasts_as_long_as_its_process_whatever_the_clock_says(any_stage, jump):
    async def story(desk):
        slow = await desk.leased()
        desk.clock.jump(jump)
        desk.clock.advance(3_600)
        assert await desk.claim() == []
        assert await desk.store.next_due(["mark_paid"]) is None
        assert await desk.complete(slow) is Completed.RECORDED

    any_stage.play(story)


def test_a_deferred_job_waits_for_its_time_and_no_failure_is_counted(any_stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.DEFERRED, retry_in=30, error="circuit open")
        assert await desk.claim() == []
        desk.clock.advance(30)
        (again,) = await desk.claim()
        assert (again.fence, again.failures) == (lease.fence + 1, 0)
        assert desk.state_of(lease.event.id) == State.PENDING

    any_stage.play(story)


def test_each_lane_is_given_what_was_asked_for_it_and_says_when_there_is_more(any_stage):
    async def story(desk):
        for number in range(5):
            await desk.accept(f"evt_{number}", handlers=("busy",))
        await desk.accept("evt_5", handlers=("quiet",))
        claim = await desk.store.claim({"busy": 2, "quiet": 2, "idle": 2})
        given = [(lease.lane, lease.event.vendor_id) for lease in claim.leases]
        assert given == [("busy", "evt_0"), ("busy", "evt_1"), ("quiet", "evt_5")]
        assert claim.waits == {"busy": 0}
        desk.clock.advance(7)
        assert (await desk.store.claim({"busy": 0})).waits == {"busy": -7}

    any_stage.play(story)


def test_forwards_of_each_source_have_a_lane_of_their_own(any_stage):
    async def story(desk):
        first = await desk.accept("evt_1", handlers=("forward", "mark_paid"))
        await desk.accept("evt_1", source="shop", handlers=("forward",))
        desk.clock.advance(3)

        async def lanes(*handlers):
            found = await desk.store.waiting(handlers)
            return [(one.lane, one.handler, one.due_in) for one in found]

        assert await lanes("forward", "mark_paid") == [
            ("forward/billing", "forward", -3),
            ("forward/shop", "forward", -3),
            ("mark_paid", "mark_paid", -3),
        ]
        assert await lanes("mark_paid") == [("mark_paid", "mark_paid", -3)]
        (lease,) = await desk.claim(lanes=("forward/billing",))
        assert (lease.lane, lease.handler) == ("forward/billing", "forward")
        await desk.complete(lease, Outcome.DEAD, reason="permanent")
        assert await desk.store.retry(first.id, "forward") == 1
        (again,) = await desk.claim(lanes=("forward/billing",))
        await desk.complete(again)
        assert await desk.store.replay(first.id, ("forward",), force=True) == 1
        assert len(await desk.claim(lanes=("forward/billing",))) == 1

    any_stage.play(story)


def test_a_redelivery_while_the_job_waits_changes_nothing_about_it(any_stage):
    """ "Seen" is not "done": dedupe decides whether to insert, the job whether to handle."""

    async def story(desk):
        lease = await desk.leased("evt_1")
        assert (await desk.accept("evt_1")).stored is Stored.DUPLICATE
        await desk.complete(lease, Outcome.FAILED, retry_in=5, error="boom")
        assert (await desk.accept("evt_1")).stored is Stored.DUPLICATE
        desk.clock.advance(5)
        (again,) = await desk.claim()
        assert (again.event.id, again.failures) == (lease.event.id, 1)
        await desk.complete(again)
        assert (await desk.accept("evt_1")).stored is Stored.DUPLICATE
        assert await desk.claim() == []

    any_stage.play(story)


def test_a_released_job_is_due_at_once_and_no_attempt_is_counted(any_stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.store.release_all()
        (again,) = await desk.claim()
        assert (again.failures, again.crashes, again.suspect) == (0, 0, False)
        assert await desk.complete(lease) is Completed.REFUSED
        assert await desk.complete(again) is Completed.RECORDED

    any_stage.play(story)


def test_what_a_graceful_end_left_unfinished_is_due_and_not_suspect(any_stage):
    async def before(desk):
        await desk.accept("evt_1", lease=True)
        await desk.accept("evt_2")
        assert len(await desk.claim()) == 1

    async def after(desk):
        leases = await desk.claim()
        assert [lease.suspect for lease in leases] == [False, False]

    any_stage.play(before)
    any_stage.play(after)


def test_an_unclean_end_leaves_what_was_in_flight_as_a_crash_would(any_stage):
    async def before(desk):
        await desk.leased()
        await desk.store.close(clean=False)
        any_stage.silence()

    async def after(desk):
        assert await desk.claim() == []
        assert (await desk.suspect()).event.vendor_id == "evt_1"

    any_stage.play(before)
    any_stage.play(after)


def test_what_a_crash_left_in_flight_is_given_out_apart_fewest_crashes_first(any_stage):
    async def before(desk):
        for name in ("evt_1", "evt_2", "evt_3"):
            await desk.accept(name)
            desk.clock.advance(1)
        for lease in await desk.claim(2):
            if lease.event.vendor_id == "evt_1":
                assert await desk.store.mark_started(lease)
        any_stage.crash()

    async def after(desk):
        desk.clock.advance(2)
        assert await desk.suspect(handlers=("other",)) is None
        assert await desk.store.next_due(["mark_paid"]) == -3
        innocent = await desk.suspect()
        assert (innocent.event.vendor_id, innocent.crashes, innocent.suspect) == ("evt_2", 0, True)
        # What is beyond suspicion is claimed as ever.
        (other,) = await desk.claim()
        assert (other.event.vendor_id, other.suspect) == ("evt_3", False)
        assert await desk.claim() == []
        assert await desk.store.next_due(["mark_paid"]) == -2
        await desk.complete(innocent)
        marked = await desk.suspect()
        assert (marked.event.vendor_id, marked.crashes, marked.suspect) == ("evt_1", 1, True)
        assert await desk.suspect() is None
        await desk.complete(marked, Outcome.FAILED)
        (cleared,) = await desk.claim()
        assert (cleared.crashes, cleared.suspect, cleared.failures) == (1, False, 1)

    any_stage.play(before)
    any_stage.play(after)


def test_a_forward_is_never_a_suspect(any_stage):
    async def before(desk):
        await desk.accept("evt_1", handlers=("forward",), lease=True)
        any_stage.crash()

    async def after(desk):
        assert await desk.suspect(handlers=("forward",)) is None
        (lease,) = await desk.claim(lanes=("forward/billing",))
        assert (lease.suspect, lease.crashes, lease.failures) == (False, 0, 0)

    any_stage.play(before)
    any_stage.play(after)


def test_a_mark_that_was_taken_away_counts_no_crash(any_stage):
    async def before(desk):
        lease = await desk.leased()
        assert await desk.store.mark_started(lease)
        assert await desk.store.mark_started(lease, started=False)
        any_stage.crash()

    async def after(desk):
        assert (await desk.suspect()).crashes == 0

    any_stage.play(before)
    any_stage.play(after)


def test_deaths_are_counted_for_marked_jobs_only_and_the_first_of_all_with_the_next(any_stage):
    async def first(desk):
        await desk.accept("evt_1")
        await desk.claim()
        any_stage.crash()

    async def second(desk):
        lease = await desk.suspect()
        assert (lease.crashes, lease.suspect) == (0, True)
        assert await desk.store.mark_started(lease)
        any_stage.crash()

    async def unmarked(desk):
        lease = await desk.suspect()
        assert (lease.crashes, lease.suspect) == (2, True)
        any_stage.crash()

    async def third(desk):
        lease = await desk.suspect()
        assert (lease.crashes, lease.suspect) == (2, True)
        assert await desk.store.mark_started(lease)
        any_stage.crash()

    async def last(desk):
        lease = await desk.suspect()
        assert (lease.crashes, lease.suspect) == (3, True)
        late = desk.lease_of(desk.make("evt_1", id=lease.event.id))
        assert not await desk.store.mark_started(late)
        await desk.complete(lease, Outcome.DEAD, reason="crash", error="died 3 times")

    for story in (first, second, unmarked, third, last):
        any_stage.play(story)


def test_a_dead_job_is_kept_with_its_reason(any_stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.FAILED, error="1st")
        (lease,) = await desk.claim()
        await desk.complete(lease, Outcome.DEAD, reason="attempts", error="2nd")
        assert await desk.claim() == []
        assert desk.state_of("evt_1") is State.DEAD
        reader = desk.look()
        (letter,) = reader.dead_letters()
        reader.close()
        assert (letter.vendor_id, letter.handler) == ("evt_1", "mark_paid")
        assert (letter.reason, letter.failures, letter.error) == ("attempts", 2, "2nd")

    any_stage.play(story)


def test_writes_happen_with_the_completion_or_not_at_all(any_stage):
    async def story(desk):
        lease = await desk.leased()

        def create(tx):
            tx.execute("create table orders (id integer)")

        def insert(tx):
            tx.executemany(f"insert into orders values ({any_stage.placeholder})", [(1,), (2,)])

        def fail(tx):
            tx.execute("insert into orders values (3)")
            raise LookupError("no such order")

        with pytest.raises(LookupError, match="no such order"):
            await desk.complete(lease, writes=(create, insert, fail))
        assert await desk.complete(lease, writes=(create, insert)) is Completed.RECORDED
        assert desk.query("select count(*) from orders") == [(2,)]
        assert await desk.complete(lease, writes=(insert,)) is Completed.REFUSED
        assert desk.query("select count(*) from orders") == [(2,)]

    any_stage.play(story)


def test_refusals_add_up(any_stage):
    async def story(desk):
        await desk.store.refuse([Refusals("billing", "signature_mismatch", 1, 2)])
        await desk.store.refuse(
            [
                Refusals("billing", "signature_mismatch", 1, 3),
                Refusals("billing", "signature_mismatch", 2, 1),
                Refusals("shop", "missing_signature", 2, 7),
            ]
        )
        reader = desk.look()
        found = reader.refusals()
        reader.close()
        assert found == {"billing": {"signature_mismatch": 6}, "shop": {"missing_signature": 7}}

    any_stage.play(story)


def test_refusals_with_no_hour_between_them_are_one_run(any_stage):
    async def story(desk):
        await desk.store.refuse(
            [
                *(
                    Refusals("billing", "signature_mismatch", minute, 2)
                    for minute in (130, 190, 191)
                ),
                Refusals("billing", "signature_mismatch", 68, 5),
                Refusals("billing", "missing_signature", 130, 1),
                Refusals("billing", "duplicate", 130, 9),
                Refusals("billing", "conflict", 130, 9),
            ]
        )
        reader = desk.look()
        found = [(one.reason, one.count, one.first_at, one.last_at) for one in reader.refused()]
        since = [one.count for one in reader.refused(since=190 * 60)]
        reader.close()
        assert found == [
            ("signature_mismatch", 6, 130 * 60, 191 * 60),
            ("missing_signature", 1, 130 * 60, 130 * 60),
            ("signature_mismatch", 5, 68 * 60, 68 * 60),
        ]
        assert since == [4]

    any_stage.play(story)


def test_a_closed_store_refuses_everything(any_stage):
    async def story(desk):
        await desk.store.close()
        with pytest.raises(StoreUnavailableError, match="is not open"):
            desk.submit(desk.make())
        with pytest.raises(StoreUnavailableError, match="is not open"):
            await desk.claim()
        await desk.store.close()

    any_stage.play(story)


def test_what_was_submitted_is_answered_before_the_store_closes(any_stage):
    async def story(desk):
        answers = [desk.submit(desk.make(f"evt_{number}")) for number in range(500)]
        await desk.store.close()
        assert {answer.result().stored for answer in answers} == {Stored.NEW}

    any_stage.play(story)


def test_next_due_knows_only_the_handlers_asked_for(any_stage):
    async def story(desk):
        assert await desk.store.next_due(["mark_paid"]) is None
        await desk.accept("evt_1")
        assert await desk.store.next_due(["mark_paid"]) == 0
        assert await desk.store.next_due(["other"]) is None
        assert await desk.store.next_due([]) is None

    any_stage.play(story)
