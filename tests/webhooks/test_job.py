import asyncio
import sqlite3
from contextlib import closing

import pytest

from hardpoint.core.errors import LeaseLostError, MisuseError
from hardpoint.store.driver import Event, Lease, SqlWrite
from hardpoint.webhooks import FENCE_TABLE
from hardpoint.webhooks.job import Job


class Block:
    """A store's block that completes the job, or finds that the lease is lost."""

    def __init__(self, lost):
        self.lost = lost
        self.completed = False

    def __enter__(self):
        return "the target"

    def __exit__(self, kind, error, trace):
        if self.lost and error is None:
            raise LeaseLostError
        self.completed = error is None

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *what):
        self.__exit__(*what)


class Store:
    def __init__(self, *, lost=False):
        self.block = Block(lost)
        self.asked = None

    def __call__(self, lease, target, *, started_at):
        self.asked = (lease, target, started_at)
        return self.block


def a_job(store=None, **facts):
    event = Event(
        id="e-1",
        source="billing",
        vendor_id="evt_1",
        type="paid",
        account=None,
        received_at=0,
        correlation_id="c-1",
        headers={},
        body=b"{}",
    )
    return Job(
        Lease(event=event, handler="mark_paid", lane="mark_paid", fence=3, **facts),
        store,
        started_at=7,
    )


def test_a_job_tells_which_attempt_it_is():
    job = a_job(failures=2)

    assert (job.event_id, job.handler, job.attempt, job.failures) == ("e-1", "mark_paid", 3, 2)


def test_a_key_is_the_same_in_every_attempt_and_another_for_every_step():
    assert a_job().key("receipt") == a_job(failures=5).key("receipt") == "hp:e-1:mark_paid:receipt"
    assert a_job().key() != a_job().key("receipt")


def test_writes_are_kept_in_the_order_they_were_made():
    job = a_job()
    job.write(print)
    job.write(repr)

    job.execute("delete from carts where id = $1", [7])

    assert job.writes == [print, repr, SqlWrite("delete from carts where id = $1", (7,))]


def test_a_block_that_ends_well_completes_the_job():
    store = Store()
    job = a_job(store)

    with job.complete_in("connection") as target:
        assert target == "the target"
        assert not job.completed

    assert job.completed
    assert store.asked == (job.lease, "connection", 7)


def test_an_async_block_that_ends_well_completes_the_job():
    job = a_job(Store())

    async def scenario():
        async with job.complete_in("session"):
            assert not job.completed

    asyncio.run(scenario())
    assert job.completed


def test_a_block_that_raises_leaves_the_job_to_another_try():
    job = a_job(Store())

    with pytest.raises(ValueError, match="no stock"), job.complete_in("connection"):
        raise ValueError("no stock")

    assert not job.completed


def test_a_lost_lease_does_not_complete_the_job():
    job = a_job(Store(lost=True))

    with pytest.raises(LeaseLostError), job.complete_in("connection"):
        pass

    assert not job.completed


def test_a_lost_lease_does_not_complete_the_job_in_an_async_block_either():
    job = a_job(Store(lost=True))

    async def scenario():
        async with job.complete_in("session"):
            pass

    with pytest.raises(LeaseLostError):
        asyncio.run(scenario())
    assert not job.completed


def test_a_write_has_no_place_inside_or_after_such_a_block():
    job = a_job(Store())

    with job.complete_in("connection"), pytest.raises(RuntimeError, match="your own transaction"):
        job.write(print)
    with pytest.raises(RuntimeError, match="your own transaction"):
        job.write(print)


def test_a_job_completes_once_and_in_one_way():
    writing, joining = a_job(Store()), a_job(Store())
    writing.write(print)
    with pytest.raises(RuntimeError, match="completes once"):
        writing.complete_in("connection")

    with joining.complete_in("connection"), pytest.raises(RuntimeError, match="completes once"):
        joining.complete_in("connection")
    with pytest.raises(RuntimeError, match="completes once"):
        joining.complete_in("connection")


def test_a_step_is_written_in_another_database_once(tmp_path):
    with closing(sqlite3.connect(tmp_path / "business.db")) as connection:
        connection.execute(FENCE_TABLE)
        job = a_job()
        assert job.write_in(connection, lambda tx: None)
        assert job.write_in(connection, lambda tx: None, step="shipping")
        with pytest.raises(MisuseError, match="name a step="):
            job.write_in(connection, lambda tx: None)
        again = a_job()
        assert not again.write_in(connection, lambda tx: None)
        assert not again.write_in(connection, lambda tx: None, step="shipping")
        rows = connection.execute("select event, handler, done_at from hardpoint_done order by 2")
        assert rows.fetchall() == [("e-1", "mark_paid", 7.0), ("e-1", "mark_paid:shipping", 7.0)]


def test_its_own_transaction_has_no_target_and_none_is_no_connection():
    store = Store()
    job = a_job(store)
    with pytest.raises(MisuseError, match="None in place of a connection"):
        job.complete_in(None)
    assert job.transaction() is store.block
    assert store.asked == (job.lease, None, 7)
