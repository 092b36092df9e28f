"""Writes in MariaDB, where the store is elsewhere: once for a job, whatever happens on the way."""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pymysql
import pytest
import sqlalchemy
from pymysql.cursors import DictCursor
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool
from tests.servers.mariadb import MariaServer

from hardpoint.core.errors import StoreError, StoreMisuseError
from hardpoint.store.fence import FENCE_TABLE, write_fenced

VICTIM = Path(__file__).parents[1] / "store" / "fence_victim.py"
PAID = "insert into orders values (1)"
ATTEMPTS = 1_000.0
"""Between the beginnings of two attempts, in seconds."""


@pytest.fixture(scope="module")
def server():
    folder = Path(tempfile.mkdtemp(prefix="maria-"))  # a short path: it holds a socket
    folder.chmod(0o755)
    made = MariaServer(folder)
    made.start()
    yield made
    made.kill()
    shutil.rmtree(folder)


class Shop:
    """The application's database, anew for each test."""

    def __init__(self, server):
        self.server = server
        self.url = f"mysql+pymysql://root@/shop?unix_socket={server.socket}"

    def reset(self):
        self.asked("drop table if exists orders, stock, hardpoint_done")
        self.asked(FENCE_TABLE)
        self.asked("create table orders (id integer)")

    def asked(self, sql):
        connection = self.server.connect(autocommit=True)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def orders(self):
        return self.asked("select count(*) from orders")[0][0]

    def engine(self, **options):
        return sqlalchemy.create_engine(self.url, poolclass=NullPool, **options)

    def waits(self, count=1):
        """Wait until so many transactions wait for a lock."""
        until = time.monotonic() + 60
        waiting = "select count(*) from information_schema.innodb_trx where trx_state = 'LOCK WAIT'"
        while self.asked(waiting)[0][0] < count:
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.15)  # InnoDB makes this table anew only if nobody has asked for 0.1 s


@pytest.fixture
def shop(server):
    made = Shop(server)
    made.reset()
    return made


def by_cursor(target):
    with target.cursor() as cursor:
        cursor.execute(PAID)


def by_text(target):
    return target.execute(sqlalchemy.text(PAID))


BLOCKING = {
    "PyMySQL": (lambda shop: shop.server.connect(), by_cursor),
    "each statement": (lambda shop: shop.server.connect(autocommit=True), by_cursor),
    "rows by name": (lambda shop: shop.server.connect(cursorclass=DictCursor), by_cursor),
    "Connection": (lambda shop: shop.engine().connect(), by_text),
    "Session": (lambda shop: Session(shop.engine()), by_text),
    "scoped_session": (lambda shop: scoped_session(sessionmaker(shop.engine())), by_text),
}


def fenced(target, function, handler="pay", event="e1", now=ATTEMPTS):
    return write_fenced(target, function, event=event, handler=handler, now=now)


@pytest.mark.parametrize("kind", BLOCKING)
def test_it_is_written_once_for_a_job(shop, kind):
    opened, write = BLOCKING[kind]

    def fail(target):
        write(target)
        raise LookupError

    with closing(opened(shop)) as target:
        with pytest.raises(LookupError):
            fenced(target, fail)
        assert shop.orders() == 0
        assert fenced(target, write) is True
        assert fenced(target, write) is False
        assert fenced(target, write, event="e2") is True
        assert shop.orders() == 2
        write(target)
        if kind == "each statement":  # as it was before
            assert shop.orders() == 3
        else:
            with pytest.raises(StoreMisuseError, match="in a transaction already"):
                fenced(target, write, event="e3")


@pytest.mark.parametrize("kind", ["connection", "session"])
def test_what_is_awaited_is_written_once_too(shop, kind):
    async def scene():
        url = shop.url.replace("pymysql", "aiomysql")
        made = create_async_engine(url, poolclass=NullPool)
        for expected in (True, False):
            target = AsyncSession(made) if kind == "session" else made.connect()
            async with target:
                assert await fenced(target, by_text) is expected
        async with made.connect() as target:
            with pytest.raises(LookupError):
                await fenced(target, failing, event="e2")
        await made.dispose()

    async def failing(target):
        await by_text(target)
        raise LookupError

    asyncio.run(scene())
    assert shop.orders() == 1


@pytest.mark.parametrize("ends", ["commits", "fails"])
def test_of_two_attempts_at_a_time_one_writes(shop, ends):
    """The second inserts while the first has not committed, and waits for it."""
    answers = []

    def attempt(kind, function):
        opened, _ = BLOCKING[kind]
        with closing(opened(shop)) as target, suppress(LookupError):
            answers.append(fenced(target, function))

    def first(target):
        by_cursor(target)
        second.start()
        shop.waits()
        if ends == "fails":
            raise LookupError

    second = threading.Thread(target=attempt, args=("Session", by_text))
    attempt("PyMySQL", first)
    second.join(60)
    assert sorted(answers) == ([False, True] if ends == "commits" else [True])
    assert shop.orders() == 1


def test_a_wait_for_another_attempt_has_its_end(shop):
    """What the server bounds is an error, and the next attempt finds what is to be done."""

    def first(target):
        by_cursor(target)
        with closing(shop.server.connect()) as connection:
            with connection.cursor() as cursor:
                cursor.execute("set innodb_lock_wait_timeout = 1")
            with pytest.raises(pymysql.OperationalError, match="Lock wait timeout"):
                fenced(connection, by_cursor)

    with closing(shop.server.connect()) as connection:
        assert fenced(connection, first) is True
        assert fenced(connection, by_cursor, now=2 * ATTEMPTS) is False
    assert shop.orders() == 1


def deadlocked(shop, kind, *, swallow):
    """Two jobs that lock the same two rows in a circle; what became of each."""
    opened, _ = BLOCKING[kind]
    held = threading.Barrier(2, timeout=60)
    ends = {}

    def attempt(name, mine, others):
        def write(target):
            with target.cursor() as cursor:
                cursor.execute(f"update stock set left_over = left_over - 1 where id = {mine}")
                held.wait()
                try:
                    cursor.execute(
                        f"update stock set left_over = left_over - 1 where id = {others}"
                    )
                except pymysql.OperationalError:
                    if not swallow:
                        raise
                    cursor.execute(PAID)

        with closing(opened(shop)) as target:
            try:
                ends[name] = fenced(target, write, event=name)
            except (pymysql.OperationalError, StoreError) as error:
                ends[name] = error

    shop.asked("create table stock (id integer primary key, left_over integer)")
    shop.asked("insert into stock values (1, 10), (2, 10)")
    threads = [
        threading.Thread(target=attempt, args=("e1", 1, 2)),
        threading.Thread(target=attempt, args=("e2", 2, 1)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ends


def stock(shop):
    return [left for (left,) in shop.asked("select left_over from stock order by id")]


def test_of_two_in_a_deadlock_the_one_that_is_undone_writes_at_its_next_attempt(shop):
    ends = deadlocked(shop, "PyMySQL", swallow=False)
    (failed,) = [name for name, end in ends.items() if end is not True]
    assert "Deadlock" in str(ends[failed])
    assert stock(shop) == [9, 9]
    with closing(shop.server.connect()) as target:
        assert fenced(target, by_cursor, event=failed, now=2 * ATTEMPTS) is True
    assert shop.orders() == 1


@pytest.mark.parametrize("kind", ["PyMySQL", "each statement"])
def test_a_deadlock_that_the_function_swallows_commits_nothing(shop, kind):
    """The server has begun another transaction, in which the job's row is not."""
    ends = deadlocked(shop, kind, swallow=True)
    (failed,) = [name for name, end in ends.items() if end is not True]
    assert "is not what it was" in str(ends[failed])
    assert stock(shop) == [9, 9]
    assert shop.orders() == 0
    assert shop.asked("select count(*) from hardpoint_done") == ((1,),)


@pytest.mark.parametrize("engine", ["MyISAM", "Aria"])
@pytest.mark.parametrize("kind", ["PyMySQL", "Session"])
def test_a_fence_table_of_an_engine_without_transactions_is_refused(shop, engine, kind):
    shop.asked("drop table hardpoint_done")
    shop.asked(f"{FENCE_TABLE} engine = {engine}")
    opened, write = BLOCKING[kind]
    with closing(opened(shop)) as target, pytest.raises(StoreError, match="engine = InnoDB"):
        fenced(target, write)
    assert shop.orders() == 0


def test_without_its_table_it_says_how_to_make_it(shop):
    shop.asked("drop table hardpoint_done")
    made = pytest.raises(StoreError, match="create table hardpoint_done")
    with closing(shop.server.connect()) as target, made:
        fenced(target, by_cursor)


@pytest.mark.parametrize(("mode", "charset"), [("strict_trans_tables", "utf8mb4"), ("", "latin1")])
def test_names_of_any_kind_stay_apart_or_are_refused(shop, mode, charset):
    """What the column cannot hold is an error, each time; never another job's row."""
    shop.asked("drop table hardpoint_done")
    shop.asked(f"{FENCE_TABLE} character set {charset}")
    names = ["pay", "Pay", "pay ", "päy", "p\0y", "p%sy", "p'y\\", "\U0001f4b6", "x" * 6000]
    names += ["x" * 5999 + "y", "x" * 255]
    with closing(shop.server.connect(sql_mode=mode)) as target:
        written = []
        for name in names:
            try:
                assert fenced(target, by_cursor, handler=name) is True
            except (StoreError, pymysql.MySQLError):
                assert fenced_again(target, name) is None
            else:
                assert fenced_again(target, name) is False
                written.append(name)
    assert shop.orders() == len(written)
    assert {"pay", "p\0y", "p%sy", "p'y\\", names[-3], names[-2], names[-1]} <= {*written}
    assert "Pay" not in written  # the collation takes it for the first


def fenced_again(target, name):
    try:
        return fenced(target, by_cursor, handler=name, now=2 * ATTEMPTS)
    except (StoreError, pymysql.MySQLError):
        return None


def test_a_binary_collation_keeps_all_names_apart(shop):
    shop.asked("drop table hardpoint_done")
    shop.asked(f"{FENCE_TABLE} character set utf8mb4 collate utf8mb4_nopad_bin")
    names = ["pay", "Pay", "pay ", "päy", "\U0001f4b6", "p\0y"]
    with closing(shop.server.connect()) as target:
        assert [fenced(target, by_cursor, handler=name) for name in names] == [True] * len(names)
        assert [fenced_again(target, name) for name in names] == [False] * len(names)


def test_old_rows_are_cleared_in_portions_and_young_ones_stay(shop):
    old = "select concat('old', seq), 'pay', seq / 100 from seq_1_to_2500"
    shop.asked(f"insert into hardpoint_done {old}")
    with closing(shop.server.connect(autocommit=True)) as target:
        assert fenced(target, by_cursor, event="young") is True
        with target.cursor() as cursor:
            while cursor.execute("delete from hardpoint_done where done_at < 30 limit 1000"):
                pass
        assert fenced(target, by_cursor, event="young", now=2 * ATTEMPTS) is False
    assert shop.asked("select event from hardpoint_done") == (("young",),)


def test_killed_between_the_commit_there_and_the_end_of_the_job_it_is_written_once(shop, tmp_path):
    victim = [sys.executable, str(VICTIM), str(tmp_path / "store.db"), shop.url]
    died = subprocess.run([*victim, "dies"], check=False, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert shop.orders() == 1
    lived = subprocess.run([*victim, "lives"], check=False, capture_output=True, text=True)
    assert lived.stdout.split() == ["False", "recorded"], lived.stderr
    assert shop.orders() == 1


EVENTS = 30


def test_while_the_server_is_killed_each_job_has_written_once(server, shop):
    """Each job is tried until it is told that it has written; the server is killed meanwhile."""
    shop.asked("drop table orders")
    shop.asked("create table orders (event varchar(36))")
    left = [f"e{number}" for number in range(EVENTS)] * 2  # two workers at each
    mutex, told = threading.Lock(), []

    def work():
        while True:
            with mutex:
                if not left:
                    return
                event = left.pop(0)
            try:
                with closing(server.connect()) as target:
                    told.append((event, fenced(target, partial(pay, event=event), event=event)))
            except (pymysql.MySQLError, StoreError):
                time.sleep(0.01)
                with mutex:
                    left.append(event)

    def pay(target, event):
        with target.cursor() as cursor:
            cursor.execute("insert into orders values (%s)", [event])
        time.sleep(0.002)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    while len(told) < EVENTS // 2:
        assert time.monotonic() < until, told
        time.sleep(0.005)
    server.kill()
    server.start()
    for thread in threads:
        thread.join(60)
    events = [event for (event,) in shop.asked("select event from orders")]
    assert sorted(events) == sorted({event for event, _ in told})
    assert len(events) == EVENTS
