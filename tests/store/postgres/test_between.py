"""What others do between two statements of ours, and what a connection does at its end."""

import asyncio
import queue

import asyncpg
import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Stored
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.postgres.connections import Link
from hardpoint.store.postgres.thread import Batches, DatabaseThread

HELLO = Intent(scope="texts:send", key="k1", fingerprint=b"hello")


class Between:
    """A connection on which something happens before or after the first look of a kind.

    Args:
        connection: to the database.
        sql: what the look says among other things.
        happens: with the connection, once.
        skip: so many looks before that.
    """

    def __init__(self, connection, sql, happens, skip=0):
        self._connection, self._sql, self._happens, self._skip = connection, sql, happens, skip

    def __getattr__(self, name):
        return getattr(self._connection, name)

    async def fetchrow(self, sql, *values):
        found = await self._connection.fetchrow(sql, *values)
        if self._sql in sql and self._happens is not None:
            if not self._skip:
                happens, self._happens = self._happens, None
                await happens(self._connection)
                return await self._connection.fetchrow(sql, *values) if found else found
            self._skip -= 1
        return found


async def on_the_thread(store, work):
    return await asyncio.wrap_future(store._opened.thread.submit(work(store._opened.session)))


def test_a_repeat_that_retention_takes_just_then_is_stored_again(pg):
    async def story(desk):
        await desk.accept("evt_1", asserted=True)
        other = desk.make("evt_2", asserted=True)
        swept_away = []

        async def swept(connection):
            gone = [
                await connection.execute(
                    f"delete from hardpoint.{table} where {column} = $1", other.id
                )
                for table, column in (("content", "event"), ("event", "id"))
            ]
            assert gone == ["DELETE 1", "DELETE 1"]
            swept_away.append(other.id)

        async def accepted(session):
            async def store(connection):
                between = Between(connection, "select id, dedupe", swept, skip=2)
                return await session._accepts.store(between, [other])

            return await session._accepting.run(store)

        (answer,) = await on_the_thread(desk.store, accepted)
        assert (answer.stored, answer.id) == (Stored.QUARANTINED, other.id)
        assert swept_away == [other.id]

    pg.play(story)


def test_of_two_that_begin_a_call_at_once_the_second_finds_the_first(pg):
    async def story(desk):
        other = await pg.opened()
        rival = pg.journal(other)

        async def begun(connection):
            assert (await rival.begin(HELLO)).standing is Standing.NEW

        async def begin(session):
            async def once(connection):
                return await session.calls.begin(Between(connection, "", begun), HELLO, 1)

            return await session._journalling.run(once)

        assert (await on_the_thread(desk.store, begin)).standing is Standing.BUSY
        rival.free(HELLO)
        await other.close()

    pg.play(story)


def test_what_is_taken_for_lost_while_others_are_given_back_has_its_own_time(pg):
    async def story(desk):
        session = desk.store._opened.session
        jobs, later = session.jobs, []

        class Forsaking:
            async def give_strays_back(self, connection, held):
                await jobs.give_strays_back(connection, held)
                await session.forsake([("e", "h", 1)])
                later.append(session._strays)
                session.jobs = jobs

        async def forsake(session):
            await session.forsake([])

        await on_the_thread(desk.store, forsake)
        session.jobs = Forsaking()
        desk.clock.advance(50)
        await desk.store.beat()
        assert later == [session._strays]
        desk.clock.advance(50)
        await desk.store.beat()
        assert session._strays is None

    pg.play(story)


def test_what_was_leased_for_somebody_who_has_gone_is_held_no_more(pg):
    async def story(desk):
        lease = await desk.leased()
        name = (lease.event.id, lease.handler)

        async def give_back(session):
            assert name in session._held
            await session.give_back([lease])
            return name in session._held

        assert not await on_the_thread(desk.store, give_back)
        (again,) = await desk.claim()
        assert again.event.id == lease.event.id

    pg.play(story)


def test_what_the_server_undoes_again_and_again_is_given_up(pg):
    async def undone(connection):
        raise asyncpg.DeadlockDetectedError("deadlock detected")

    async def scene():
        link = Link(pg.url, seconds=20, answer=20)
        with pytest.raises(StoreUnavailableError, match="deadlock detected"):
            await link.run(undone)
        await link.close()

    asyncio.run(scene())


def test_a_database_that_there_is_not_is_named(pg):
    name = pg.database.beside.info.dbname
    pg.url = pg.url.replace(f"/{name}", "/nowhere_at_all")
    with pytest.raises(StoreUnavailableError, match='"nowhere_at_all" does not exist'):
        asyncio.run(pg.opened())


def test_a_server_that_does_not_say_goodbye_is_left_all_the_same(pg, wire):
    async def scene():
        link = Link(wire.url, seconds=20, answer=20)
        connection = await link.connected()
        wire.lingers = True
        link._seconds = 0.01
        await link.close()
        assert connection.is_closed()

    asyncio.run(scene())


def test_what_is_too_large_to_go_together_goes_one_by_one():
    groups, answers = [], queue.SimpleQueue()

    async def carried_out(items):
        groups.append(items)
        return items

    thread = DatabaseThread()
    batches = Batches(thread, carried_out, rows=10, size=10)
    for item, size in (("a", 8), ("b", 8), ("c", 1)):
        batches.put(item, answers.put, at=0.0, size=size)
    thread.start()
    assert [answers.get(timeout=20) for _ in range(3)] == ["a", "b", "c"]
    assert groups == [["a"], ["b", "c"]]
    thread.stop()


def test_what_is_to_be_stored_after_the_end_is_refused():
    async def nothing(items):
        return items

    thread = DatabaseThread()
    thread.start()
    batches = Batches(thread, nothing, rows=1, size=1)
    thread.submit(batches.end()).result(20)
    with pytest.raises(StoreUnavailableError, match="was closed"):
        batches.put("evt_1", print, at=0.0)
    thread.stop()
