"""Promise 4: a user's own transaction and the job's completion are one."""

import asyncio
import os
import sqlite3

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from tests.store.joining_suite import JoiningConformance

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.store.driver import Completed, Stored
from hardpoint.store.events import GateHeldLong, StoreBroken
from hardpoint.store.sqlite import complete_in
from hardpoint.store.sqlite.joining import _stepped

PAY = "insert into orders (id) values (1)"


async def with_orders(desk):
    connection = sqlite3.connect(desk.store.path)
    connection.execute("create table if not exists orders (id integer)")
    connection.close()
    return await desk.leased()


class Plain:
    """A `sqlite3.Connection`, used in a thread as in a plain def handler."""

    async def run(self, desk, lease, work=None, *, path=None, make=sqlite3.connect):
        def handler():
            connection = make(path or desk.store.path)
            try:
                block = complete_in(desk.store, lease, connection)
                with block as given:
                    assert given is connection
                    given.execute(PAY)
                    if work is not None:
                        work(given)
                return block.completed
            finally:
                connection.close()

        return await asyncio.to_thread(handler)


class OfSession:
    """SQLAlchemy's `Session`, likewise."""

    async def run(self, desk, lease, work=None, *, path=None, prepare=None, joined=False):
        engine = sqlalchemy.create_engine(f"sqlite:///{path or desk.store.path}")
        if prepare:
            prepare(engine)

        def handler():
            with Session(engine) as session:
                if joined:
                    session.execute(sqlalchemy.text("select 1"))
                block = complete_in(desk.store, lease, session)
                with block as given:
                    assert given is session
                    given.execute(sqlalchemy.text(PAY))
                    if work is not None:
                        work(given)
                return block.completed

        try:
            return await asyncio.to_thread(handler)
        finally:
            engine.dispose()


class OfAsyncSession:
    """SQLAlchemy's `AsyncSession` over aiosqlite."""

    async def run(self, desk, lease, work=None, *, path=None, prepare=None, joined=False):
        engine = create_async_engine(f"sqlite+aiosqlite:///{path or desk.store.path}")
        if prepare:
            prepare(engine.sync_engine)
        try:
            async with AsyncSession(engine) as session:
                if joined:
                    await session.execute(sqlalchemy.text("select 1"))
                block = complete_in(desk.store, lease, session)
                async with block as given:
                    assert given is session
                    await given.execute(sqlalchemy.text(PAY))
                    if work is not None:
                        result = work(given)
                        if asyncio.iscoroutine(result):
                            await result
                return block.completed
        finally:
            await engine.dispose()


@pytest.fixture(params=[Plain, OfSession, OfAsyncSession])
def side(request):
    """Each kind of connection that can be joined."""
    return request.param()


@pytest.fixture(params=[OfSession, OfAsyncSession])
def session_side(request):
    """Each kind of session."""
    return request.param()


def orders(desk):
    return desk.query("select count(*) from orders")[0][0]


class TestEverySide(JoiningConformance):
    with_orders = staticmethod(with_orders)
    orders = staticmethod(orders)


def test_the_attempt_is_recorded_as_begun_when_the_handler_began(stage):
    async def story(desk):
        assert await Plain().run(desk, await with_orders(desk))
        assert desk.query("select started_at from hardpoint_attempt") == [(desk.clock.now(),)]

    stage.play(story)


def test_another_file_is_refused(stage, side):
    async def story(desk):
        lease = await with_orders(desk)
        with pytest.raises(StoreError, match="not on the store's file"):
            await side.run(desk, lease, path=desk.store.path.with_name("other.db"))
        assert await side.run(desk, lease)

    stage.play(story)


def test_another_name_of_the_same_file_is_welcome(stage, side):
    async def story(desk):
        lease = await with_orders(desk)
        link = desk.store.path.with_name("link.db")
        link.symlink_to(desk.store.path)
        assert await side.run(desk, lease, path=link)

    stage.play(story)


def test_a_database_in_memory_is_refused(stage):
    async def story(desk):
        lease = await with_orders(desk)
        with pytest.raises(StoreError, match="is on a database in memory"):
            await Plain().run(desk, lease, path=":memory:")

    stage.play(story)


def test_a_connection_in_a_transaction_is_refused_and_left_as_it_was(stage):
    async def story(desk):
        lease = await with_orders(desk)

        def handler():
            connection = sqlite3.connect(desk.store.path)
            connection.execute(PAY)
            with (
                pytest.raises(StoreError, match="in a transaction already"),
                complete_in(desk.store, lease, connection),
            ):
                raise AssertionError
            assert connection.in_transaction
            connection.rollback()
            connection.close()

        await asyncio.to_thread(handler)

    stage.play(story)


def test_a_session_in_a_transaction_is_refused(stage, session_side):
    async def story(desk):
        lease = await with_orders(desk)
        with pytest.raises(StoreError, match="in a transaction already"):
            await session_side.run(desk, lease, joined=True)

    stage.play(story)


def test_a_session_bound_to_a_connection_in_a_transaction_is_refused(stage):
    async def story(desk):
        lease = await with_orders(desk)
        engine = sqlalchemy.create_engine(f"sqlite:///{desk.store.path}")

        def handler():
            with engine.connect() as connection, connection.begin():
                session = Session(connection)
                with (
                    pytest.raises(StoreError, match="in a transaction already"),
                    complete_in(desk.store, lease, session),
                ):
                    raise AssertionError

        await asyncio.to_thread(handler)
        engine.dispose()

    stage.play(story)


def test_an_engine_that_begins_by_a_listener_begins_anew_with_the_lock(stage, session_side):
    """SQLAlchemy's documented recipe for SQLite emits a BEGIN of its own, a deferred one."""

    def prepare(engine):
        @sqlalchemy.event.listens_for(engine, "begin")
        def begin(connection):
            connection.exec_driver_sql("begin")

    async def story(desk):
        lease = await with_orders(desk)
        assert await session_side.run(desk, lease, prepare=prepare)
        assert orders(desk) == 1

    stage.play(story)


def test_a_block_that_commits_by_itself_is_told_so(stage, side):
    async def story(desk):
        lease = await with_orders(desk)
        with pytest.raises(StoreError, match="committed or rolled back by itself"):
            await side.run(desk, lease, lambda given: given.commit())
        assert await desk.complete(lease) is Completed.RECORDED

    stage.play(story)


def test_a_block_that_rolls_back_and_goes_on_is_told_so(stage):
    async def story(desk):
        lease = await with_orders(desk)

        def restart(given):
            given.rollback()
            given.execute(PAY)

        with pytest.raises(StoreError, match="committed or rolled back by itself"):
            await Plain().run(desk, lease, restart)
        assert orders(desk) == 0

    stage.play(story)


def test_what_a_session_holds_back_is_part_of_it(stage):
    class Base(sqlalchemy.orm.DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "orders"
        id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)

    async def story(desk):
        lease = await with_orders(desk)
        assert await OfSession().run(desk, lease, lambda session: session.add(Order(id=7)))
        assert desk.query("select id from orders order by id") == [(1,), (7,)]

    stage.play(story)


def test_a_row_factory_of_the_user_s_does_not_matter(stage):
    def make(path):
        connection = sqlite3.connect(path)
        connection.row_factory = lambda cursor, row: {"row": row}
        return connection

    async def story(desk):
        assert await Plain().run(desk, await with_orders(desk), make=make)

    stage.play(story)


def test_a_user_s_connection_never_copies_the_log(stage):
    async def story(desk):
        lease = await with_orders(desk)

        def check(given):
            assert given.execute("pragma wal_autocheckpoint").fetchone() == (0,)

        assert await Plain().run(desk, lease, check)

    stage.play(story)


def test_blocking_connections_do_not_belong_in_the_event_loop(stage):
    async def story(desk):
        lease = await with_orders(desk)
        connection = sqlite3.connect(desk.store.path)
        with (
            pytest.raises(StoreError, match="plain def handler"),
            complete_in(desk.store, lease, connection),
        ):
            raise AssertionError
        with pytest.raises(StoreError, match="belongs in a plain def handler"):
            async with complete_in(desk.store, lease, connection):
                raise AssertionError
        connection.close()
        engine = create_async_engine(f"sqlite+aiosqlite:///{desk.store.path}")
        with (
            pytest.raises(StoreError, match="write `async with`"),
            complete_in(desk.store, lease, AsyncSession(engine)),
        ):
            raise AssertionError
        await engine.dispose()

    stage.play(story)


def test_a_block_that_asks_the_store_is_refused_and_not_left_waiting_for_itself(stage):
    async def story(desk):
        lease = await with_orders(desk)
        ended, started = asyncio.Event(), []

        async def ask_when_ended():
            await ended.wait()
            return await desk.claim()

        async def ask(_):
            with pytest.raises(StoreError, match="Do it before or after"):
                await desk.claim()
            started.append(asyncio.ensure_future(ask_when_ended()))

        assert await OfAsyncSession().run(desk, lease, ask)
        ended.set()
        assert await started[0] == await desk.claim() == []

    stage.play(story)


def test_a_thread_s_block_that_asks_the_store_through_the_loop_is_refused(stage):
    async def story(desk):
        lease = await with_orders(desk)
        loop = asyncio.get_running_loop()

        def ask(_):
            with pytest.raises(StoreError, match="Do it before or after"):
                asyncio.run_coroutine_threadsafe(desk.claim(), loop).result(10)

        assert await Plain().run(desk, lease, ask)

    stage.play(story)


def test_anything_else_is_refused_by_name(stage):
    async def story(desk):
        lease = await with_orders(desk)
        with pytest.raises(StoreError, match="not int"):
            complete_in(desk.store, lease, 7)

    stage.play(story)


def test_a_closed_store_is_refused_before_anything_begins(stage):
    async def story(desk):
        lease = await with_orders(desk)
        await desk.store.close()
        with pytest.raises(StoreUnavailableError, match="is not open"):
            await Plain().run(desk, lease)

    stage.play(story)


def test_a_lock_from_outside_frees_the_gate_again(stage, side):
    def prepare(engine):
        @sqlalchemy.event.listens_for(engine, "connect")
        def connect(connection, _):
            connection.execute("pragma busy_timeout = 10")

    async def story(desk):
        lease = await with_orders(desk)
        outside = sqlite3.connect(desk.store.path, isolation_level=None)
        outside.execute("begin immediate")
        settings = {"prepare": prepare}
        if isinstance(side, Plain):
            settings = {"make": lambda path: sqlite3.connect(path, timeout=0.01)}
        with pytest.raises(Exception, match="locked"):
            await side.run(desk, lease, **settings)
        outside.execute("rollback")
        outside.close()
        assert await side.run(desk, lease)

    stage.play(story)


def test_a_failed_sync_of_the_user_s_commit_breaks_the_store(stage):
    async def commit():
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    async def story(desk):
        lease = await with_orders(desk)

        def handler():
            connection = sqlite3.connect(desk.store.path)
            block = complete_in(desk.store, lease, connection)
            block._connection.commit = commit
            try:
                with block:
                    connection.execute(PAY)
            finally:
                connection.close()

        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            await asyncio.to_thread(handler)
        assert "disk I/O error" in desk.store.broken

    stage.play(story)
    assert stage.heard(StoreBroken)


def test_a_block_that_holds_the_gate_long_is_reported(stage):
    async def story(desk):
        lease = await with_orders(desk)
        await Plain().run(desk, lease, lambda _: desk.clock.advance(3))
        await desk.accept("evt_2")

    stage.play(story)
    (held,) = stage.heard(GateHeldLong)
    assert (held.handler, held.seconds) == ("mark_paid", pytest.approx(3))


def test_a_cancelled_block_undoes_all_and_frees_the_gate(stage):
    async def story(desk):
        lease = await with_orders(desk)
        inside = asyncio.Event()

        async def stay(_):
            inside.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(OfAsyncSession().run(desk, lease, stay))
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert orders(desk) == 0
        assert await desk.complete(lease) is Completed.RECORDED

    stage.play(story)


def test_a_block_cancelled_at_the_gate_leaves_nothing_behind(stage):
    async def story(desk):
        lease = await with_orders(desk)
        desk.store.gate.acquire()
        task = asyncio.ensure_future(OfAsyncSession().run(desk, lease))
        while not desk.store.gate._waiting:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        desk.store.gate.release()
        assert await OfAsyncSession().run(desk, lease)

    stage.play(story)


def test_all_three_write_in_turn_with_a_busy_accept_path(stage):
    rounds = 8

    async def story(desk):
        await with_orders(desk)
        stop = False
        answers = []

        async def busy():
            number = 0
            while not stop:
                events = [desk.make(f"load_{number}_{n}", handlers=()) for n in range(20)]
                answers.extend(await asyncio.gather(*map(desk.submit, events)))
                number += 1

        load = asyncio.ensure_future(busy())
        for number in range(3 * rounds):
            await desk.accept(f"order_{number}")
        leases = await desk.claim(3 * rounds)
        kinds = [Plain(), OfSession(), OfAsyncSession()]
        done = await asyncio.gather(
            *(kinds[n % 3].run(desk, lease) for n, lease in enumerate(leases))
        )
        stop = True
        await load
        assert done == [True] * 3 * rounds
        assert orders(desk) == 3 * rounds
        assert {answer.stored for answer in answers} == {Stored.NEW}
        assert desk.query("pragma integrity_check") == [("ok",)]
        total = desk.query("select count(*) from hardpoint_event")
        assert total == [(len(answers) + 3 * rounds + 1,)]

    stage.play(story)


def test_a_blocking_side_that_suspends_is_a_defect():
    with pytest.raises(AssertionError):
        _stepped(asyncio.sleep(0))


@pytest.mark.parametrize(
    ("raised", "out"), [(None, StoreUnavailableError), (ZeroDivisionError, ZeroDivisionError)]
)
def test_a_block_that_forks_and_is_left_twice_ends_in_the_parent_alone(stage, raised, out):
    async def scenario(desk):
        lease = await with_orders(desk)

        def handler():
            connection = sqlite3.connect(desk.store.path)
            block = complete_in(desk.store, lease, connection)
            pid = 0
            try:
                with block as given:
                    given.execute(PAY)
                    pid = os.fork()
                    if pid == 0 and raised is not None:
                        raise raised
            except BaseException as error:
                if pid == 0:
                    os._exit(int(type(error) is not out or block.completed))
                raise
            finally:
                if pid == 0:
                    os._exit(2)
            _, status = os.waitpid(pid, 0)
            connection.close()
            return os.waitstatus_to_exitcode(status), block.completed

        assert await asyncio.to_thread(handler) == (0, True)
        assert orders(desk) == 1

    stage.play(scenario)
