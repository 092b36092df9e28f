"""Looking into a store on PostgreSQL."""

import psycopg
import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.traces import Place
from hardpoint.store.driver import Outcome
from hardpoint.store.postgres.reader import PostgresReader
from hardpoint.store.views import State


async def filled(desk):
    """One event in each state."""
    await desk.complete(await desk.leased("done"))
    await desk.complete(await desk.leased("skipped", type="odd.type"), Outcome.SKIPPED)
    await desk.accept("unheard", handlers=(), type="a[b]c")
    place = Place("shop", 7, "paid")
    await desk.complete(await desk.leased("dead"), Outcome.DEAD, error="boom", place=place)
    await desk.complete(await desk.leased("parked"), Outcome.NEEDS_RECONCILE)
    await desk.accept(None, b"{", malformed="not JSON")
    await desk.accept("waits", source="shop")


def test_what_there_is_is_listed_counted_and_shown(pg):
    async def story(desk):
        await filled(desk)
        reader = desk.look()

        def names(**wanted):
            return [row.vendor_id for row in reader.events(**wanted)]

        everything = names()
        assert everything == ["waits", None, "parked", "dead", "unheard", "skipped", "done"]
        for state, found in {
            State.DONE: ["done"],
            State.SKIPPED: ["unheard", "skipped"],
            State.DEAD: ["dead"],
            State.NEEDS_RECONCILE: ["parked"],
            State.QUARANTINED: [None],
            State.PENDING: ["waits"],
        }.items():
            assert names(state=state) == found
            assert reader.counts()[state] == len(found)
        assert reader.counts()["total"] == 7
        assert names(source="shop") == ["waits"]
        assert names(limit=2) == everything[:2]
        before = reader.events(limit=2)[-1].id
        assert names(before=before, limit=2) == everything[2:4]
        assert names(event_type="odd.*") == names(event_type="o??.type") == ["skipped"]
        assert names(event_type="[no]dd.t[!a]pe") == ["skipped"]
        assert names(event_type="a[[]b]c") == ["unheard"]
        assert names(event_type="oddxtype") == []
        (view,) = reader.event("dead")
        assert reader.event(view.summary.id) == [view]
        assert (view.body, view.headers) == (b"{}", {"content-type": "application/json"})
        assert view.attempts[0].place == view.dead[0].place == Place("shop", 7, "paid")
        assert reader.event("waits")[0].jobs[0].running is False
        assert [letter.vendor_id for letter in reader.dead_letters()] == ["parked", "dead"]
        ids = [row.id for row in reader.events()]
        short = reader.short_ids(ids)
        assert all(list(reader.beginning(short[one], limit=2)) == [one] for one in ids)
        assert set(reader.beginning(ids[0][:8], limit=10)) == set(ids)
        assert reader.beginning(ids[0][:14], limit=2)
        assert reader.beginning("not hex", limit=2) == []
        reader.close()

    pg.play(story)


def test_without_its_body_an_event_is_shown_all_the_same(pg):
    async def story(desk):
        await desk.accept("evt_1")
        pg.database.beside.execute("delete from hardpoint.content")
        reader = desk.look()
        (view,) = reader.event("evt_1")
        assert (view.body, view.headers, view.body_bytes) == (None, {}, 2)
        reader.close()

    pg.play(story)


def test_a_look_that_takes_too_long_is_given_up(pg):
    reader = PostgresReader(pg.database.url, seconds=0.2)
    with psycopg.connect(pg.database.url) as beside:
        beside.execute("lock table hardpoint.event in access exclusive mode")
        with pytest.raises(StoreUnavailableError, match=r"more than 0\.2 s"):
            reader.counts()
    assert reader.counts()["total"] == 0
    reader.close()


def test_a_database_without_a_store_or_without_an_answer_is_unavailable(pg, wire):
    reader = PostgresReader(wire.url)
    wire.fall()
    with pytest.raises(StoreUnavailableError, match="cannot be read"):
        reader.counts()
    reader.close()
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        PostgresReader(wire.url)
    pg.database.beside.execute("drop schema hardpoint cascade")
    try:
        with pytest.raises(StoreUnavailableError, match="holds no store"):
            PostgresReader(pg.database.url)
    finally:
        pg.database.reset()
