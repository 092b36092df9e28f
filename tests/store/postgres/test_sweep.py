"""Retention on PostgreSQL: what goes, when, and what never does."""

import asyncio

import psycopg

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Outcome, Refusals
from hardpoint.store.events import BatchFailed, Retained
from hardpoint.store.journal import Intent
from hardpoint.store.retention import Retention

KEEP = Retention(done=100, dead=200, keys=300, every=50, chunk=2)


def test_bodies_go_first_and_keys_much_later_and_what_is_unfinished_never(pg):
    pg.settings |= {"retention": KEEP}

    async def story(desk):
        for number in range(3):
            await desk.complete(await desk.leased(f"done_{number}"))
        await desk.complete(await desk.leased("skipped"), Outcome.SKIPPED)
        await desk.complete(await desk.leased("dead"), Outcome.DEAD)
        await desk.accept("unheard", handlers=())
        await desk.accept(None, b"{", malformed="not JSON")
        await desk.accept("waits")
        await desk.store.refuse([Refusals("billing", "x", int(desk.clock.now()) // 60, 1)])
        await desk.store.retry((await desk.accept("waits")).id)
        await desk.store.beat()
        assert contents(desk) == 8
        desk.clock.advance(150)
        await desk.store.beat()
        assert contents(desk) == 3
        assert (desk.state_of("done_1"), desk.state_of("skipped")) == ("done", "skipped")
        desk.clock.advance(100)
        await desk.store.beat()
        assert contents(desk) == 1
        desk.clock.advance(100)
        await desk.store.beat()
        assert [row.vendor_id for row in desk.listing()] == ["waits"]
        assert desk.query("select count(*) from hardpoint_dead") == [(0,)]
        assert desk.query("select count(*) from hardpoint_refused") == [(0,)]
        assert desk.query("select count(*) from hardpoint_audit") == [(0,)]

    pg.play(story)
    assert [(told.bodies, told.keys) for told in pg.heard(Retained)] == [(5, 0), (2, 0), (0, 7)]


def test_calls_go_chunk_by_chunk_results_first_and_keys_later(pg):
    pg.settings |= {"retention": KEEP}

    async def story(desk):
        journal = pg.journal(desk.store)
        for number in range(5):
            intent = Intent(scope="texts:send", key=f"k{number}", fingerprint=b"f")
            await journal.begin(intent)
            if number:  # the first stays in doubt
                await journal.end(intent, b"1", None)
        for seconds, calls, results in ((150, 5, 0), (200, 1, 0)):
            desk.clock.advance(seconds)
            await desk.store.beat()
            count = "select count(*), count(result) from hardpoint_call"
            assert desk.query(count) == [(calls, results)]
        journal.leave(Intent(scope="texts:send", key="k0", fingerprint=b"f"))

    pg.play(story)
    assert [told.calls for told in pg.heard(Retained)] == [4, 4]


def contents(desk):
    return desk.query("select count(*) from hardpoint_content")[0][0]


def test_one_process_at_a_time_sweeps(pg):
    pg.settings |= {"retention": KEEP}

    async def story(desk):
        await desk.complete(await desk.leased("evt_1"))
        desk.clock.advance(150)
        with psycopg.connect(pg.database.url) as beside:
            beside.execute(
                "select pg_advisory_xact_lock(hashtextextended('hardpoint retention', 0))"
            )
            await desk.store.beat()
        assert contents(desk) == 1
        desk.clock.advance(50)
        await desk.store.beat()
        assert contents(desk) == 0

    pg.play(story)
    assert len(pg.heard(Retained)) == 1


def test_a_beat_that_fails_is_told_and_the_next_one_comes(cut_off, wire):
    cut_off.limits |= {"expires": 0.2, "connect": 0.5}

    async def story(desk):
        wire.fall()
        async with asyncio.timeout(20):
            while not cut_off.heard(BatchFailed):
                await asyncio.sleep(0.01)
        wire.down = False
        async with asyncio.timeout(20):
            while True:
                try:
                    await desk.store.beat()
                    break
                except StoreUnavailableError:
                    await asyncio.sleep(0.01)

    cut_off.play(story)
    assert {told.kind for told in cut_off.heard(BatchFailed)} == {"upkeep"}
