import asyncio
import sqlite3

import pytest

from hardpoint.core.errors import MisuseError, StoreError
from hardpoint.store.driver import Completed
from hardpoint.store.statements import MARK, statements


def run(stage, *writes):
    """Complete a job with these writes; raises what they raise."""

    async def story(desk):
        lease = await desk.leased()
        assert await desk.complete(lease, writes=writes) is Completed.RECORDED

    stage.play(story)


@pytest.mark.parametrize(
    "sql",
    [
        "commit",
        "rollback",
        "begin",
        "savepoint mine",
        "release hardpoint_completion",
        "rollback to hardpoint_completion",
        "pragma synchronous = off",
        "pragma user_version",
        "attach ':memory:' as other",
        "detach main",
        "delete from hardpoint_job",
        "delete from HARDPOINT_JOB",
        "update hardpoint_event set handlers = 0",
        "insert into hardpoint_refused values ('a', 'b', 1, 1)",
        "drop table hardpoint_dead",
        "alter table hardpoint_dead rename to dead",
        "create index mine on hardpoint_event (type)",
        "create trigger mine after insert on hardpoint_event begin select 1; end",
        "create table hardpoint_mine (id integer)",
        "create temp table mine (id integer)",
        "create temp view mine as select 1",
        "drop index hardpoint_job_lane",
    ],
)
def test_a_write_function_may_not(stage, sql):
    with pytest.raises(StoreError, match="your own tables only"):
        run(stage, lambda tx: tx.execute(sql))


def test_rows_of_the_store_may_be_read(stage):
    async def count(tx):
        assert (await tx.execute("select count(*) from hardpoint_event")).fetchone()

    run(stage, count)


def test_many_rows_are_checked_likewise(stage):
    with pytest.raises(StoreError, match="your own tables only"):
        run(stage, lambda tx: tx.executemany("delete from hardpoint_job where event = ?", [("a",)]))


def test_an_engine_statement_cannot_be_borrowed_from_the_statement_cache(stage):
    end = statements("completions")["end"]
    with pytest.raises(StoreError, match="own mark"):
        run(stage, lambda tx: tx.execute(end, ("a", "b", 1, 1)))
    with pytest.raises(StoreError, match="own mark"):
        run(stage, lambda tx: tx.execute(f"select 1 {MARK}"))


def test_a_transaction_is_over_when_the_call_is(stage):
    kept = []
    run(stage, lambda tx: tx.execute("create table orders (id)"), kept.append)
    with pytest.raises(StoreError, match="only during the call"):
        kept[0].execute("select 1")
    with pytest.raises(StoreError, match="only during the call"):
        kept[0].executemany("insert into orders values (?)", [(1,)])


def test_an_async_function_awaits_its_statements_and_nothing_else(stage):
    seen = []

    async def mark_paid(tx):
        await tx.execute("create table orders (id integer primary key)")
        await tx.executemany("insert into orders values ($1)", [(1,), (2,)])
        seen.extend((await tx.execute("select id from orders order by id")).fetchall())

    run(stage, mark_paid)
    assert seen == [(1,), (2,)]


def test_an_async_function_that_awaits_anything_else_is_refused(stage):
    async def sleeps(tx):
        await asyncio.sleep(0)

    with pytest.raises(MisuseError, match=r"sleeps.* awaits something else than its statements"):
        run(stage, sleeps)


def test_numbered_parameters_go_by_their_numbers(stage):
    seen = []

    async def write(tx):
        tx.execute("create table orders (id integer, note text)")
        tx.execute("insert into orders values ($2, $1)", ["a", 1])
        tx.execute("insert into orders values (?, 'for $1')", [2])
        tx.execute("insert into orders values ($id, '$9' -- $8\n)", {"id": 3})
        seen.extend(await tx.execute("select id, note from orders order by id"))

    run(stage, write)
    assert seen == [(1, "a"), (2, "for $1"), (3, "$9")]


def test_reading_what_was_not_awaited_warns_that_it_works_here_alone(stage):
    seen = []

    def write(tx):
        rows = tx.execute("select 1 union select 2")
        seen.extend(rows)
        assert rows.fetchone() is None

    with pytest.warns(UserWarning, match="works on SQLite alone") as told:
        run(stage, write)
    assert seen == [(1,), (2,)]
    assert [one.filename for one in told] == [__file__]


def test_parameters_that_are_too_few_are_refused(stage):
    with pytest.raises(MisuseError, match="has 2 parameters, and 1 were given"):
        run(stage, lambda tx: tx.execute("select $1, $2", [1]))


def test_statements_give_rows_counts_and_ids(stage):
    seen = {}

    async def write(tx):
        made = await tx.execute("create table orders (id integer primary key, paid)")
        assert made.description is None
        seen["id"] = (await tx.execute("insert into orders values (7, 0)")).lastrowid
        several = await tx.executemany("insert into orders values (?, 0)", [(8,), (9,)])
        seen["count"] = several.rowcount
        rows = await tx.execute("select id from orders where id > :least order by id", {"least": 7})
        seen["columns"] = [column[0] for column in rows.description]
        seen["one"] = rows.fetchone()
        seen["rest"] = rows.fetchall()
        tx.execute("select id from orders").close()
        seen["all"] = [row[0] for row in await tx.execute("select id from orders")]

    run(stage, write)
    assert seen == {
        "id": 7,
        "count": 2,
        "columns": ["id"],
        "one": (8,),
        "rest": [(9,)],
        "all": [7, 8, 9],
    }


def test_rows_end_with_their_transaction_and_leave_no_snapshot_open(stage):
    kept = []

    async def half_read(tx):
        tx.execute("create table orders (id)")
        tx.execute("insert into orders values (1), (2)")
        rows = await tx.execute("select id from orders")
        rows.fetchone()
        kept.append(rows)

    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, writes=(half_read,))
        with pytest.raises(sqlite3.ProgrammingError):
            kept[0].fetchone()
        other = sqlite3.connect(desk.store.path, isolation_level=None)
        other.execute("insert into orders values (3)")
        other.close()
        assert await desk.complete(
            await desk.leased("evt_2"), writes=(lambda tx: tx.execute("delete from orders"),)
        )

    stage.play(story)


def test_an_ordinary_mistake_in_sql_is_the_library_s_own_error(stage):
    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        run(stage, lambda tx: tx.execute("select * from nowhere"))
    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        run(stage, lambda tx: tx.executemany("insert into nowhere values (?)", [(1,)]))


def test_one_value_has_a_bound_and_the_store_s_own_have_none(stage):
    stage.limits["write_bytes"] = 50_000

    def write(tx):
        tx.execute("create table files (body)")
        tx.execute("insert into files values (zeroblob(900000000))")

    with pytest.raises(sqlite3.DataError, match="too big"):
        run(stage, write)

    async def story(desk):
        await desk.accept("evt_2", bytes(100_000))

    stage.play(story)
