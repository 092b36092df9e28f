"""What is told of a batch while it waits for the database, and why it waits."""

import asyncio
from contextlib import closing

import psycopg
import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Completed, Stored
from hardpoint.store.events import BatchStalled

PATIENCE = 20.0
BUSY = "while clock_timestamp() < now() + interval '1 second' loop null; end loop"


async def stalled(stage):
    """The first that is told."""
    async with asyncio.timeout(PATIENCE):
        while not (told := stage.heard(BatchStalled)):
            await asyncio.sleep(0.02)
    return told[0]


@pytest.fixture
def slowly(pg):
    """Has each event take what a statement takes; other events do not pass meanwhile."""
    beside = pg.database.beside

    def made(statement):
        beside.execute(
            "create function pg_temp_slow() returns trigger language plpgsql as"
            f" $$ begin {statement}; return null; end $$"
        )
        beside.execute(
            "create trigger slow after insert on hardpoint.event execute function pg_temp_slow()"
        )

    yield made
    beside.execute("drop function pg_temp_slow cascade")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("perform pg_sleep(0.5)", "it waits for Timeout PgSleep"),
        (BUSY, "the server is busy with it"),
    ],
)
def test_a_batch_that_takes_long_is_told_of_with_what_the_server_does(
    pg, slowly, statement, reason
):
    pg.limits |= {"stalled": 0.1}
    slowly(statement)

    async def story(desk):
        assert (await desk.accept("evt_1")).stored is Stored.NEW

    pg.play(story)
    first, *others = pg.heard(BatchStalled)
    assert (first.kind, first.rows, first.seconds, first.reason) == ("accept", 1, 0.1, reason)
    assert first.severity == "warning"
    assert {one.severity for one in others if one.reason == reason} <= {"debug"}


def test_who_has_the_lock_is_named_and_it_is_told_no_more_once_it_is_free(pg):
    pg.limits |= {"stalled": 0.1}

    async def story(desk):
        lease = await desk.leased()
        with closing(psycopg.connect(pg.url, application_name="a report")) as holder:
            holder.execute("lock table hardpoint.attempt in exclusive mode")
            ending = asyncio.create_task(desk.complete(lease))
            told = await stalled(pg)
            process = holder.info.backend_pid
        assert await ending is Completed.RECORDED
        assert told.kind == "job"
        assert told.reason == f"it waits for a lock that a report (server process {process}) has"
        known = len(pg.heard(BatchStalled))
        await asyncio.sleep(0.3)
        assert len(pg.heard(BatchStalled)) == known

    pg.play(story)


def test_a_database_that_cannot_be_asked_is_told_of_too(cut_off, wire):
    cut_off.limits |= {"stalled": 0.1}

    async def story(desk):
        await desk.accept("evt_0")
        with closing(psycopg.connect(cut_off.database.url)) as holder:
            holder.execute("lock table hardpoint.event in exclusive mode")
            storing = asyncio.create_task(desk.accept("evt_1"))
            wire.down = True  # for connections yet to be made
            assert (await stalled(cut_off)).reason == "the database gives no answer"
            wire.down = False
        assert (await storing).stored is Stored.NEW

    cut_off.play(story)


def test_a_database_that_cannot_be_reached_is_told_of_before_it_is_given_up(cut_off, wire):
    cut_off.limits |= {"stalled": 0.1, "pending_seconds": 0.5}

    async def story(desk):
        await desk.accept("evt_1")
        wire.fall()
        answer = await desk.submit(desk.make("evt_2"))
        assert isinstance(answer, StoreUnavailableError)
        wire.down = False

    cut_off.play(story)
    (told, *_) = cut_off.heard(BatchStalled)
    assert told.reason == "no connection to the database could be made yet"
