"""`complete_in` with a connection of Django's, on the store's file."""

import asyncio
from contextlib import closing

import pytest
from django.db import DatabaseError, transaction
from tests.store.django_orders import ALIAS, on_postgresql, on_sqlite

from hardpoint.core.errors import LeaseLostError, StoreError, StoreMisuseError
from hardpoint.store.driver import Completed
from hardpoint.store.sqlite import complete_in

PAY = "insert into orders values (1)"


@pytest.fixture
def play(stage):
    """Plays a story: a leased job, and a handler that runs in a thread with a connection."""

    def play_one(handler):
        async def story(desk):
            lease = await desk.leased()
            await desk.complete(
                await desk.leased("evt_table"),
                writes=(lambda tx: tx.execute("create table orders (id integer)"),),
            )

            def in_a_thread():
                with closing(on_sqlite(desk.store.path)) as connection:
                    handler(desk, lease, connection)

            await asyncio.to_thread(in_a_thread)
            play_one.orders = desk.query("select count(*) from orders")[0][0]
            play_one.state = desk.state_of(lease.event.id)
            play_one.late = await desk.complete(lease)

        stage.play(story)

    return play_one


def execute(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_writes_and_the_completion_are_one(play):
    told = []

    def handler(desk, lease, connection):
        with complete_in(desk.store, lease, connection) as given:
            with transaction.atomic(using=ALIAS):  # as saving a model does
                execute(given, PAY)
            transaction.on_commit(lambda: told.append("committed"), using=ALIAS)
            assert told == []
        assert told == ["committed"]
        assert not connection.in_atomic_block

    play(handler)
    assert (play.orders, play.state, play.late) == (1, "done", Completed.REFUSED)


def test_what_is_raised_undoes_both(play):
    def handler(desk, lease, connection):
        def fail():
            with complete_in(desk.store, lease, connection) as given:
                execute(given, PAY)
                raise LookupError

        with pytest.raises(LookupError):
            fail()
        execute(connection, "select 1")
        assert not connection.in_atomic_block

    play(handler)
    assert (play.orders, play.state, play.late) == (0, "pending", Completed.RECORDED)


def test_a_lost_lease_undoes_everything(play):
    def handler(desk, lease, connection):
        block = complete_in(desk.store, lease, connection)
        with pytest.raises(LeaseLostError), block as given:
            execute(given, "update hardpoint_job set fence = fence + 1")
        assert not block.completed

    play(handler)
    assert play.state == "pending"


def test_one_in_a_transaction_is_refused(play):
    def handler(desk, lease, connection):
        with (
            transaction.atomic(using=ALIAS),
            pytest.raises(StoreMisuseError, match="in a transaction already"),
            complete_in(desk.store, lease, connection),
        ):
            raise AssertionError

    play(handler)


def test_a_statement_that_failed_and_was_swallowed_is_told(play):
    def handler(desk, lease, connection):
        def swallow():
            with complete_in(desk.store, lease, connection) as given:
                execute(given, PAY)
                with pytest.raises(DatabaseError), transaction.atomic(using=ALIAS, savepoint=False):
                    execute(given, "insert into nothing values (1)")

        with pytest.raises(StoreError, match="by itself"):
            swallow()

    play(handler)
    assert (play.orders, play.late) == (0, Completed.RECORDED)


def test_a_transaction_that_can_only_be_rolled_back_is_not_committed(play):
    def handler(desk, lease, connection):
        block = complete_in(desk.store, lease, connection)
        commit = block._connection.commit

        async def doomed():
            connection.needs_rollback = True
            await commit()

        block._connection.commit = doomed
        with pytest.raises(StoreError, match="takes no more"), block as given:
            execute(given, PAY)

    play(handler)
    assert (play.orders, play.late) == (0, Completed.RECORDED)


def test_one_of_another_database_is_refused(play):
    def handler(desk, lease, connection):
        other = on_postgresql("postgresql://orders/x?host=y")
        with pytest.raises(StoreMisuseError, match="for postgresql, and the store is SQLite"):
            complete_in(desk.store, lease, other)

    play(handler)
