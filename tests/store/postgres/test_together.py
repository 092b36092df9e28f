"""Statements of many completions in one transaction: what becomes of them in trouble."""

import asyncio
from types import SimpleNamespace

import pytest

from hardpoint.core.errors import MisuseError, StoreUnavailableError, TimedOutError
from hardpoint.store.driver import Completed, SqlWrite, WriteFailedError


def insert(number):
    return SqlWrite("insert into orders (id) values ($1)", (number,))


async def leased(desk, count):
    desk.stage.database.beside.execute("create table orders (id integer primary key)")
    return await desk.leases(count)


async def ended(desk, leases, writes):
    """All at once: while the first is under way, the rest waits and goes together."""
    ends = [
        desk.store.complete(desk.ending(lease, writes=(write,)))
        for lease, write in zip(leases, writes, strict=True)
    ]
    return await asyncio.gather(*ends, return_exceptions=True)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (SqlWrite("commit", ()), MisuseError),
        (SqlWrite("insert into orders (id) values ($1)", (1, 2)), Exception),
        (SqlWrite("insert into nowhere values (1)", ()), Exception),
    ],
)
def test_one_that_cannot_work_fails_alone(pg, bad, error):
    async def story(desk):
        leases = await leased(desk, 4)
        results = await ended(desk, leases, [insert(1), insert(2), bad, insert(3)])
        (failed,) = [one for one in results if one is not Completed.RECORDED]
        assert isinstance(failed, WriteFailedError)
        assert isinstance(failed.error, error)
        assert desk.query("select count(*) from orders") == [(3,)]

    pg.play(story)


def test_one_that_takes_too_long_fails_alone(pg):
    pg.limits |= {"write_seconds": 0.5}

    async def story(desk):
        leases = await leased(desk, 4)
        slow = SqlWrite("insert into orders select 7 from pg_sleep(20)", ())
        results = await ended(desk, leases, [insert(1), insert(2), slow, insert(3)])
        (failed,) = [one for one in results if one is not Completed.RECORDED]
        assert isinstance(failed, TimedOutError)
        assert desk.query("select count(*) from orders") == [(3,)]

    pg.play(story)


def deferred(number):
    return SqlWrite("insert into lines (order_id) values ($1)", (number,))


async def with_lines(desk, count):
    leases = await leased(desk, count)
    desk.stage.database.beside.execute(
        "create table lines (order_id integer references orders deferrable initially deferred)"
    )
    return leases


@pytest.fixture
def lines(pg):
    yield
    pg.database.beside.execute("drop table if exists lines")


def test_one_that_the_commit_refuses_fails_alone(pg, lines):
    async def story(desk):
        leases = await with_lines(desk, 4)
        results = await ended(desk, leases, [insert(1), deferred(7), deferred(1), insert(2)])
        assert isinstance(results[1], WriteFailedError)
        assert "foreign key" in str(results[1].error)
        assert [one for one in results if one is not results[1]] == [Completed.RECORDED] * 3
        assert await desk.complete(leases[1]) is Completed.RECORDED

    pg.play(story)


def test_a_function_that_the_commit_refuses_has_failed(pg, lines):
    async def story(desk):
        (lease,) = await with_lines(desk, 1)

        def writes(tx):
            tx.execute("insert into lines (order_id) values ($1)", [7])

        with pytest.raises(WriteFailedError):
            await desk.store.complete(desk.ending(lease, writes=(writes,)))
        assert await desk.complete(lease) is Completed.RECORDED

    pg.play(story)


def test_what_the_store_itself_may_not_write_is_told_and_the_next_are_written(pg):
    beside = pg.database.beside
    beside.execute(
        "create function refuse() returns trigger language plpgsql as"
        " $$ begin raise exception 'not now'; end $$;"
        "create trigger refuse before insert on hardpoint.attempt execute function refuse()"
    )

    async def story(desk):
        leases = await leased(desk, 2)
        results = await ended(desk, leases, [insert(1), insert(2)])
        assert ["not now" in str(one) for one in results] == [True, True]
        beside.execute("drop function refuse cascade")
        assert await ended(desk, leases, [insert(1), insert(2)]) == [Completed.RECORDED] * 2

    try:
        pg.play(story)
    finally:
        beside.execute("drop function if exists refuse cascade")


class Unheard:
    """A connection whose first commit of many is carried out, and not heard of."""

    def __init__(self, connection, lost):
        self.connection, self.lost = connection, lost

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def transaction(self):
        made = self.connection.transaction()

        async def commit():
            await made.commit()
            self.lost.append(1)
            raise ConnectionResetError

        return SimpleNamespace(start=made.start, rollback=made.rollback, commit=commit)


def test_those_whose_commit_is_not_heard_of_are_not_done_twice(pg):
    async def story(desk):
        leases = await leased(desk, 5)
        writing, lost = desk.store._opened.session._writing, []
        for link in writing._links:

            async def connected(kept=link.connected):
                connection = await kept()
                return connection if lost else Unheard(connection, lost)

            link.connected = connected
        ending = [desk.ending(one, writes=(insert(n),)) for n, one in enumerate(leases)]
        submitted = desk.store._opened.thread.submit(writing.complete_together(ending))
        assert await asyncio.wrap_future(submitted) == [Completed.RECORDED] * 5
        assert lost == [1]
        assert desk.query("select count(*) from orders") == [(5,)]

    pg.play(story)


def together(desk, leases, writes):
    """All in one transaction, whatever else is under way."""
    ending = [desk.ending(one, writes=(write,)) for one, write in zip(leases, writes, strict=True)]
    opened = desk.store._opened
    writing = opened.session._writing
    return asyncio.wrap_future(opened.thread.submit(writing.complete_together(ending)))


def once_only(pg, what):
    """A table whose first row of all comes to grief."""
    pg.database.beside.execute(
        "create sequence tries owned by orders.id;"
        "create function grief() returns trigger language plpgsql as"
        f" $$ begin if nextval('tries') = 1 then {what}; end if; return new; end $$;"
        "create trigger grief before insert on orders execute function grief()"
    )


@pytest.fixture
def grief(pg):
    yield
    pg.database.beside.execute("drop function if exists grief cascade")


def test_those_that_the_server_undoes_go_together_again(pg, grief):
    async def story(desk):
        leases = await leased(desk, 3)
        once_only(pg, "raise exception 'another was faster' using errcode = '40001'")
        assert await together(desk, leases, map(insert, range(3))) == [Completed.RECORDED] * 3
        assert desk.query("select count(*) from orders") == [(3,)]

    pg.play(story)


def test_those_of_which_the_commit_refuses_one_are_done_one_by_one(pg, lines):
    async def story(desk):
        leases = await with_lines(desk, 2)
        (refused, recorded) = await together(desk, leases, [deferred(7), insert(1)])
        assert isinstance(refused, WriteFailedError)
        assert recorded is Completed.RECORDED
        assert await desk.complete(leases[0]) is Completed.RECORDED

    pg.play(story)


class Cut:
    """A connection that ends while the first rows of many go over it."""

    def __init__(self, connection, ended):
        self.connection, self.ended = connection, ended

    def __getattr__(self, name):
        return getattr(self.connection, name)

    async def executemany(self, sql, rows):
        self.ended.append(1)
        self.connection.terminate()
        raise ConnectionResetError


def test_those_whose_connection_ends_go_together_over_another(pg):
    async def story(desk):
        leases = await leased(desk, 3)
        writing, ended = desk.store._opened.session._writing, []
        for link in writing._links:

            async def connected(kept=link.connected):
                connection = await kept()
                return connection if ended else Cut(connection, ended)

            link.connected = connected
        assert await together(desk, leases, map(insert, range(3))) == [Completed.RECORDED] * 3
        assert ended == [1]
        assert desk.query("select count(*) from orders") == [(3,)]

    pg.play(story)


def test_while_the_database_is_away_all_are_refused(cut_off, wire):
    cut_off.limits |= {"pending_seconds": 0.0}

    async def story(desk):
        leases = await leased(desk, 3)
        wire.fall()
        results = await ended(desk, leases, [insert(1), insert(2), insert(3)])
        assert all(isinstance(one, StoreUnavailableError) for one in results)
        wire.down = False
        results = await ended(desk, leases, [insert(1), insert(2), insert(3)])
        assert results == [Completed.RECORDED] * 3

    cut_off.play(story)


def test_two_processes_that_write_the_same_rows_do_not_wait_in_a_circle(pg):
    """The rows are taken in one order; whom the server undoes all the same, tries again."""
    raised = "update orders set paid = paid + 1 where id = $1"

    async def story(desk):
        beside = pg.database.beside
        beside.execute("create table orders (id integer primary key, paid integer default 0)")
        beside.execute("insert into orders select generate_series(0, 19)")
        other = pg.build()
        await other.open()
        mine, theirs = await desk.leases(40), []
        for number in range(40):
            await desk.accept(f"other_{number}")
        theirs = list((await other.claim({"mark_paid": 40})).leases)

        def ends(store, leases, step):
            return [
                store.complete(desk.ending(one, writes=(SqlWrite(raised, (number * step % 20,)),)))
                for number, one in enumerate(leases)
            ]

        work = [*ends(desk.store, mine, 1), *ends(other, theirs, 19)]
        assert set(await asyncio.gather(*work)) == {Completed.RECORDED}
        await other.close()
        assert desk.query("select sum(paid) from orders") == [(80,)]

    pg.play(story)
