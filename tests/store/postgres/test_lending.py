"""`job.transaction`: a block on a connection of the store's own; the role that writes run as."""

import asyncio
import os
from contextlib import suppress

import asyncpg
import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    LeaseLostError,
    MisuseError,
    StoreError,
    StoreMisuseError,
    StoreUnavailableError,
    UnsupportedError,
)
from hardpoint.store.driver import Completed, SqlWrite, WriteFailedError
from hardpoint.store.postgres.opening import PostgresEngine
from hardpoint.store.sqlite.opening import SqliteEngine
from hardpoint.webhooks.job import Job

ROLE = f"hardpoint_writer_{os.getpid()}"
PAY = "insert into orders (id) values ($1)"


@pytest.fixture
def pg(pg):
    pg.kind = PostgresEngine
    pg.database.beside.execute("create table orders (id integer)")
    return pg


async def job_of(desk, *arguments):
    return Job(await desk.leased(*arguments), desk.store.complete_in, started_at=1.0)


async def paying(job, then):
    """Pay in a block, and do something else in it."""
    async with job.transaction() as tx:
        await tx.execute(PAY, [1])
        await then(tx)


async def raise_it(_):
    raise LookupError


def orders(desk):
    rows = desk.stage.database.beside.execute("select id from orders order by id").fetchall()
    return [number for (number,) in rows]


def test_what_it_writes_and_the_completion_are_one(pg):
    async def story(desk):
        job = await job_of(desk)
        async with job.transaction() as tx:
            await tx.execute(PAY, [1])
            row = (await tx.execute("select count(*) from orders")).fetchone()
            assert row[0] == 1
            await asyncio.sleep(0)  # it may do other work meanwhile
            tx.executemany(PAY, [(2,), (3,)])  # nobody awaits it: it is carried out at the end
            assert orders(desk) == []
        assert job.completed
        assert orders(desk) == [1, 2, 3]
        assert await desk.complete(job.lease) is Completed.REFUSED
        with pytest.raises(StoreMisuseError, match="has ended"):
            tx.execute(PAY, [4])

    pg.play(story)


def test_what_is_raised_undoes_both_and_the_connection_is_lent_again(pg):
    pg.limits |= {"blocks": 1}

    async def story(desk):
        for number in range(3):
            job = await job_of(desk, f"evt_{number}")
            with pytest.raises(LookupError):
                await paying(job, raise_it)
            assert not job.completed
            assert await desk.complete(job.lease) is Completed.RECORDED
        assert orders(desk) == []
        job = await job_of(desk, "evt_last")
        async with job.transaction() as tx:
            tx.execute(PAY, [1])
        assert orders(desk) == [1]

    pg.play(story)


def test_a_lost_lease_undoes_everything(pg):
    async def story(desk):
        job = await job_of(desk)
        with pytest.raises(LeaseLostError):
            await paying(job, lambda _: desk.store.release_all())
        assert orders(desk) == []

    pg.play(story)


def test_a_failed_statement_that_is_swallowed_is_told(pg):
    async def story(desk):
        job = await job_of(desk)

        async def swallow(tx):
            with suppress(asyncpg.UndefinedTableError):
                await tx.execute("select * from nowhere")

        with pytest.raises(StoreError, match="a statement in it has failed"):
            await paying(job, swallow)
        with pytest.raises(MisuseError, match="completes once"):
            job.transaction()

    pg.play(story)


def test_statements_that_are_awaited_together_come_one_after_another(pg):
    async def story(desk):
        job = await job_of(desk)
        async with job.transaction() as tx:
            await asyncio.gather(*(tx.execute(PAY, [number]) for number in range(5)))
        assert orders(desk) == [0, 1, 2, 3, 4]

    pg.play(story)


def test_more_blocks_than_connections_wait_and_who_gives_up_waiting_leaves_none_behind(pg):
    pg.limits |= {"blocks": 1}

    async def story(desk):
        first, second, third = [await job_of(desk, f"evt_{number}") for number in range(3)]

        async def pay(job, number):
            async with job.transaction() as tx:
                await tx.execute(PAY, [number])

        async with first.transaction() as tx:
            waiting = asyncio.create_task(pay(second, 2))
            patient = asyncio.create_task(pay(third, 3))
            await tx.execute(PAY, [1])
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await patient
        assert orders(desk) == [1, 3]
        assert await desk.complete(second.lease) is Completed.RECORDED

    pg.play(story)


def test_a_connection_that_is_lost_completes_nothing(pg):
    async def story(desk):
        job = await job_of(desk)
        end = "select pg_terminate_backend(pg_backend_pid())"
        with pytest.raises(StoreUnavailableError):
            await paying(job, lambda tx: tx.execute(end))
        assert orders(desk) == []
        assert await desk.complete(job.lease) is Completed.RECORDED

    pg.play(story)


def test_a_database_that_is_away_lends_nothing(pg, wire):
    pg.url = wire.url

    async def story(desk):
        job = await job_of(desk)
        wire.fall()
        with pytest.raises(StoreUnavailableError):
            async with job.transaction():
                raise AssertionError
        wire.down = False

    pg.play(story)


def test_what_is_no_server_lends_nothing_and_is_named(pg, wire):
    pg.url = wire.url

    async def story(desk):
        job = await job_of(desk)
        wire.pooled = True
        with pytest.raises(ConfigurationError, match="pooler"):
            await paying(job, raise_it)
        wire.pooled = False
        assert await desk.complete(job.lease) is Completed.RECORDED

    pg.play(story)


def test_a_store_that_was_closed_within_the_block_takes_nothing(pg):
    async def scene():
        store = await pg.opened()
        job = await job_of(pg.desk(store))
        with pytest.raises(StoreUnavailableError):
            await paying(job, lambda _: store.close())
        with pytest.raises(StoreUnavailableError):
            store.lent()

    asyncio.run(scene())


def test_on_sqlite_it_says_what_to_use(stage):
    async def story(desk):
        engine = SqliteEngine(stage.path.with_name("other.db"))
        job = Job(await desk.leased(), engine.complete_in, started_at=1.0)
        with pytest.raises(UnsupportedError, match=r"Use job\.write"):
            job.transaction()
        with pytest.raises(MisuseError, match="None in place of a connection"):
            job.complete_in(None)

    stage.play(story)


# The role that writes run as


@pytest.fixture
def written_by(pg):
    """A role of the application's, whose tables are found in a schema of its own."""
    beside = pg.database.beside
    beside.execute(
        f"create role {ROLE};"
        f"create schema shop authorization {ROLE};"
        f"create table shop.paid (id integer, who text default current_user);"
        f"grant all on shop.paid to {ROLE};"
        f"alter role {ROLE} set search_path = shop"
    )
    pg.settings |= {"write_role": ROLE}
    yield pg
    beside.execute(f"drop schema shop cascade; drop owned by {ROLE}; drop role {ROLE}")


def paid(desk):
    rows = desk.stage.database.beside.execute("select id, who from shop.paid order by id")
    return rows.fetchall()


INSERT = "insert into paid (id) values ($1)"


def test_every_kind_of_write_runs_as_that_role_and_finds_its_tables(written_by):
    async def awaiting(tx):
        await tx.execute(INSERT, [2])

    async def story(desk):
        leases = await desk.leases(5)
        await desk.complete(leases[0], writes=(lambda tx: tx.execute(INSERT, [1]),))
        await desk.complete(leases[1], writes=(awaiting,))
        await asyncio.gather(
            *(
                desk.complete(lease, writes=(SqlWrite(INSERT, (number,)),))
                for number, lease in enumerate(leases[2:4], 3)
            )
        )
        job = Job(leases[4], desk.store.complete_in, started_at=1.0)
        async with job.transaction() as tx:
            await tx.execute(INSERT, [5])
        assert job.completed
        assert paid(desk) == [(number, ROLE) for number in range(1, 6)]

    written_by.play(story)


@pytest.mark.parametrize(
    "sql",
    [
        "delete from hardpoint.job",
        "reset role",
        "set local role postgres",
        "set session authorization postgres",
        "discard all",
    ],
)
def test_that_role_cannot_reach_our_tables_nor_become_another(written_by, sql):
    async def story(desk):
        lease = await desk.leased()
        with pytest.raises((asyncpg.InsufficientPrivilegeError, MisuseError)):
            await desk.complete(lease, writes=(lambda tx: tx.execute(sql),))
        assert await desk.complete(lease) is Completed.RECORDED

    written_by.play(story)


def test_a_role_without_a_search_path_keeps_the_one_there_is(written_by):
    written_by.database.beside.execute(
        f"alter role {ROLE} reset search_path; grant all on orders to {ROLE}"
    )

    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, writes=(SqlWrite(PAY, (1,)),))
        assert orders(desk) == [1]

    written_by.play(story)


def test_a_role_that_is_not_there_is_an_error_of_the_write(pg):
    pg.settings |= {"write_role": "nobody_of_ours"}

    async def story(desk):
        lease = await desk.leased()
        for write in (SqlWrite(PAY, (1,)), lambda tx: tx.execute(PAY, [1])):
            with pytest.raises(WriteFailedError, match="write function") as caught:
                await desk.store.complete(desk.ending(lease, writes=(write,)))
            assert "nobody_of_ours" in str(caught.value.error)
        assert orders(desk) == []

    pg.play(story)
