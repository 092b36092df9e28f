"""Statements that complete with a job, many of them together, on every engine."""

import asyncio

from hardpoint.store.driver import Completed, SqlWrite


def insert(number):
    return SqlWrite("insert into orders (id) values ($1)", (number,))


def test_statements_are_run_with_the_completions_they_belong_to(any_stage):
    async def story(desk):
        first, *leases = await desk.leases(4)
        create = SqlWrite("create table orders (id integer primary key)", ())
        await desk.complete(first, writes=(create,))
        ends = [desk.complete(each, writes=(insert(number),)) for number, each in enumerate(leases)]
        assert set(await asyncio.gather(*ends)) == {Completed.RECORDED}
        again = [desk.complete(each, writes=(insert(7),)) for each in leases]
        assert set(await asyncio.gather(*again)) == {Completed.REFUSED}
        assert desk.query("select count(*) from orders") == [(3,)]

    any_stage.play(story)


def test_a_statement_that_fails_takes_no_other_with_it(any_stage):
    async def story(desk):
        first, *leases = await desk.leases(4)
        create = SqlWrite("create table orders (id integer primary key)", ())
        await desk.complete(first, writes=(create,))
        writes = [(insert(1),), (insert(1),), (insert(2), insert(3))]
        ends = [desk.complete(one, writes=each) for one, each in zip(leases, writes, strict=True)]
        results = await asyncio.gather(*ends, return_exceptions=True)
        assert results.count(Completed.RECORDED) == 2
        assert desk.query("select count(*) from orders") == [(3,)]

    any_stage.play(story)
