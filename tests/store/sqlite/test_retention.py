import asyncio

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.store.driver import Outcome, Refusals, Stored
from hardpoint.store.events import BatchFailed, Retained
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.retention import Retention
from hardpoint.store.views import State

DAY = 86_400


@pytest.fixture
def kept(stage):
    """A stage whose stores keep bodies 30 days, dead ones 90 and keys 400, in chunks of three."""
    stage.settings["retention"] = Retention(chunk=3)
    stage.limits |= {"quiet": 0.005, "tick": 0.005}
    return stage


async def sweep(desk):
    """Wait for a whole pass, an hour from the last one; gives what it did."""
    ended = asyncio.get_running_loop().create_future()

    def listen(one):
        if isinstance(one, Retained) and not ended.done():
            ended.set_result(one)

    remove = desk.store.listeners.add(listen)
    desk.clock.advance(3_600)
    try:
        return await asyncio.wait_for(ended, 10)
    finally:
        remove()


async def end(desk, name, outcome, **changes):
    lease = await desk.leased(name, **changes)
    await desk.complete(lease, outcome)
    return lease.event.id


def body_of(desk, name):
    reader = desk.look()
    (view,) = reader.event(name)
    reader.close()
    return view


@pytest.mark.parametrize("limits", [{"done": 0}, {"done": 100 * DAY}, {"keys": DAY}])
def test_ages_must_rise(limits):
    with pytest.raises(ConfigurationError, match="must rise"):
        Retention(**limits)


def test_done_and_skipped_go_after_thirty_days_and_dead_after_ninety(kept):
    async def story(desk):
        await end(desk, "done", Outcome.DONE)
        await end(desk, "skipped", Outcome.SKIPPED)
        await desk.accept("unheard", handlers=())
        await end(desk, "dead", Outcome.DEAD)
        malformed = (await desk.accept(None, b"{", malformed="not JSON")).id
        names = {"done": State.DONE, "skipped": State.SKIPPED, "unheard": State.SKIPPED}
        late = {"dead": State.DEAD, malformed: State.QUARANTINED}

        desk.clock.advance(29 * DAY)
        assert (await sweep(desk)).bodies == 0
        desk.clock.advance(DAY)
        assert await sweep(desk) == Retained(bodies=3, keys=0)
        for name, state in names.items():
            view = body_of(desk, name)
            assert (view.body, view.headers, view.attempts) == (None, {}, ())
            assert (view.summary.state, view.body_bytes) == (state, 2)
        assert body_of(desk, "dead").body == b"{}"

        desk.clock.advance(60 * DAY)
        assert (await sweep(desk)).bodies == 2
        for name, state in (names | late).items():
            view = body_of(desk, name)
            assert (view.body, view.attempts, view.summary.state) == (None, (), state)
        (letter,) = body_of(desk, "dead").dead
        assert letter.reason == "permanent"

    kept.play(story)


def test_a_key_outlives_its_body_and_then_goes_too(kept):
    async def story(desk):
        first = await end(desk, "done", Outcome.DONE)
        await end(desk, "dead", Outcome.DEAD)
        await desk.store.refuse([Refusals("billing", "stale", int(desk.clock.now() // 60), 1)])
        await desk.store.retry(first, actor="ana")
        desk.clock.advance(91 * DAY)
        await sweep(desk)
        again = await desk.accept("done")
        assert (again.stored, again.id) == (Stored.DUPLICATE, first)
        assert (await desk.accept("done", b"other")).stored is Stored.CONFLICT
        assert desk.query("select count(*) from hardpoint_refused") == [(0,)]
        assert desk.query("select count(*) from hardpoint_audit") == [(1,)]
        desk.clock.advance(309 * DAY)
        assert (await sweep(desk)).keys == 2
        tables = ("event", "content", "attempt", "dead", "audit")
        counts = [desk.query(f"select count(*) from hardpoint_{table}")[0][0] for table in tables]
        assert counts == [0] * 5
        assert (await desk.accept("done")).stored is Stored.NEW

    kept.play(story)


def test_unfinished_events_are_never_touched(kept):
    async def story(desk):
        lease = await desk.leased("waiting")
        await desk.complete(lease, Outcome.FAILED, retry_in=2_000 * DAY)
        await desk.accept("due")
        desk.clock.advance(1_000 * DAY)
        assert await sweep(desk) == Retained(bodies=0, keys=0)
        (lease,) = await desk.claim()
        assert lease.event.body == b"{}"

    kept.play(story)


def test_the_age_counts_from_the_end_of_the_work_and_not_from_its_arrival(kept):
    async def story(desk):
        await desk.accept("slow")
        desk.clock.advance(40 * DAY)
        (lease,) = await desk.claim()
        await desk.complete(lease)
        assert (await sweep(desk)).bodies == 0
        desk.clock.advance(30 * DAY)
        assert (await sweep(desk)).bodies == 1

    kept.play(story)


def test_a_pass_goes_through_many_chunks_and_gives_pages_back(kept):
    async def story(desk):
        for number in range(40):
            await desk.accept(f"evt_{number}", bytes(5_000), handlers=())
        pages = desk.query("pragma page_count")[0][0]
        desk.clock.advance(31 * DAY)
        assert (await sweep(desk)).bodies == 40
        assert desk.query("pragma page_count")[0][0] < pages / 2
        desk.clock.advance(400 * DAY)
        assert await sweep(desk) == Retained(bodies=0, keys=40)

    kept.play(story)


def test_a_purged_event_is_neither_retried_nor_replayed(kept):
    async def story(desk):
        dead = await end(desk, "dead", Outcome.DEAD)
        done = await end(desk, "done", Outcome.DONE)
        desk.clock.advance(91 * DAY)
        await sweep(desk)
        assert await desk.store.retry(dead) == 0
        assert await desk.store.replay(dead, ["mark_paid"], force=True) == 0
        assert await desk.store.replay(done, ["mark_paid"], force=True) == 0
        assert body_of(desk, "dead").summary.state is State.DEAD

    kept.play(story)


def test_a_content_number_that_is_used_again_never_shows_another_event_s_body(kept):
    async def before(desk):
        await end(desk, "old", Outcome.DONE)
        desk.clock.advance(31 * DAY)
        assert (await sweep(desk)).bodies == 1

    async def after(desk):
        await desk.accept("new", b"secret of another")
        assert desk.query("select content from hardpoint_event") == [(1,), (1,)]
        assert body_of(desk, "old").body is None
        assert body_of(desk, "new").body == b"secret of another"

    kept.play(before)
    kept.play(after)


def test_a_jump_of_the_wall_clock_costs_no_key(kept):
    async def story(desk):
        await end(desk, "done", Outcome.DONE)
        desk.clock.jump(3_650 * DAY)
        assert await sweep(desk) == Retained(bodies=0, keys=0)
        assert (await desk.accept("done")).stored is Stored.DUPLICATE

    kept.play(story)


def test_retention_goes_on_under_load(stage):
    stage.settings["retention"] = Retention()

    async def story(desk):
        await end(desk, "done", Outcome.DONE)
        desk.clock.advance(31 * DAY)
        number = 0
        while desk.query(
            "select count(*) from hardpoint_content where event in (select id from"
            " hardpoint_event where vendor_id = 'done')"
        ) != [(0,)]:
            number += 1
            desk.clock.advance(2)
            await desk.accept(f"evt_{number}")
        assert number < 5

    stage.play(story)


def test_without_retention_everything_stays(stage):
    stage.limits |= {"quiet": 0.005, "tick": 0.005}

    async def story(desk):
        await end(desk, "done", Outcome.DONE)
        desk.clock.advance(4_000 * DAY)
        await desk.accept("other")
        assert body_of(desk, "done").body == b"{}"

    stage.play(story)


def test_a_pass_that_fails_begins_anew_an_hour_later(kept, faults):
    import sqlite3

    async def story(desk):
        await end(desk, "done", Outcome.DONE)
        desk.clock.advance(30 * DAY)
        faults.add("hardpoint_content c", sqlite3.SQLITE_FULL, "disk full")
        failed = asyncio.Event()
        desk.store.listeners.add(lambda one: isinstance(one, BatchFailed) and failed.set())
        desk.clock.advance(3_600)
        await asyncio.wait_for(failed.wait(), 10)
        faults.clear()
        assert (await sweep(desk)).bodies == 1

    kept.play(story)


def test_results_of_calls_go_after_thirty_days_their_keys_later_and_doubts_never(kept):
    intents = [Intent(scope="texts:send", key=f"k{n}", fingerprint=b"hello") for n in range(5)]

    async def story(desk):
        journal = StoreJournal(desk.store)
        for intent in intents:
            await journal.begin(intent)
        *done, doubt = intents
        for intent in done:
            await journal.end(intent, b"{}", None)
        journal.leave(doubt)

        async def entries():
            found = [await journal.begin(intent) for intent in intents]
            journal.leave(doubt)
            return [(one.standing, one.result) for one in found]

        desk.clock.advance(29 * DAY)
        assert (await sweep(desk)).calls == 0
        desk.clock.advance(DAY)
        assert (await sweep(desk)).calls == 4
        doubtful = (Standing.OPEN, None)
        assert await entries() == [*[(Standing.DONE, None)] * 4, doubtful]
        desk.clock.advance(400 * DAY)
        assert (await sweep(desk)).calls == 4
        assert await entries() == [*[(Standing.NEW, None)] * 4, doubtful]

    kept.play(story)
