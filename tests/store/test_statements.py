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


async def portable(tx):
    """Numbered parameters in any order, twice, ten of them; none in a text or a comment."""
    await tx.execute("create table notes (id integer primary key, note text)")
    await tx.executemany("insert into notes (note, id) values ($2, $1)", [(1, "a"), (2, "b")])
    await tx.execute(
        "insert into notes (id, note) values ($1, $2), ($3, 'for $1 -- $9') /* $8 */", [3, "c", 4]
    )
    found = await tx.execute("select note from notes where id >= $1 and id <= $1 + $2", [1, 1])
    assert [row[0] for row in found.fetchall()] == ["a", "b"]
    many = " or ".join(f"id = ${number}" for number in range(1, 12))
    changed = await tx.execute(f"update notes set note = 'd' where {many}", [*range(11, 0, -1)])
    assert changed.rowcount == 4
    row = (await tx.execute("select count(*) from notes where note = $1", ["d"])).fetchone()
    assert row[0] == 4
    assert (await tx.execute("select id from notes where id = $1", [9])).fetchone() is None


def test_one_function_reads_and_writes_alike_on_every_engine(any_stage):
    async def story(desk):
        lease = await desk.leased()
        assert await desk.complete(lease, writes=(portable,)) is Completed.RECORDED
        assert desk.query("select count(*) from notes") == [(4,)]

    try:
        any_stage.play(story)
    finally:
        drop(any_stage)


def drop(stage):
    """A database outlives a test, and a file does not."""
    if hasattr(stage, "database"):
        stage.database.beside.execute("drop table if exists notes")
