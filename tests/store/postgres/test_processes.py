"""Several processes on one database: who lives, who is judged, and what is freed."""

import asyncio

import pytest

from hardpoint.store.driver import Completed, Outcome
from hardpoint.store.engine import Role


class Crew:
    """Stores of one database, as so many processes have them."""

    def __init__(self, stage, stores):
        self.stage = stage
        self.stores = stores
        self.desks = [stage.desk(store) for store in stores]

    async def beat(self, *who, times=1):
        for _ in range(times):
            for index in who:
                await self.stores[index].beat()


@pytest.fixture
def crew(postgres_stage):
    """Plays a story with so many processes; their regular beats are too rare to matter."""
    stage = postgres_stage
    stage.limits |= {"expires": 60.0}

    def play(story, count=2):
        async def scene():
            stores = [stage.build() for _ in range(count)]
            for store in stores:
                await store.open()
            try:
                await story(Crew(stage, stores))
            finally:
                for store in stores:
                    await store.close()

        asyncio.run(scene())

    play.stage = stage
    return play


def age_server(stage):
    """The database has been up for long: `pg_postmaster_start_time` cannot be moved."""
    stage.limits |= {"expires": 1.0}
    stage.database.grow_old(1.1)


def test_the_opening_of_another_process_touches_nobodys_lease(crew):
    async def story(crew):
        lease = await crew.desks[0].leased()
        assert await crew.stores[1].renew([("not", "a", 1)][:0]) == []
        assert await crew.desks[1].claim() == []
        assert await crew.desks[1].suspect() is None
        assert await crew.stores[1].next_due(["mark_paid"]) is None
        assert await crew.desks[0].complete(lease) is Completed.RECORDED

    crew(story)


def test_an_operator_beside_them_moves_nobodys_lease(crew):
    async def story(crew):
        dead = await crew.desks[0].leased("evt_1")
        await crew.desks[0].complete(dead, Outcome.DEAD)
        held = [await crew.desks[0].leased("evt_2"), await crew.desks[1].leased("evt_3")]
        leases = "select event, owner, fence from hardpoint_job where owner is not null order by 1"
        before = crew.desks[0].query(leases)
        operator = crew.stage.build()
        await operator.open(Role.OPERATE)
        assert await operator.retry(dead.event.id, "mark_paid", actor="ann") == 1
        assert await operator.replay(held[0].event.id, ["mark_paid"], actor="ann") == 0
        await operator.close()
        assert crew.desks[0].query(leases) == before
        assert crew.desks[0].query("select count(*) from hardpoint_process") == [(2,)]
        for desk, lease in zip(crew.desks, held, strict=True):
            assert await desk.complete(lease) is Completed.RECORDED

    crew(story)


def test_what_a_silent_process_held_is_freed_and_suspect(crew):
    age_server(crew.stage)

    async def story(crew):
        marked = await crew.desks[0].leased("evt_1")
        assert await crew.stores[0].mark_started(marked)
        await crew.desks[0].leased("evt_2")
        silence(crew, crew.stores[0])
        await crew.beat(1, times=3)
        first = await crew.desks[1].suspect()
        second = await crew.desks[1].suspect()
        assert [first.event.vendor_id, second.event.vendor_id] == ["evt_2", "evt_1"]
        assert [first.crashes, second.crashes] == [0, 1]
        # The first process comes back: all it still does is refused.
        assert await crew.desks[0].complete(marked) is Completed.REFUSED
        assert await crew.desks[0].complete(marked, Outcome.FAILED) is Completed.REFUSED
        name = (marked.event.id, "mark_paid", marked.fence)
        await crew.beat(0)
        assert await crew.stores[0].renew([name]) == [name]

    crew(story)


def silence(crew, store):
    """It beats no more, and has been silent for long."""
    session = store._opened.session
    session._life.get_loop().call_soon_threadsafe(session._life.cancel)
    crew.stage.database.beside.execute(
        "update hardpoint.process set beat_at = 0 where id = %s::uuid", (session.owner,)
    )


def test_who_did_not_beat_on_time_itself_judges_nobody(crew):
    age_server(crew.stage)

    async def story(crew):
        silence(crew, crew.stores[1])
        await crew.desks[0].leased()
        crew.desks[1].clock.advance(100)
        await crew.beat(1)
        silence(crew, crew.stores[0])
        for _ in range(3):
            crew.desks[1].clock.advance(100)  # its own beats come late
            await crew.beat(1)
        assert await crew.desks[1].suspect() is None
        await crew.beat(1, times=2)
        assert await crew.desks[1].suspect() is not None

    crew(story)


def test_who_could_not_beat_takes_all_it_holds_for_lost(crew):
    async def story(crew):
        lease = await crew.desks[0].leased()
        name = (lease.event.id, lease.handler, lease.fence)
        assert list(await crew.stores[0].renew([name])) == []
        crew.desks[0].clock.advance(59)
        assert list(await crew.stores[0].renew([name])) == [name]
        await crew.beat(0)
        assert list(await crew.stores[0].renew([name])) == []

    crew(story)


def test_what_it_took_for_lost_and_nobody_took_is_done_by_the_next(crew):
    async def story(crew):
        lease = await crew.desks[0].leased("evt_1")
        kept = await crew.desks[0].leased("evt_2")
        crew.desks[0].clock.advance(59)
        name = (lease.event.id, lease.handler, lease.fence)
        assert list(await crew.stores[0].renew([name])) == [name]
        await crew.beat(0)
        assert await crew.desks[1].claim() == []  # its attempt has time to end
        crew.desks[0].clock.advance(20)
        await crew.beat(0)
        (again,) = await crew.desks[1].claim()
        assert again.event.id == lease.event.id
        assert await crew.desks[0].complete(lease) is Completed.REFUSED
        assert await crew.desks[0].complete(kept) is Completed.RECORDED
        assert await crew.desks[1].complete(again) is Completed.RECORDED

    crew(story)


def test_a_process_that_ends_gives_back_what_it_held_and_no_more(crew):
    async def story(crew):
        await crew.desks[0].accept("evt_1")
        await crew.desks[0].accept("evt_2")
        (mine,) = await crew.desks[0].claim(1)
        (other,) = await crew.desks[1].claim(1)
        await crew.stores[1].close()
        (again,) = await crew.desks[0].claim()
        assert (again.event.id, again.suspect) == (other.event.id, False)
        assert await crew.desks[0].complete(mine) is Completed.RECORDED

    crew(story)
