"""Promise 4: a write function's effect is there once or not at all, whatever it does."""

import asyncio
import sqlite3

import pytest

from hardpoint.core.errors import StoreError, TimedOutError, TransactionLostError
from hardpoint.store.driver import Completed, Outcome
from hardpoint.store.events import BatchCommitted, WriteWasSlow


async def with_orders(desk):
    """A table of the application's own, with order 0 in it."""
    lease = await desk.leased("evt_setup")

    def create(tx):
        tx.execute("create table orders (id integer primary key, paid integer)")
        tx.execute("insert into orders values (0, 0)")

    assert await desk.complete(lease, writes=(create,)) is Completed.RECORDED


def insert(number):
    return lambda tx: tx.execute("insert into orders values (?, 0)", (number,))


def insert_or_rollback(tx):
    tx.execute("insert or rollback into orders values (0, 0)")


def swallow_a_rollback(tx):
    with pytest.raises(sqlite3.IntegrityError):
        tx.execute("insert or rollback into orders values (0, 0)")


def go_on_after_a_rollback(tx):
    swallow_a_rollback(tx)
    tx.execute("insert into orders values (99, 0)")


def raise_rollback_in_a_trigger(tx):
    tx.execute("create trigger bad before update on orders begin select raise(rollback, 'no'); end")
    tx.execute("update orders set paid = 1")


@pytest.mark.parametrize(
    "culprit",
    [
        insert_or_rollback,
        swallow_a_rollback,
        go_on_after_a_rollback,
        raise_rollback_in_a_trigger,
    ],
)
def test_a_write_that_ends_the_transaction_harms_nobody_else(stage, culprit):
    async def story(desk):
        await with_orders(desk)
        leases = await desk.leases(5)
        writes = [insert(1), insert(2), culprit, insert(3), insert(4)]
        results = await desk.grouped(
            *(desk.complete(lease, writes=(w,)) for lease, w in zip(leases, writes, strict=True))
        )
        assert isinstance(results.pop(2), TransactionLostError)
        assert results == [Completed.RECORDED] * 4
        assert desk.query("select id from orders") == [(0,), (1,), (2,), (3,), (4,)]
        # The job of the culprit is leased still, and can end otherwise.
        assert await desk.complete(leases[2], Outcome.DEAD) is Completed.RECORDED

    stage.play(story)
    # They went together once, and then each alone.
    assert [one.rows for one in stage.heard(BatchCommitted)].count(1) > 4


def test_a_write_that_raises_undoes_its_own_completion_only(stage):
    async def story(desk):
        await with_orders(desk)
        leases = await desk.leases(3)

        def fail(tx):
            tx.execute("insert into orders values (9, 0)")
            raise LookupError("no such order")

        results = await desk.grouped(
            desk.complete(leases[0], writes=(insert(1),)),
            desk.complete(leases[1], writes=(fail,)),
            desk.complete(leases[2], writes=(insert(2),)),
        )
        assert isinstance(results[1], LookupError)
        assert results[::2] == [Completed.RECORDED] * 2
        assert desk.query("select id from orders") == [(0,), (1,), (2,)]
        assert desk.query("select count(*) from hardpoint_attempt") == [(3,)]

    stage.play(story)


def test_a_write_that_exits_the_interpreter_ends_only_its_own_call(stage):
    async def story(desk):
        lease = await desk.leased()

        def leave(tx):
            raise SystemExit(3)

        with pytest.raises(SystemExit):
            await desk.complete(lease, writes=(leave,))
        assert await desk.complete(lease) is Completed.RECORDED

    stage.play(story)


def test_stop_iteration_out_of_a_write_reaches_the_caller_as_an_error(stage):
    async def story(desk):
        lease = await desk.leased()
        with pytest.raises(RuntimeError, match="StopIteration"):
            await desk.complete(lease, writes=(lambda tx: next(iter(())),))

    stage.play(story)


def test_a_write_past_its_time_is_stopped_and_the_others_go_on(stage):
    async def story(desk):
        await with_orders(desk)
        slow, other = await desk.leases(2)

        def never_ends(tx):
            desk.clock.advance(1.1)
            tx.execute(
                "select count(*) from (with recursive n(x) as (select 1 union all"
                " select x + 1 from n) select x from n)"
            ).fetchone()

        def never_ends_writing(tx):
            desk.clock.advance(1.1)
            tx.execute(
                "insert into orders with recursive n(x) as (select 1 union all"
                " select x + 1 from n) select x, 0 from n"
            )

        for write in (never_ends, never_ends_writing):
            with pytest.raises(TimedOutError, match="more than 1 s"):
                await desk.complete(slow, writes=(write,))
        results = await desk.grouped(
            desk.complete(slow, writes=(never_ends_writing,)),
            desk.complete(other, writes=(insert(1),)),
        )
        assert isinstance(results[0], TimedOutError)
        assert results[1] is Completed.RECORDED
        assert desk.query("select id from orders") == [(0,), (1,)]

    stage.play(story)


def test_a_slow_write_is_reported(stage):
    async def story(desk):
        for seconds in (0.02, 0.2):
            lease = await desk.leased(f"evt_{seconds}")
            await desk.complete(lease, writes=(lambda tx, s=seconds: desk.clock.advance(s),))

    stage.play(story)
    (slow,) = stage.heard(WriteWasSlow)
    assert slow.handler == "mark_paid"
    assert slow.seconds == pytest.approx(0.2)


def test_a_deferred_constraint_fails_its_own_completion_at_the_commit(stage):
    async def story(desk):
        await with_orders(desk)
        bad, good = await desk.leases(2)

        def children(tx):
            tx.execute(
                "create table lines (order_id references orders(id) deferrable initially deferred)"
            )

        await desk.complete(await desk.leased("evt_ddl"), writes=(children,))
        results = await desk.grouped(
            desk.complete(bad, writes=(lambda tx: tx.execute("insert into lines values (77)"),)),
            desk.complete(good, writes=(insert(5),)),
        )
        assert isinstance(results[0], sqlite3.IntegrityError)
        assert results[1] is Completed.RECORDED
        assert desk.query("select count(*) from lines") == [(0,)]
        assert desk.query("select id from orders") == [(0,), (5,)]

    stage.play(story)


def test_the_writes_of_a_late_completion_never_run(stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease)
        ran = []
        assert await desk.complete(lease, writes=(ran.append,)) is Completed.REFUSED
        assert ran == []

    stage.play(story)


@pytest.mark.filterwarnings("ignore:a statement is read that was not awaited")
def test_a_lock_that_a_write_brings_on_itself_is_its_own_error(stage):
    async def story(desk):
        await with_orders(desk)
        lease = await desk.leased()

        def drop_while_reading(tx):
            rows = tx.execute("select id from orders union all select 1")
            rows.fetchone()
            tx.execute("drop table orders")

        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await desk.complete(lease, writes=(drop_while_reading,))
        assert await desk.complete(lease) is Completed.RECORDED

    stage.play(story)


def test_every_ended_attempt_is_recorded_with_its_number(stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.FAILED, error="LookupError: x", started_at=1.0)
        (lease,) = await desk.claim()
        await desk.complete(lease, Outcome.SKIPPED)
        reader = desk.look()
        (view,) = reader.event("evt_1")
        reader.close()
        assert [(one.number, one.outcome, one.error) for one in view.attempts] == [
            (1, Outcome.FAILED, "LookupError: x"),
            (2, Outcome.SKIPPED, None),
        ]
        assert view.attempts[0].started_at == 1.0

    stage.play(story)


def test_a_crash_is_no_failed_attempt_in_the_dead_letter(stage):
    async def story(desk):
        lease = await desk.leased()
        await desk.complete(lease, Outcome.DEAD, reason="crash")
        reader = desk.look()
        (letter,) = reader.dead_letters()
        reader.close()
        assert (letter.reason, letter.failures) == ("crash", 0)

    stage.play(story)


def test_a_cancelled_caller_does_not_undo_the_completion(stage):
    async def story(desk):
        lease = await desk.leased()
        desk.store.gate.acquire()
        task = asyncio.ensure_future(desk.complete(lease))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        desk.store.gate.release()
        assert await desk.complete(lease) is Completed.REFUSED

    stage.play(story)


def test_errors_of_the_transaction_say_what_to_do():
    assert "OR ROLLBACK" in str(TransactionLostError())
    assert issubclass(TransactionLostError, StoreError)
