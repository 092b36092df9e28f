"""Users' writes in the transaction that completes a job."""

import asyncio
import time

import asyncpg
import pytest

from hardpoint.core.errors import MisuseError, TimedOutError
from hardpoint.store.driver import Completed
from hardpoint.store.events import WriteWasSlow

TABLE = "create table if not exists orders (id integer primary key, paid boolean default false)"


def plain(tx):
    tx.execute(TABLE)
    tx.executemany("insert into orders values ($1)", [(1,), (2,)])


async def awaiting(tx):
    await tx.execute(TABLE)
    made = await tx.executemany("insert into orders values ($1) returning id", [(1,), (2,)])
    assert (made.rowcount, made.fetchone()["id"], [row["id"] for row in made]) == (2, 1, [2])
    found = await tx.execute("select id from orders where id > $1", [0])
    assert [row["id"] for row in found.fetchall()] == [1, 2]
    tx.execute("update orders set paid = true")


def giving_a_coroutine(tx):
    return awaiting(tx)


@pytest.mark.parametrize(
    "write",
    [plain, awaiting, giving_a_coroutine, lambda tx: [plain(tx), tx.execute("select 1")][1]],
)
def test_each_kind_of_function_writes_with_the_completion(pg, write):
    async def story(desk):
        lease = await desk.leased()
        assert await desk.complete(lease, writes=(write,)) is Completed.RECORDED
        assert desk.query("select count(*) from orders") == [(2,)]
        assert await desk.complete(lease, writes=(write,)) is Completed.REFUSED

    pg.play(story)


def read_unawaited(tx):
    return tx.execute("select 1").rowcount


def iterated_unawaited(tx):
    return [*tx.execute("select 1")]


def by_name(tx):
    tx.execute("select $1", {"a": 1})


def controls(tx):
    tx.execute(" -- a comment\n/* and another */ COMMIT")


def wrong(tx):
    tx.execute("select nonsense")


def for_sqlite_alone(tx):
    tx.execute("insert into orders values (?)", [3])


@pytest.mark.parametrize(
    ("write", "error", "says"),
    [
        (read_unawaited, MisuseError, "write `async def`"),
        (iterated_unawaited, MisuseError, "write `async def`"),
        (by_name, MisuseError, "by position"),
        (controls, MisuseError, "may not begin, commit"),
        (wrong, Exception, "nonsense"),
        (for_sqlite_alone, Exception, "syntax error"),
    ],
)
def test_what_cannot_work_undoes_the_completion_and_says_why(pg, write, error, says):
    async def story(desk):
        lease = await desk.leased()
        with pytest.raises(error, match=says):
            await desk.complete(lease, writes=(plain, write))
        assert desk.query("select to_regclass('orders')") == [(None,)]
        assert await desk.complete(lease) is Completed.RECORDED

    pg.play(story)


def test_a_function_that_takes_too_long_is_given_up(pg):
    pg.limits |= {"write_seconds": 0.2}

    async def story(desk):
        lease = await desk.leased()

        async def waits(tx):
            await tx.execute("select pg_sleep(20)")

        def sleeps(tx):
            time.sleep(0.5)

        for slow in (waits, sleeps):
            with pytest.raises(TimedOutError, match="too long"):
                await desk.complete(lease, writes=(slow,))
        assert await desk.complete(lease) is Completed.RECORDED

    pg.play(story)


def test_a_function_whose_connection_ends_runs_again_on_another(pg):
    async def story(desk):
        lease = await desk.leased()
        runs = []

        async def writes(tx):
            runs.append(1)
            await tx.execute(TABLE)
            if len(runs) == 1:
                tx._connection.terminate()
            await tx.execute("insert into orders values (1)")

        assert await desk.complete(lease, writes=(writes,)) is Completed.RECORDED
        assert len(runs) == 2
        assert desk.query("select count(*) from orders") == [(1,)]

    pg.play(story)


def test_functions_that_hold_the_database_up_are_told_of(pg):
    pg.limits |= {"write_slow": 5.0}

    async def story(desk):
        lease = await desk.leased()

        async def slow(tx):
            desk.clock.advance(10)

        await desk.complete(lease, writes=(slow,))

    pg.play(story)
    assert [told.seconds for told in pg.heard(WriteWasSlow)] == [10.0]


def test_two_that_wait_for_each_other_are_both_recorded(pg):
    async def story(desk):
        first, second = await desk.leases(2)
        await desk.complete(await desk.leased("evt_9"), writes=(plain,))
        met = asyncio.Barrier(2)
        tried = []

        def writing(one, other):
            async def write(tx):
                await tx.execute("update orders set paid = true where id = $1", [one])
                if len(tried) < 2:
                    tried.append(one)
                    await met.wait()
                await tx.execute("update orders set paid = true where id = $1", [other])

            return write

        ended = await asyncio.gather(
            desk.complete(first, writes=(writing(1, 2),)),
            desk.complete(second, writes=(writing(2, 1),)),
        )
        assert ended == [Completed.RECORDED] * 2

    pg.limits |= {"write_seconds": 10.0}
    pg.play(story)


def test_a_statement_whose_table_has_changed_fails_once_and_is_prepared_anew(pg):
    pg.limits |= {"writers": 1, "write_seconds": 30.0}

    async def story(desk):
        async def look(tx):
            await tx.execute("select * from orders")

        await desk.complete(await desk.leased("evt_1"), writes=(plain, look))
        pg.database.beside.execute("alter table orders add column note text")
        lease = await desk.leased("evt_2")
        with pytest.raises(asyncpg.InvalidCachedStatementError):
            await desk.complete(lease, writes=(look,))
        assert await desk.complete(lease, writes=(look,)) is Completed.RECORDED

    pg.play(story)


def test_however_many_different_statements_there_are_each_is_carried_out(pg):
    pg.limits |= {"writers": 1, "write_seconds": 30.0}

    def write(tx):
        for number in range(120):
            tx.execute(f"select {number}")

    async def story(desk):
        for name in ("evt_1", "evt_2"):
            lease = await desk.leased(name)
            assert await desk.complete(lease, writes=(write,)) is Completed.RECORDED

    pg.play(story)
