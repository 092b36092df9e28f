"""Promise 3: one event per key, and an id that is not covered cannot defeat dedupe."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardpoint.core.errors import StoreError
from hardpoint.store.driver import Stored
from hardpoint.store.keys import dedupe_key, key_prefix
from hardpoint.store.views import State

A, B = b'{"push": 1}', b'{"push": 2}'


def told(desk, *arguments, **changes):
    """Deliver an event whose id, type and account the signature does not cover."""
    return desk.accept(*arguments, asserted=True, **changes)


def test_a_redelivery_of_an_asserted_event_is_a_duplicate(stage):
    async def story(desk):
        first = await told(desk, "d-1", A, type="push", account="acct_1")
        again = await told(desk, "d-1", A, type="push", account="acct_1")
        assert (first.stored, again.stored, again.id) == (Stored.NEW, Stored.DUPLICATE, first.id)

    stage.play(story)


@pytest.mark.parametrize(
    "change",
    [{"vendor_id": "d-2"}, {"type": "ping"}, {"account": "acct_2"}, {"vendor_id": None}],
    ids=["id", "type", "account", "no id"],
)
def test_a_captured_body_under_another_name_is_quarantined_and_not_handled(stage, change):
    async def story(desk):
        first = await told(desk, body=A, vendor_id="d-1", type="push")
        replayed = {"vendor_id": "d-1", "type": "push", **change}
        second = await told(desk, body=A, **replayed)
        assert second.stored is Stored.QUARANTINED
        assert second.id != first.id
        assert len(await desk.claim()) == 1
        (row,) = desk.listing(state=State.QUARANTINED)
        assert row.quarantine == f"the body of {first.id} under another id, type or account"
        # Its own repeats are duplicates of it, and leave no trace.
        third = await told(desk, body=A, **replayed)
        assert (third.stored, third.id) == (Stored.DUPLICATE, second.id)
        assert len(desk.listing()) == 2

    stage.play(story)


def test_a_replay_cannot_take_the_id_of_an_event_that_is_still_to_come(stage):
    async def story(desk):
        await told(desk, "d-1", A)
        attack = await told(desk, "d-2", A)
        assert attack.stored is Stored.QUARANTINED
        genuine = await told(desk, "d-2", B)
        assert genuine.stored is Stored.NEW
        assert {lease.event.vendor_id for lease in await desk.claim()} == {"d-1", "d-2"}

    stage.play(story)


def test_a_flood_of_replays_cannot_crowd_out_an_event_that_is_still_to_come(stage):
    async def story(desk):
        await told(desk, "d-0", A)
        flood = [await told(desk, f"d-{number}", A) for number in range(1, 40)]
        stored = [answer.stored for answer in flood]
        assert stored.count(Stored.QUARANTINED) == 16
        assert stored.count(Stored.DUPLICATE) == 23
        assert len(desk.listing()) == 17
        for number in range(1, 40):
            genuine = await told(desk, f"d-{number}", b"%d" % number)
            assert genuine.stored is Stored.NEW

    stage.play(story)


def test_replay_and_genuine_event_in_one_group_are_told_apart(stage):
    async def story(desk):
        answers = await asyncio.gather(
            told(desk, "d-1", A),
            told(desk, "d-2", A),
            told(desk, "d-2", B),
            told(desk, "d-2", A),
            told(desk, "d-1", A),
        )
        assert [answer.stored for answer in answers] == [
            Stored.NEW,
            Stored.QUARANTINED,
            Stored.NEW,
            Stored.DUPLICATE,
            Stored.DUPLICATE,
        ]
        assert answers[3].id == answers[1].id

    stage.play(story)


def test_an_asserted_id_that_came_with_another_body_is_kept_visible_and_replayable(stage):
    """Whoever captured a body that never reached us can be first with it, under any id.

    Nobody can tell then which of the two the vendor meant; the second is stored, not dropped.
    """

    async def story(desk):
        attack = await told(desk, "d-2", A)
        genuine = await told(desk, "d-2", B)
        assert (attack.stored, genuine.stored) == (Stored.NEW, Stored.QUARANTINED)
        (row,) = desk.listing(state=State.QUARANTINED)
        assert row.quarantine == f"the id of {attack.id} with another body"
        reader = desk.look()
        views = reader.event("d-2")
        reader.close()
        assert {view.body for view in views} == {A, B}
        assert await desk.store.replay(genuine.id, ["mark_paid"]) == 1
        bodies = {lease.event.body for lease in await desk.claim()}
        assert bodies == {A, B}

    stage.play(story)


def test_the_body_claims_its_place_even_where_the_id_is_that_of_a_third_event(stage):
    async def story(desk):
        await told(desk, "d-1", A)
        second = await told(desk, "d-2", B)
        mixed = await told(desk, "d-1", B)
        assert mixed.stored is Stored.QUARANTINED
        (row,) = desk.listing(state=State.QUARANTINED)
        assert row.quarantine == f"the body of {second.id} under another id, type or account"

    stage.play(story)


def test_asserted_ids_cannot_take_the_place_of_covered_ones(stage):
    async def story(desk):
        await told(desk, "evt_1", A)
        assert (await desk.accept("evt_1", B)).stored is Stored.NEW
        assert (await desk.accept("evt_2", A)).stored is Stored.NEW
        assert (await told(desk, "evt_3", B)).stored is Stored.NEW

    stage.play(story)


def test_malformed_bodies_of_an_asserted_source_do_not_count_as_handled_ones(stage):
    async def story(desk):
        first = await told(desk, None, b"{", malformed="not JSON")
        again = await told(desk, None, b"{", malformed="not JSON")
        assert (first.stored, again.stored) == (Stored.QUARANTINED, Stored.DUPLICATE)

    stage.play(story)


def test_a_body_that_can_be_read_by_now_is_not_taken_for_the_one_that_could_not(stage):
    async def story(desk):
        await desk.accept(None, A, malformed="no id found")
        assert (await desk.accept(None, A)).stored is Stored.NEW
        assert (await told(desk, None, A, source="shop", malformed="?")).stored is not Stored.NEW
        assert (await told(desk, None, A, source="shop")).stored is Stored.NEW

    stage.play(story)


def test_asserted_events_without_ids_are_told_apart_by_type(stage):
    async def story(desk):
        first = await told(desk, None, A, type="push")
        assert (await told(desk, None, A, type="push")).id == first.id
        assert (await told(desk, None, A, type="ping")).stored is Stored.QUARANTINED

    stage.play(story)


def test_one_bad_event_does_not_fail_the_others_of_its_group(stage):
    async def story(desk):
        good = [desk.submit(desk.make(f"evt_{number}")) for number in range(3)]
        bad = desk.submit(desk.make("evt_bad", signed_at=1 << 70))
        more = [desk.submit(desk.make(f"evt_{number}")) for number in range(3, 6)]
        answers = await asyncio.gather(*good, bad, *more)
        assert isinstance(answers[3], StoreError)
        assert "cannot be stored" in str(answers[3])
        others = answers[:3] + answers[4:]
        assert {answer.stored for answer in others} == {Stored.NEW}
        assert len(desk.listing()) == 6

    stage.play(story)


def test_an_id_of_ours_that_comes_twice_is_an_error_and_not_a_duplicate(stage):
    async def story(desk):
        event = desk.make("evt_1")
        await desk.submit(event)
        for asserted in (False, True):
            other = await desk.submit(desk.make("evt_2", b"other", id=event.id, asserted=asserted))
            assert isinstance(other, StoreError)
            assert str(other) == f"the id {event.id} was used before"

    stage.play(story)


def test_a_large_body_goes_alone_and_comes_back_whole(stage):
    stage.limits["batch_bytes"] = 1_000

    async def story(desk):
        large = bytes(range(256)) * 8_000
        answers = await asyncio.gather(
            desk.accept("evt_1", b"small"), desk.accept("evt_2", large), desk.accept("evt_3")
        )
        assert {answer.stored for answer in answers} == {Stored.NEW}
        bodies = {lease.event.vendor_id: lease.event.body for lease in await desk.claim()}
        assert bodies["evt_2"] == large

    stage.play(story)


texts = st.text(alphabet="a:@1-", max_size=6)
pairs = st.tuples(texts, st.none() | texts)


@settings(deadline=None)
@given(pairs, pairs, st.booleans())
def test_no_two_pairs_of_id_and_account_make_the_same_key(make_event, one, two, asserted):
    keys = [
        dedupe_key(make_event(vendor_id, account=account, asserted=asserted))
        for vendor_id, account in (one, two)
    ]
    assert (keys[0] == keys[1]) == (one == two)
    assert keys[0].startswith(key_prefix(one[0], asserted=asserted))
