"""Writes in another database: once for a job, whatever it is reached by."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from tests.store.django_orders import on_sqlite

from hardpoint.core.errors import StoreError, StoreMisuseError
from hardpoint.store.fence import FENCE_TABLE, write_fenced

PAID = "insert into orders values (1)"


class Named(sqlite3.Connection):
    """Of a driver that takes its parameters by name."""


class OfKinds:
    """Of a driver for MariaDB, on a file; it commits each statement unless that is turned off."""

    def __init__(self, path, transactions="YES"):
        self.file = sqlite3.connect(path, isolation_level=None)
        self.file.create_function("database", 0, lambda: "shop")
        self.file.execute("attach ':memory:' as information_schema")
        self.file.execute(
            "create table information_schema.tables (engine, table_schema, table_name)"
        )
        self.file.execute("create table information_schema.engines (engine, transactions)")
        self.file.execute(
            "insert into information_schema.tables values ('one', 'shop', 'hardpoint_done')"
        )
        self.file.execute(
            "insert into information_schema.engines values ('one', ?)", [transactions]
        )
        self.autocommit = True

    @property
    def in_transaction(self):
        return self.file.in_transaction

    def cursor(self):
        if not (self.commits_each() or self.in_transaction):
            self.file.execute("begin")
        return self.file.cursor()

    def commits_each(self):
        return self.autocommit

    def commit(self):
        self.file.commit()

    def rollback(self):
        self.file.rollback()

    def close(self):
        self.file.close()


class OfKindsCalled(OfKinds):
    """One that has methods for it."""

    def autocommit(self, on):
        self.each = on

    def __setattr__(self, name, value):
        super().__setattr__("each" if name == "autocommit" else name, value)

    def get_autocommit(self):
        return self.each

    commits_each = get_autocommit


@pytest.fixture(autouse=True)
def drivers(monkeypatch):
    for name, style, kinds in (
        ("named_driver", "named", [Named]),
        ("mariadb", "qmark", [OfKinds, OfKindsCalled]),
    ):
        module = ModuleType(name)
        module.paramstyle = style
        monkeypatch.setitem(sys.modules, name, module)
        for kind in kinds:
            monkeypatch.setattr(kind, "__module__", f"{name}.connections")


@pytest.fixture
def business(tmp_path):
    path = tmp_path / "business.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(FENCE_TABLE)
        connection.execute("create table orders (id integer)")
    return path


def orders(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select count(*) from orders").fetchone()[0]


def rows_by_name(path):
    connection = sqlite3.connect(path)
    connection.row_factory = lambda cursor, row: {
        column[0]: value for column, value in zip(cursor.description, row, strict=True)
    }
    return connection


def engine(path):
    return sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=sqlalchemy.NullPool)


def by_text(target):
    return target.execute(sqlalchemy.text(PAID))


def by_cursor(target):
    with target.cursor() as cursor:
        cursor.execute(PAID)


BLOCKING = {
    "sqlite3": (sqlite3.connect, lambda target: target.execute(PAID)),
    "each statement": (
        lambda path: sqlite3.connect(path, isolation_level=None),
        lambda target: target.execute(PAID),
    ),
    "rows by name": (rows_by_name, lambda target: target.execute(PAID)),
    "named": (
        lambda path: sqlite3.connect(path, factory=Named),
        lambda target: target.execute(PAID),
    ),
    "autocommit": (OfKinds, lambda target: target.cursor().execute(PAID)),
    "autocommit()": (OfKindsCalled, lambda target: target.cursor().execute(PAID)),
    "Connection": (lambda path: engine(path).connect(), by_text),
    "Session": (lambda path: Session(engine(path)), by_text),
    "scoped_session": (lambda path: scoped_session(sessionmaker(engine(path))), by_text),
    "Django": (on_sqlite, by_cursor),
}


@pytest.fixture(params=BLOCKING)
def opened(request, business):
    """Opens the business database, and writes there."""
    open_one, write = BLOCKING[request.param]
    made = []

    def another():
        made.append(open_one(business))
        return made[-1]

    another.write = write
    yield another
    for target in made:
        target.close()


def fenced(target, function, handler="pay", event="e1"):
    return write_fenced(target, function, event=event, handler=handler, now=7.0)


def test_it_is_written_once_for_a_job(opened, business):
    assert fenced(opened(), opened.write) is True
    assert fenced(opened(), opened.write) is False
    assert orders(business) == 1
    assert fenced(opened(), opened.write, handler="other") is True
    assert fenced(opened(), opened.write, event="e2") is True
    assert orders(business) == 3
    with closing(sqlite3.connect(business)) as connection:
        found = connection.execute("select * from hardpoint_done order by 1, 2").fetchall()
    assert found == [("e1", "other", 7.0), ("e1", "pay", 7.0), ("e2", "pay", 7.0)]


def test_what_the_function_raises_undoes_the_row_too(opened, business):
    def fail(target):
        opened.write(target)
        raise LookupError

    target = opened()
    with pytest.raises(LookupError):
        fenced(target, fail)
    assert orders(business) == 0
    assert fenced(target, opened.write) is True
    assert fenced(target, opened.write) is False


def test_one_that_is_in_a_transaction_is_refused(opened, business):
    def inside(target):
        with pytest.raises(StoreMisuseError, match="in a transaction already"):
            fenced(target, opened.write, event="e2")
        opened.write(target)

    assert fenced(opened(), inside) is True
    assert orders(business) == 1


def test_without_its_table_it_says_how_to_make_it(opened, business):
    with closing(sqlite3.connect(business)) as connection:
        connection.execute("drop table hardpoint_done")
    with pytest.raises(StoreError, match="create table hardpoint_done"):
        fenced(opened(), opened.write)
    assert orders(business) == 0


@pytest.mark.parametrize("kind", ["connection", "session"])
def test_what_is_awaited_is_written_once_too(business, kind):
    async def scene():
        made = create_async_engine(f"sqlite+aiosqlite:///{business}")
        try:
            for expected in (True, False):
                target = AsyncSession(made) if kind == "session" else made.connect()
                async with target:
                    assert await fenced(target, by_text) is expected
            async with made.connect() as target:
                with pytest.raises(LookupError):
                    await fenced(target, failing, event="e2")
        finally:
            await made.dispose()

    async def failing(target):
        await by_text(target)
        raise LookupError

    asyncio.run(scene())
    assert orders(business) == 1


def test_of_two_attempts_at_a_time_one_writes(business):
    """The second looks before the first has committed, and meets its row when it inserts."""
    inside, go_on = threading.Event(), threading.Event()
    answers = []

    def slow(target):
        target.execute(PAID)
        inside.set()
        assert go_on.wait(60)

    def attempt(function):
        with closing(sqlite3.connect(business, timeout=60)) as connection:
            answers.append(fenced(connection, function))

    threads = [threading.Thread(target=attempt, args=(slow,))]
    threads[0].start()
    assert inside.wait(60)
    threads.append(threading.Thread(target=attempt, args=(lambda target: target.execute(PAID),)))
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [False, True]
    assert orders(business) == 1


class Hasty(sqlite3.Connection):
    """One whose look misses what another attempt commits right after it."""

    rival = None

    def cursor(self):
        return Missing(self)


class Missing(sqlite3.Cursor):
    def execute(self, sql, *values):
        result = super().execute(sql, *values)
        rival, self.connection.rival = self.connection.rival, None
        if rival is not None and sql.startswith("select"):
            self.fetchall()
            with closing(sqlite3.connect(rival)) as connection:
                assert fenced(connection, lambda target: target.execute(PAID)) is True
        return result


def test_a_row_that_came_between_look_and_insert_is_found(business):
    with closing(sqlite3.connect(business, factory=Hasty)) as connection:
        connection.rival = business
        assert fenced(connection, lambda target: target.execute(PAID)) is False
    assert orders(business) == 1


def undone(target):
    """What MariaDB does after a deadlock, and a function that goes on all the same."""
    target.rollback()
    target.execute(PAID)


def test_writes_that_go_on_after_they_were_undone_are_not_committed(business):
    with closing(sqlite3.connect(business)) as connection:
        with pytest.raises(StoreError, match="is not what it was"):
            fenced(connection, undone)
        assert orders(business) == 0
        assert fenced(connection, lambda target: target.execute(PAID)) is True
    assert orders(business) == 1


def test_nor_are_they_where_another_attempt_has_written_meanwhile(business):
    def overtaken(target):
        target.rollback()
        with closing(sqlite3.connect(business)) as rival:
            write_fenced(rival, lambda it: it.execute(PAID), event="e1", handler="pay", now=60.0)
        target.execute(PAID)

    gone = pytest.raises(StoreError, match="the row of this job is gone")
    with closing(sqlite3.connect(business)) as connection, gone:
        fenced(connection, overtaken)
    assert orders(business) == 1


def test_a_connection_that_is_gone_before_the_commit_is_an_error(business):
    def closes(target):
        target.execute(PAID)
        target.close()

    with pytest.raises(StoreError, match="closed database"):
        fenced(sqlite3.connect(business), closes)
    assert orders(business) == 0


def test_what_the_function_raises_is_raised_where_the_connection_is_gone_too(business):
    def closes(target):
        target.close()
        raise LookupError

    with pytest.raises(LookupError):
        fenced(sqlite3.connect(business), closes)


@pytest.mark.parametrize("kind", ["NO", None])
def test_a_fence_table_that_takes_no_part_in_transactions_is_refused(business, kind):
    with closing(OfKinds(business, kind)) as connection:
        with pytest.raises(StoreError, match="engine = InnoDB"):
            fenced(connection, lambda target: target.cursor().execute(PAID))
        assert connection.autocommit is True
    assert orders(business) == 0


def test_handlers_whose_names_have_no_room_stay_apart(business):
    long = "step" * 100
    with closing(sqlite3.connect(business)) as connection:
        for name in (f"{long}a", f"{long}b"):
            assert fenced(connection, lambda target: target.execute(PAID), handler=name) is True
            assert fenced(connection, lambda target: target.execute(PAID), handler=name) is False
        lengths = connection.execute("select length(handler) from hardpoint_done").fetchall()
    assert lengths == [(255,), (255,)]


def test_an_insert_that_fails_for_another_reason_is_raised(business):
    with closing(sqlite3.connect(business)) as connection:
        connection.execute(
            "create trigger no before insert on hardpoint_done"
            " begin select raise(abort, 'full'); end"
        )
        with pytest.raises(sqlite3.IntegrityError, match="full"):
            fenced(connection, lambda target: target.execute(PAID))
    assert orders(business) == 0


def test_two_handlers_that_the_database_takes_for_one_are_refused(business):
    with closing(sqlite3.connect(business)) as connection:
        connection.execute("drop table hardpoint_done")
        connection.execute(
            FENCE_TABLE.replace("handler varchar(255)", "handler text collate nocase")
        )
        assert fenced(connection, lambda target: target.execute(PAID), handler="pay")
        with pytest.raises(StoreError, match="PAY and pay for the same"):
            fenced(connection, lambda target: target.execute(PAID), handler="PAY")


def test_an_engine_that_commits_each_statement_is_refused(business):
    made = engine(business).execution_options(isolation_level="AUTOCOMMIT")
    with made.connect() as target, pytest.raises(StoreMisuseError, match="AUTOCOMMIT"):
        fenced(target, by_text)
    assert orders(business) == 0


def test_a_function_that_awaits_on_what_blocks_is_refused(business):
    async def awaiting(target):
        await asyncio.sleep(0)

    with closing(sqlite3.connect(business)) as connection:
        with pytest.raises(StoreMisuseError, match="plain def"):
            fenced(connection, awaiting)
        assert fenced(connection, lambda target: target.execute(PAID)) is True


def test_what_is_no_connection_is_named():
    with pytest.raises(StoreMisuseError, match="not str"):
        fenced("business.db", print)

    class Odd:
        cursor = commit = rollback = None

    with pytest.raises(StoreMisuseError, match="no `paramstyle`"):
        fenced(Odd(), print)

    class Awaited(Odd):
        async def commit(self):
            pytest.fail("nobody awaits it")

    with pytest.raises(StoreMisuseError, match=r"does not await .*Awaited itself"):
        fenced(Awaited(), print)


def test_killed_between_the_commit_there_and_the_end_of_the_job_it_is_written_once(
    business, tmp_path
):
    victim = [sys.executable, str(Path(__file__).with_name("fence_victim.py"))]
    victim += [str(tmp_path / "store.db"), f"sqlite:///{business}"]
    died = subprocess.run([*victim, "dies"], check=False, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert orders(business) == 1
    lived = subprocess.run([*victim, "lives"], check=False, capture_output=True, text=True)
    assert lived.stdout.split() == ["False", "recorded"], lived.stderr
    assert orders(business) == 1
