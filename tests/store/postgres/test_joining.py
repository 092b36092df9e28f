"""Promise 4 on PostgreSQL: the application's own transaction and the job's completion are one."""

import asyncio
import os
from contextlib import closing, suppress

import asyncpg
import psycopg
import pytest
import sqlalchemy
from django.db import connections
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from tests.store.django_orders import ALIAS, on_postgresql, on_sqlite
from tests.store.joining_suite import JoiningConformance

from hardpoint.core.errors import StoreError, StoreMisuseError, UnsupportedError
from hardpoint.store.driver import Completed
from hardpoint.store.engine import StoreEngine
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.postgres.opening import PostgresEngine
from hardpoint.store.postgres.targets import sqlstate_of

INTENT = Intent(scope="texts:send", key="k", fingerprint=b"f")
PAY = "insert into orders (id) values (1)"


@pytest.fixture
def pg(pg):
    pg.kind = PostgresEngine
    return pg


class Blocking:
    """What is used in a thread, as in a plain def handler."""

    async def run(self, desk, lease, *steps, url=None, before=None):
        return await asyncio.to_thread(self._run, desk, lease, steps, url or desk.stage.url, before)

    def _run(self, desk, lease, steps, url, before):
        with self.opened(url) as target:
            if before is not None:
                self.execute(target, before)
            block = desk.store.complete_in(lease, target, started_at=1.0)
            with block as given:
                assert given is self.given(target)
                self.execute(given, PAY)
                for step in steps:
                    self.execute(given, step) if isinstance(step, str) else step()
            return block.completed

    def given(self, target):
        return target

    def execute(self, target, sql):
        target.execute(sql)


class OfPsycopg(Blocking):
    def opened(self, url):
        return closing(psycopg.connect(url))


class OfAutocommit(Blocking):
    def opened(self, url):
        return closing(psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.dict_row))


class OfSession(Blocking):
    def opened(self, url):
        return Session(sqlalchemy.create_engine(dialect("psycopg", url), poolclass=NO_POOL))

    def execute(self, target, sql):
        target.execute(sqlalchemy.text(sql))


class OfScoped(OfSession):
    def opened(self, url):
        engine = sqlalchemy.create_engine(dialect("psycopg", url), poolclass=NO_POOL)
        made = scoped_session(sessionmaker(engine))
        return closing(made)

    def given(self, target):
        return target()


class OfDjango(Blocking):
    def opened(self, url):
        return closing(on_postgresql(url))

    def given(self, target):
        return connections[ALIAS]

    def execute(self, target, sql):
        with target.cursor() as cursor:
            cursor.execute(sql)


class Awaited:
    """What is used in an async def handler."""

    async def run(self, desk, lease, *steps, url=None, before=None):
        target = await self.opened(url or desk.stage.url)
        try:
            if before is not None:
                await self.execute(target, before)
            block = desk.store.complete_in(lease, target, started_at=1.0)
            async with block as given:
                assert given is target
                await self.execute(given, PAY)
                for step in steps:
                    await self.execute(given, step) if isinstance(step, str) else step()
            return block.completed
        finally:
            await target.close()

    async def execute(self, target, sql):
        await target.execute(sql)


class OfAsyncpg(Awaited):
    async def opened(self, url):
        return await asyncpg.connect(url)


class OfPsycopgAsync(Awaited):
    async def opened(self, url):
        return await psycopg.AsyncConnection.connect(url)


class OfPsycopgAsyncAutocommit(Awaited):
    async def opened(self, url):
        return await psycopg.AsyncConnection.connect(url, autocommit=True)


class OfAsyncSession(Awaited):
    driver = "asyncpg"

    async def opened(self, url):
        return AsyncSession(create_async_engine(dialect(self.driver, url), poolclass=NO_POOL))

    async def execute(self, target, sql):
        await target.execute(sqlalchemy.text(sql))


class OfAsyncSessionOfPsycopg(OfAsyncSession):
    driver = "psycopg"


NO_POOL = sqlalchemy.pool.NullPool
SIDES = [
    OfPsycopg,
    OfAutocommit,
    OfSession,
    OfScoped,
    OfDjango,
    OfAsyncpg,
    OfPsycopgAsync,
    OfPsycopgAsyncAutocommit,
    OfAsyncSession,
    OfAsyncSessionOfPsycopg,
]


def dialect(driver, url):
    return url.replace("postgresql:", f"postgresql+{driver}:")


@pytest.fixture(params=SIDES, ids=lambda side: side.__name__)
def side(request):
    return request.param()


async def with_orders(desk):
    desk.stage.database.beside.execute("create table orders (id integer)")
    return await desk.leased()


def orders(desk):
    return desk.stage.database.beside.execute("select count(*) from orders").fetchone()[0]


@pytest.fixture
def stage(pg):
    return pg


class TestEverySide(JoiningConformance):
    with_orders = staticmethod(with_orders)
    orders = staticmethod(orders)


def test_the_database_of_another_store_is_refused(pg, side):
    beside = pg.database.beside
    (mine,) = beside.execute("select hardpoint.store()").fetchone()

    async def story(desk):
        lease = await with_orders(desk)
        beside.execute("update hardpoint.meta set value = 'another' where name = 'store'")
        with pytest.raises(StoreMisuseError, match="of another store"):
            await side.run(desk, lease)
        beside.execute("update hardpoint.meta set value = %s where name = 'store'", [mine])
        with pytest.raises(StoreMisuseError, match="not on the store's database"):
            await side.run(desk, lease, url=elsewhere(pg))
        assert orders(desk) == 0

    pg.play(story)


def elsewhere(pg):
    start, _, query = pg.url.partition("?")
    return f"{start.rpartition('/')[0]}/postgres?{query}"


def test_a_target_in_a_transaction_is_refused(pg):
    async def story(desk):
        lease = await with_orders(desk)
        for each in (OfPsycopg, OfSession, OfPsycopgAsync, OfAsyncSession):
            with pytest.raises(StoreMisuseError, match="in a transaction already"):
                await each().run(desk, lease, before="select 1")
        for each in (OfAutocommit, OfAsyncpg):
            with pytest.raises(StoreMisuseError, match="in a transaction already"):
                await each().run(desk, lease, before="begin")

    pg.play(story)


def test_a_session_whose_connection_is_in_a_transaction_is_refused(pg):
    engine = sqlalchemy.create_engine(dialect("psycopg", pg.url), poolclass=NO_POOL)

    async def story(desk):
        lease = await with_orders(desk)

        def handler():
            with (
                engine.connect() as connection,
                connection.begin(),
                Session(connection) as session,
                pytest.raises(StoreMisuseError, match="in a transaction already"),
                desk.store.complete_in(lease, session, started_at=1.0),
            ):
                raise AssertionError

        await asyncio.to_thread(handler)

    pg.play(story)


def test_a_block_that_ends_its_transaction_is_told_so(pg, side):
    async def story(desk):
        lease = await with_orders(desk)
        with pytest.raises(StoreError, match="ended its transaction by itself"):
            await side.run(desk, lease, "commit", "select 1")
        assert orders(desk) == 1
        assert await desk.complete(lease) is Completed.RECORDED

    pg.play(story)


def test_a_block_that_swallows_a_failed_statement_is_told_so(pg):
    async def story(desk):
        lease = await with_orders(desk)
        connection = await asyncpg.connect(pg.url)

        async def swallow():
            async with desk.store.complete_in(lease, connection, started_at=1.0):
                with suppress(asyncpg.UndefinedTableError):
                    await connection.execute("select * from nowhere")

        with pytest.raises(StoreError, match="a statement in it has failed"):
            await swallow()
        await connection.close()
        assert await desk.complete(lease) is Completed.RECORDED

    pg.play(story)


def test_a_connection_that_is_lost_in_the_block_completes_nothing(pg):
    end = "select pg_terminate_backend(pg_backend_pid())"

    async def story(desk):
        lease = await with_orders(desk)
        for each in (OfPsycopg, OfAsyncpg, OfPsycopgAsync):
            with pytest.raises((psycopg.OperationalError, asyncpg.PostgresError)):
                await each().run(desk, lease, end)
        assert orders(desk) == 0
        assert await desk.complete(lease) is Completed.RECORDED

    pg.play(story)


def test_a_connection_of_asyncpg_s_pool_is_taken(pg):
    async def story(desk):
        lease = await with_orders(desk)
        async with (
            asyncpg.create_pool(pg.url, min_size=1) as pool,
            pool.acquire() as connection,
            desk.store.complete_in(lease, connection, started_at=1.0) as given,
        ):
            await given.execute(PAY)
        assert orders(desk) == 1
        assert await desk.complete(lease) is Completed.REFUSED

    pg.play(story)


def test_another_error_of_the_completion_comes_out_as_it_is(pg):
    async def story(desk):
        lease = await with_orders(desk)
        beside = pg.database.beside
        beside.execute("alter table hardpoint.attempt add constraint never check (number < 0)")
        try:
            with pytest.raises(asyncpg.CheckViolationError):
                await OfAsyncpg().run(desk, lease)
        finally:
            beside.execute("alter table hardpoint.attempt drop constraint never")

    pg.play(story)


def test_an_error_that_no_server_has_made_has_no_code():
    assert sqlstate_of(LookupError("mine")) is None


def test_blocking_and_awaited_targets_are_not_mistaken_for_each_other(pg):
    async def story(desk):
        lease = await desk.leased()
        with closing(psycopg.connect(pg.url)) as connection:
            block = desk.store.complete_in(lease, connection, started_at=1.0)
            with pytest.raises(StoreMisuseError, match="plain def handler"), block:
                pass
            with pytest.raises(StoreMisuseError, match="`async with` takes what is awaited"):
                await block.__aenter__()
            with connection.pipeline(), pytest.raises(StoreMisuseError, match="pipeline"):
                desk.store.complete_in(lease, connection, started_at=1.0)
        awaited = await asyncpg.connect(pg.url)
        with (
            pytest.raises(StoreMisuseError, match="write `async with`"),
            desk.store.complete_in(lease, awaited, started_at=1.0),
        ):
            pass
        await awaited.close()

    pg.play(story)


def test_anything_else_is_refused_by_name(pg):
    store: StoreEngine = pg.build()
    with pytest.raises(StoreMisuseError, match="not object"):
        store.complete_in(None, object(), started_at=1.0)
    with (
        Session(sqlalchemy.create_engine("sqlite://")) as session,
        pytest.raises(StoreMisuseError, match="the session is for sqlite"),
    ):
        store.complete_in(None, session, started_at=1.0)
    with (
        closing(on_sqlite(":memory:")) as django,
        pytest.raises(StoreMisuseError, match="the connection is for sqlite"),
    ):
        store.complete_in(None, django, started_at=1.0)
    with pytest.raises(UnsupportedError, match="connect with asyncpg"):
        store.connect()
    store.prepare_engine(sqlalchemy.create_engine(dialect("psycopg", pg.url)))
    with pytest.raises(StoreError, match="the store is PostgreSQL"):
        store.prepare_engine(sqlalchemy.create_engine("sqlite://"))


def test_a_closed_store_is_refused_before_anything_begins(pg):
    async def story(desk):
        lease = await with_orders(desk)
        await desk.store.close()
        with pytest.raises(StoreError, match="is not open"):
            await OfAsyncpg().run(desk, lease)
        assert orders(desk) == 0

    pg.play(story)


def test_a_block_that_forks_is_left_by_the_child_without_a_word(pg, monkeypatch):
    async def story(desk):
        lease = await with_orders(desk)
        connection = await asyncpg.connect(pg.url)
        block = desk.store.complete_in(lease, connection, started_at=1.0)
        async with block:
            await connection.execute(PAY)
            monkeypatch.setattr(os, "getpid", lambda: -1)
            await block.__aexit__(None, None, None)
            monkeypatch.undo()
            assert not block.completed
        assert block.completed
        await connection.close()

    pg.play(story)


def test_all_that_goes_with_a_store_comes_from_its_engine(pg):
    async def story(desk):
        assert (await desk.store.journal().begin(INTENT)).standing is Standing.NEW
        with closing(desk.store.reader()) as reader:
            assert reader.counts()["total"] == 0

    pg.play(story)
