"""The store on PostgreSQL in one process: its life, its bounds, and answers that get lost."""

import asyncio
import threading
from contextlib import suppress

import psycopg
import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
)
from hardpoint.runtime.blocking import run
from hardpoint.store.driver import Completed, Outcome, Refusals, SqlWrite, Stored
from hardpoint.store.engine import InboxStore, Role
from hardpoint.store.events import BatchCommitted, BatchFailed


def test_it_is_an_inbox_store(pg):
    store: InboxStore = pg.build()
    assert store.broken is None
    assert (store.expires, store.poll) == (60.0, 1.0)


def test_it_is_opened_once_at_a_time_and_may_be_closed_twice(pg):
    async def story(desk):
        with pytest.raises(StoreUnavailableError, match="open already"):
            await desk.store.open()
        await desk.store.ensure_open()
        await desk.store.close()
        await desk.store.close()
        await desk.store.ensure_open(Role.OPERATE)
        assert await desk.store.next_due(["mark_paid"]) is None

    pg.play(story)


def test_a_database_that_is_away_refuses_and_can_be_opened_later(cut_off, wire):
    async def scene():
        store = cut_off.build()
        wire.down = True
        with pytest.raises(StoreUnavailableError, match="cannot be used now"):
            await store.open()
        wire.down = False
        await store.open()
        await store.close()

    asyncio.run(scene())


def test_an_opening_that_is_given_up_leaves_nothing_open(pg):
    async def scene():
        store = pg.build()
        opening = asyncio.create_task(store.open())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await store.open()
        await store.close()

    asyncio.run(scene())


def test_a_thread_without_a_loop_waits_for_each_answer(pg):
    store = pg.build()
    run(store.ensure_open(Role.OPERATE))
    desk, answered, results = pg.desk(store), threading.Event(), []
    store.accept(desk.make("evt_1"), lambda result: (results.append(result), answered.set()))
    assert answered.wait(20)
    assert results[0].stored is Stored.NEW
    (lease,) = run(store.claim({"mark_paid": 5})).leases
    assert run(store.complete(desk.ending(lease))) is Completed.RECORDED
    store.close_blocking()


def test_more_than_may_wait_is_refused_at_once(pg):
    pg.limits |= {"pending_rows": 3, "pending_bytes": 10}

    async def story(desk):
        hold = pg.database.held("event")  # else they may be stored before the next one comes
        first = desk.submit(desk.make("evt_1", b"x" * 100))
        with pytest.raises(StoreUnavailableError, match="1 events wait"):
            desk.submit(desk.make("evt_2", b"x"))
        hold.close()
        await first
        hold = pg.database.held("event")
        some = [desk.submit(desk.make(f"evt_{number}", b"")) for number in range(3, 6)]
        with pytest.raises(StoreUnavailableError, match="3 events wait"):
            desk.submit(desk.make("evt_6", b""))
        hold.close()
        await asyncio.gather(*some)
        hold = pg.database.held("event")
        late = desk.submit(desk.make("evt_7", b""))
        desk.clock.advance(60)
        with pytest.raises(StoreUnavailableError, match="1 events wait"):
            desk.submit(desk.make("evt_8", b""))
        hold.close()
        await late

    pg.play(story)


def test_groups_are_bounded_by_rows_and_bytes(pg):
    pg.limits |= {"batch_rows": 2, "batch_bytes": 10}

    async def story(desk):
        bodies = [b"", b"", b"", b"x" * 8, b"y" * 8]
        answers = [
            desk.submit(desk.make(f"evt_{number}", body)) for number, body in enumerate(bodies)
        ]
        await asyncio.gather(*answers)
        await desk.claim()

    pg.play(story)
    # The first may go before the second has come; the last two are too large to go together.
    rows = [told.rows for told in pg.heard(BatchCommitted)]
    assert rows in ([2, 2, 1], [1, 2, 1, 1], [2, 1, 1, 1], [1, 1, 2, 1], [1, 1, 1, 1, 1])


def test_one_bad_event_does_not_fail_the_others_of_its_group(pg):
    async def story(desk):
        events = [desk.make(f"evt_{number}", signed_at=None) for number in range(4)]
        events[2] = desk.make("evt_bad", signed_at=1 << 70)
        answers = await asyncio.gather(*map(desk.submit, events))
        assert isinstance(answers.pop(2), StoreError)
        assert {answer.stored for answer in answers} == {Stored.NEW}

    pg.play(story)


@pytest.mark.parametrize("asserted", [False, True])
def test_an_id_of_ours_that_comes_twice_is_an_error_and_not_a_duplicate(pg, asserted):
    async def story(desk):
        first = await desk.accept("evt_1")
        other = await desk.submit(desk.make("evt_2", b"other", id=first.id, asserted=asserted))
        assert str(other) == f"the id {first.id} was used before"

    pg.play(story)


def test_only_so_many_quarantined_repeats_of_a_body_are_kept(pg):
    pg.limits |= {"repeats": 2}

    async def story(desk):
        first = await desk.accept("evt_1", asserted=True)
        others = [await desk.accept(f"other_{number}", asserted=True) for number in range(3)]
        assert [one.stored for one in others] == [
            Stored.QUARANTINED,
            Stored.QUARANTINED,
            Stored.DUPLICATE,
        ]
        assert others[2].id == first.id
        taken = await desk.accept("evt_1", b"another body", asserted=True)
        assert taken.stored is Stored.QUARANTINED

    pg.play(story)


@pytest.mark.parametrize("asserted", [False, True])
def test_an_accept_whose_answer_is_lost_is_done_again_and_was_new(cut_off, wire, asserted):
    async def story(desk):
        await desk.accept("evt_0", asserted=asserted)
        wire.cut = 1
        event = desk.make("evt_1", b"1", asserted=asserted, lease=True)
        answer = await desk.submit(event)
        assert (answer.stored, answer.id, wire.cut) == (Stored.NEW, event.id, 0)
        assert await desk.complete(desk.lease_of(event)) is Completed.RECORDED

    cut_off.play(story)


def test_a_quarantined_accept_whose_answer_is_lost_is_done_again(cut_off, wire):
    async def story(desk):
        await desk.accept("evt_1", asserted=True)
        event = desk.make("evt_2", asserted=True)
        store = desk.store._opened.session._accepts
        async with asyncio.timeout(20):
            answers = await on_the_thread(desk.store, twice(store, event))
        assert [one.stored for one in answers] == [Stored.QUARANTINED] * 2
        assert {one.id for one in answers} == {event.id}

    cut_off.play(story)


async def on_the_thread(store, work):
    return await asyncio.wrap_future(store._opened.thread.submit(work(store._opened.session)))


def twice(statements, event):
    """The same batch again, as after a lost answer."""

    async def work(session):
        async def both(connection):
            return [(await statements.store(connection, [event]))[0] for _ in range(2)]

        return await session._accepting.run(both)

    return work


def test_a_completion_whose_answer_is_lost_was_recorded(cut_off, wire):
    async def story(desk):
        first, second = await desk.leases(2)
        await desk.complete(first)
        wire.cut = 1
        assert await desk.complete(second) is Completed.RECORDED
        assert await desk.complete(second) is Completed.REFUSED

    cut_off.play(story)


def test_a_commit_whose_answer_is_lost_is_not_done_twice(cut_off, wire):
    async def story(desk):
        lease = await desk.leased()
        runs = []

        def create(tx):
            runs.append(1)
            tx.execute("create table if not exists orders (id integer)")
            wire.cut = 0

        async def last(tx):
            await tx.execute("insert into orders values (1)")
            if len(runs) == 1:
                wire.cut = 1  # the next answer is the commit's

        assert await desk.complete(lease, writes=(create, last)) is Completed.RECORDED
        assert desk.query("select count(*) from orders") == [(1,)]
        assert runs == [1]

    cut_off.play(story)


def test_a_claim_whose_answer_is_lost_is_given_back(cut_off, wire):
    async def story(desk):
        assert await desk.claim() == []  # else what is lost is the answer to its preparation
        await desk.accept("evt_1")
        assert await desk.store.next_due(["mark_paid"]) == 0
        wire.cut = 1
        with pytest.raises(StoreUnavailableError, match="cannot be used now"):
            await desk.claim()
        assert await desk.claim() == []
        await desk.store.beat()
        assert len(await desk.claim()) == 1
        # With something in hand only the rest is a stray.
        assert await desk.claim() == []
        await desk.accept("evt_2")
        wire.cut = 1
        with pytest.raises(StoreUnavailableError):
            await desk.claim()
        await desk.store.beat()
        assert [lease.event.vendor_id for lease in await desk.claim()] == ["evt_2"]

    cut_off.play(story)


def test_while_the_database_is_away_all_is_refused_and_then_all_goes_on(cut_off, wire):
    cut_off.limits |= {"pending_seconds": 0.1}

    async def story(desk):
        lease = await desk.leased()
        wire.fall()
        answer = await desk.submit(desk.make("evt_1", lease=True))
        assert isinstance(answer, StoreUnavailableError)
        with pytest.raises(StoreUnavailableError):
            await desk.complete(lease)
        with pytest.raises(StoreUnavailableError):
            await desk.complete(lease, writes=(lambda tx: None,))
        with pytest.raises(StoreUnavailableError):
            await desk.store.beat()
        wire.down = False
        assert (await desk.accept("evt_3")).stored is Stored.NEW
        assert await desk.complete(lease) is Completed.RECORDED
        await desk.store.beat()

    cut_off.play(story)
    assert {told.kind for told in cut_off.heard(BatchFailed)} == {"accept", "job"}


def test_a_database_that_is_away_at_the_end_keeps_nobody_waiting(cut_off, wire):
    async def story(desk):
        await desk.leased()
        await desk.accept("evt_2")  # others are told; it may be too late
        wire.fall()

    cut_off.play(story)


def test_a_silent_database_is_given_up_and_a_late_claim_is_given_back(pg):
    pg.limits |= {"answer": 0.5}

    async def story(desk):
        await desk.accept("evt_1")
        with psycopg.connect(pg.database.url) as beside:
            beside.execute("lock table hardpoint.job in access exclusive mode")
            claiming = asyncio.create_task(desk.claim())
            waiting = asyncio.create_task(desk.store.claim_suspect(["mark_paid"]))
            await asyncio.sleep(0.01)
            claiming.cancel()
            with pytest.raises(StoreUnavailableError, match="did not answer"):
                await waiting
            ending = desk.ending(desk.lease_of(desk.make("evt_9")))
            with pytest.raises(StoreUnavailableError, match="did not answer"):
                await desk.store.complete(ending)
        claimed = []
        async with asyncio.timeout(60):
            while not claimed:
                with suppress(StoreUnavailableError):
                    claimed = await desk.claim()

    pg.play(story)


def test_a_callback_that_raises_keeps_no_answer_from_the_others(pg):
    heard = []

    async def story(desk):
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))

        def fails(result):
            raise LookupError("a defect of the caller")

        desk.store.accept(desk.make("evt_1"), fails)
        assert (await desk.accept("evt_2")).stored is Stored.NEW

    pg.play(story)
    assert isinstance(heard[0]["exception"], LookupError)


def test_answers_for_a_loop_that_is_closed_go_nowhere(pg):
    store = pg.build()

    with psycopg.connect(pg.database.url) as beside:
        asyncio.run(open_it(store))
        beside.execute("lock table hardpoint.event in access exclusive mode")
        asyncio.run(put(store, pg.make("evt_1")))
    run(store.claim({"mark_paid": 1}))
    store.close_blocking()
    assert len(pg.query(store, "select 1 from hardpoint_event", ())) == 1


async def open_it(store):
    await store.open()


async def put(store, event):
    store.accept(event, lambda result: None)


def test_a_forked_child_has_nothing_of_it(pg, forked):
    async def story(desk):
        await desk.accept("evt_1")

        def child():
            try:
                desk.store.accept(desk.make("evt_2"), print)
            except StoreUnavailableError as error:
                return str(error)

        assert "is not open" in forked(child)
        assert len(await desk.claim()) == 1

    pg.play(story)


def test_counters_that_are_none_are_not_written(pg):
    async def story(desk):
        await desk.store.refuse([])
        await desk.store.refuse([Refusals("billing", "x", 1, 2), Refusals("billing", "x", 1, 3)])
        assert desk.query("select count from hardpoint_refused") == [(5,)]
        for change in (desk.store.retry, desk.store.resolve):
            options = {"note": "x"} if change == desk.store.resolve else {}
            assert await change("not an id", **options) == 0
        assert await desk.store.replay("not an id", ["a"]) == 0

    pg.play(story)


def test_it_opens_no_database_that_is_not_durable(pg):
    database, name = pg.database, pg.database.beside.info.dbname
    database.beside.execute("create schema fake")
    database.beside.execute(
        "create function fake.current_setting(text) returns text language sql as $$ select 'off' $$"
    )
    database.beside.execute(f"alter database {name} set search_path = fake, pg_catalog, public")
    try:
        with pytest.raises(ConfigurationError, match="fsync"):
            asyncio.run(open_it(pg.build()))
    finally:
        database.beside.execute(f"alter database {name} reset search_path")
        database.beside.execute("drop schema fake cascade")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_it_opens_no_database_that_cannot_hold_every_character(pg, encoding):
    beside, name = pg.database.beside, pg.database.beside.info.dbname
    other = f"{name}_{encoding}".lower()
    beside.execute(f"create database {other} encoding '{encoding}' locale 'C' template template0")
    pg.url = pg.url.replace(f"/{name}", f"/{other}")
    try:
        with pytest.raises(ConfigurationError, match=f"in {encoding}, which cannot hold"):
            asyncio.run(open_it(pg.build()))
    finally:
        beside.execute(f"drop database {other} with (force)")


def test_a_pooler_is_refused_by_name(cut_off, wire):
    wire.pooled = True

    async def scene():
        with pytest.raises(ConfigurationError, match="leads to a pooler") as caught:
            await cut_off.build().open()
        assert "the server itself" in caught.value.fix

    asyncio.run(scene())


def test_a_server_that_has_said_farewell_is_connected_to_anew(cut_off, wire):
    async def story(desk):
        first, second, *others = await desk.leases(7)
        beside = desk.stage.database.beside
        beside.execute("create table orders (id integer primary key)")

        async def write(tx):
            tx.execute("insert into orders values (1)")

        await desk.complete(first, writes=(write,))
        wire.lingers = True
        (gone,) = beside.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
            " and backend_type = 'client backend'"
        ).fetchone()
        async with asyncio.timeout(60):
            while wire.ended < gone:
                await asyncio.sleep(0.01)
        wire.lingers = False
        await desk.accept("evt_9")
        assert await desk.complete(second) is Completed.RECORDED
        for number, lease in enumerate(others, 2):  # whichever connection's turn it is
            insert = SqlWrite("insert into orders values ($1)", (number,))
            assert await desk.complete(lease, writes=(insert,)) is Completed.RECORDED
        with suppress(StoreUnavailableError):
            await desk.store.beat()
        await desk.store.beat()

    cut_off.play(story)


def test_what_a_role_limits_does_not_limit_the_store(pg):
    beside, name = pg.database.beside, pg.database.beside.info.dbname
    limits = ("statement_timeout", "lock_timeout", "idle_session_timeout")
    for limit in limits:
        beside.execute(f"alter database {name} set {limit} = '1h'")
    found = []

    async def story(desk):
        async def write(tx):
            found.extend([(await tx.execute(f"show {limit}")).fetchone()[0] for limit in limits])

        await desk.complete(await desk.leased(), writes=(write,))

    try:
        pg.play(story)
    finally:
        for limit in limits:
            beside.execute(f"alter database {name} reset {limit}")
    assert found == ["0", "0", "0"]


def test_a_database_that_stays_away_is_a_warning_once_a_minute(cut_off, wire):
    cut_off.limits |= {"pending_seconds": 0.0}

    async def story(desk):
        wire.fall()
        for number in range(3):
            with pytest.raises(StoreUnavailableError):
                await desk.accept(f"evt_{number}")
        wire.down = False

    cut_off.play(story)
    failed = cut_off.heard(BatchFailed)
    assert [one.failures for one in failed if one.kind == "accept"] == [1, 0, 0]


def test_many_that_start_at_once_make_the_tables_once(pg):
    pg.database.beside.execute("drop schema hardpoint cascade")

    async def scene():
        stores = [pg.build() for _ in range(4)]
        await asyncio.gather(*(store.open() for store in stores))
        for store in stores:
            await store.close()

    try:
        asyncio.run(scene())
    finally:
        pg.database.beside.execute("drop schema hardpoint cascade")
        pg.database.reset()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("update hardpoint.meta set value = '99' where name <> 'store'", "a newer hardpoint"),
        ("update hardpoint.meta set value = 'x' where name = 'schema'", "did not make"),
        ("alter table hardpoint.meta rename to other", "did not make"),
    ],
)
def test_tables_that_it_does_not_know_are_refused(pg, change, says):
    with psycopg.connect(pg.database.url, autocommit=True) as beside:
        beside.execute("begin")
        beside.execute(change)
        beside.execute("commit")
        try:
            for opened in (lambda: asyncio.run(open_it(pg.build())), lambda: pg.reader(None)):
                with pytest.raises(StoreCorruptError, match=says):
                    opened()
        finally:
            beside.execute("drop schema hardpoint cascade")
            pg.database.reset()


def test_two_processes_with_the_same_keys_never_wait_in_a_circle(pg):
    async def scene():
        stores = [pg.build(), pg.build()]
        for store in stores:
            await store.open()
        desks = [pg.desk(store) for store in stores]
        for turn in range(10):
            for asserted in (False, True):
                made = [
                    desk.submit(desk.make(f"{turn}-{number}", b"%d" % number, asserted=asserted))
                    for desk, order in zip(desks, (range(40), range(39, -1, -1)), strict=True)
                    for number in order
                ]
                answers = await asyncio.gather(*made)
                assert not [one for one in answers if isinstance(one, Exception)]
        for store in stores:
            await store.close()

    asyncio.run(scene())


def test_others_hear_that_there_is_work(pg):
    async def scene():
        acceptor, worker = pg.build(), pg.build()
        await acceptor.open()
        await worker.open()
        hint = asyncio.create_task(worker.wait_for_work())
        gone = asyncio.create_task(worker.wait_for_work())
        await asyncio.sleep(0)
        gone.cancel()
        desk = pg.desk(acceptor)
        await desk.accept("evt_1")
        await desk.accept("evt_2")
        await asyncio.wait_for(hint, 20)
        (lease, _) = (await worker.claim({"mark_paid": 2})).leases
        await worker.complete(desk.ending(lease, Outcome.DEAD))
        hint = asyncio.create_task(worker.wait_for_work())
        await asyncio.sleep(0)
        await acceptor.retry(lease.event.id)
        await asyncio.wait_for(hint, 20)
        await worker.close()
        await acceptor.close()

    asyncio.run(scene())


def test_nobody_hears_of_an_event_that_nobody_handles(pg):
    async def story(desk):
        notices = desk.store._opened.session._notices
        await desk.accept("evt_1", handlers=())
        assert notices._notice is None
        await desk.accept("evt_2")
        assert notices._notice is not None

    pg.play(story)
