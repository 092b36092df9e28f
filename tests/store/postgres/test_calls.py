"""The journal of several processes: who makes a call, and what becomes of it when they die."""

import asyncio

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.runtime.blocking import run
from hardpoint.store.engine import Role
from hardpoint.store.events import ResultNotRecorded
from hardpoint.store.journal import Found, Intent, Standing

HELLO = Intent(scope="texts:send", key="k1", fingerprint=b"hello", likeness=b"like")
OTHER = Intent(scope="texts:send", key="k2", fingerprint=b"hello", likeness=b"like")


@pytest.fixture
def crew(pg):
    """Plays a story with the journals of two processes, whose beats come by hand."""

    def play(story):
        async def scene():
            stores = [pg.build(), pg.build()]
            for store in stores:
                await store.open()
                life = store._opened.session._life
                life.get_loop().call_soon_threadsafe(life.cancel)
            try:
                await story(*(pg.journal(store) for store in stores), *stores)
            finally:
                for store in stores:
                    await store.close()

        asyncio.run(scene())

    play.stage = pg
    pg.limits |= {"expires": 1.0}
    pg.database.grow_old(4.1)
    return play


async def standing(journal, intent=HELLO):
    return (await journal.begin(intent)).standing


async def judge(stage, store):
    """Everybody has been silent for long; one comes back, and beats until it may judge."""
    stage.database.beside.execute("update hardpoint.process set beat_at = beat_at - 100")
    for _ in range(5):
        await store.beat()


def test_what_one_process_does_no_other_does_meanwhile(crew):
    async def story(one, two, *_):
        assert await standing(one) is Standing.NEW
        assert await standing(two) is Standing.BUSY
        one.leave(HELLO)
        crew.stage.clock.advance(5)
        entry = await two.begin(HELLO)
        assert (entry.standing, entry.doubt_seconds) == (Standing.OPEN, 5)
        assert await standing(one) is Standing.BUSY
        await two.end(HELLO, b"sent", "SM1")
        assert (await one.begin(HELLO)).result == b"sent"

    crew(story)


def test_a_call_of_a_process_that_died_is_in_doubt_from_then_on(crew):
    async def story(one, two, _, store):
        assert await standing(one) is Standing.NEW
        crew.stage.clock.advance(50)
        await judge(crew.stage, store)
        crew.stage.clock.advance(7)
        entry = await two.begin(HELLO)
        assert (entry.standing, entry.doubt_seconds) == (Standing.OPEN, 7)
        await two.resume(HELLO)
        # The one that was taken for dead was only slow. It has sent, and says so.
        await one.end(HELLO, b"late", "SM1")
        await two.end(HELLO, b"twice", "SM2")
        assert (await one.begin(HELLO)).result == b"late"

    crew(story)


def test_who_was_taken_for_dead_sends_nothing_more_and_frees_nothing(crew):
    async def story(one, two, _, store):
        assert await standing(one) is Standing.NEW
        one.leave(HELLO)
        assert await standing(one) is Standing.OPEN
        await judge(crew.stage, store)
        assert await standing(two) is Standing.OPEN
        with pytest.raises(StoreUnavailableError, match="passed to another process"):
            await one.resume(HELLO)
        one.free(HELLO)
        assert await standing(one) is Standing.BUSY
        two.leave(HELLO)
        crew.stage.clock.advance(0)  # once that is written down
        assert await standing(one) is Standing.OPEN
        one.leave(HELLO)

    crew(story)


def test_scripts_too_short_lived_to_judge_take_what_has_long_been_dead_for_dead(crew):
    async def story(one, two, *_):
        assert await standing(one) is Standing.NEW
        beside = crew.stage.database.beside
        beside.execute("update hardpoint.process set beat_at = beat_at - 3")
        assert await standing(two) is Standing.BUSY
        beside.execute("update hardpoint.process set beat_at = beat_at - 2")
        assert await standing(two) is Standing.OPEN
        two.leave(HELLO)

    crew(story)


def test_what_may_be_another_process_s_effect_is_not_adopted(crew):
    async def story(one, two, *_):
        assert await standing(one) is Standing.NEW
        one.leave(HELLO)
        assert await standing(one) is Standing.OPEN
        assert await standing(two, OTHER) is Standing.NEW
        found = [Found("SM1", b"1")]
        assert (await one.adopt(HELLO, found)).rival
        await two.end(OTHER, b"2", "SM1")
        assert not (await one.adopt(HELLO, found)).rival
        one.leave(HELLO)

    crew(story)


def test_a_process_that_ends_leaves_its_calls_in_doubt_at_once(crew):
    async def story(one, two, store, _):
        assert await standing(one) is Standing.NEW
        await store.close()
        assert await standing(two) is Standing.OPEN
        two.leave(HELLO)

    crew(story)


def test_who_only_keeps_a_journal_lives_from_its_first_call_on(pg):
    store = pg.build()
    processes = "select count(*) from hardpoint.process"
    run(store.ensure_open(Role.OPERATE))
    assert pg.database.beside.execute(processes).fetchone() == (0,)
    journal = pg.journal(store, blocking=True)
    assert run(journal.begin(HELLO)).standing is Standing.NEW
    assert pg.database.beside.execute(processes).fetchone() == (1,)
    run(store.ensure_open(Role.SERVE))
    store.close_blocking()
    assert pg.database.beside.execute(processes).fetchone() == (0,)


def test_an_opened_store_begins_to_live_when_it_is_to_serve(pg):
    async def scene():
        store = pg.build()
        await store.open(Role.OPERATE)
        await store.ensure_open(Role.SERVE)
        found = pg.database.beside.execute("select count(*) from hardpoint.process").fetchone()
        await store.close()
        assert found == (1,)

    asyncio.run(scene())


async def again(store, wire, work):
    """Do it where the answer to its commit is lost."""
    session = store._opened.session
    kept = session.calls.do

    async def cut(connection, step, **options):
        session.calls = kept.__self__
        done = await kept(connection, step, **options)
        connection.terminate()
        raise ConnectionResetError(f"nobody hears {done}")

    class Deaf:
        do = staticmethod(cut)

    session.calls = Deaf
    return await work


@pytest.mark.parametrize("opened_before", [False, True])
def test_a_beginning_whose_answer_is_lost_is_what_it_was(cut_off, wire, opened_before):
    async def story(desk):
        journal = cut_off.journal(desk.store)
        if opened_before:
            assert await standing(journal) is Standing.NEW
            journal.leave(HELLO)
        wanted = Standing.OPEN if opened_before else Standing.NEW
        assert (await again(desk.store, wire, journal.begin(HELLO))).standing is wanted
        journal.leave(HELLO)

    cut_off.play(story)


def test_an_adoption_whose_answer_is_lost_was_one(cut_off, wire):
    async def story(desk):
        journal = cut_off.journal(desk.store)
        assert await standing(journal) is Standing.NEW
        journal.leave(HELLO)
        assert await standing(journal) is Standing.OPEN
        found = Found("SM1", b"1")
        assert await again(desk.store, wire, journal.adopt(HELLO, [found])) == found
        assert (await journal.begin(HELLO)).result == b"1"

    cut_off.play(story)


def test_what_could_not_be_written_down_is_with_the_next_beat(cut_off, wire):
    async def story(desk):
        journal = cut_off.journal(desk.store)
        for intent in (HELLO, OTHER):
            assert await standing(journal, intent) is Standing.NEW
        wire.fall()
        journal.free(HELLO)
        journal.leave(OTHER)
        with pytest.raises(StoreUnavailableError):
            await desk.store.beat()
        wire.down = False
        cut_off.database.clock.advance(0)
        await desk.store.beat()
        assert cut_off.database.beside.execute(
            "select key, doubted_at is null from hardpoint.call"
        ).fetchall() == [("k2", False)]

    cut_off.play(story)


def test_an_end_that_cannot_be_written_down_is_told(cut_off, wire):
    cut_off.limits |= {"pending_seconds": 0.0}

    async def story(desk):
        journal = cut_off.journal(desk.store)
        assert await standing(journal) is Standing.NEW
        wire.fall()
        await journal.end(HELLO, b"1", None)
        wire.down = False
        assert await standing(journal) is Standing.OPEN
        journal.leave(HELLO)

    cut_off.play(story)
    (told,) = cut_off.heard(ResultNotRecorded)
    assert (told.scope, told.key) == ("texts:send", "k1")


def test_a_process_that_could_not_beat_beats_before_it_begins_a_call(pg):
    async def story(desk):
        journal = pg.journal(desk.store)
        assert await standing(journal) is Standing.NEW
        pg.clock.advance(59)
        assert desk.store._opened.session.fenced
        assert await standing(journal, OTHER) is Standing.NEW
        assert not desk.store._opened.session.fenced
        journal.leave(HELLO)
        journal.leave(OTHER)

    pg.play(story)
