"""A PostgreSQL server and a stage on it, and a wire to the server that can be cut."""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from tests.store.conftest import EventMaker, Stage

from hardpoint.core.events import Listeners
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.reader import PostgresReader
from hardpoint.store.postgres.schema import VERSION
from hardpoint.store.postgres.store import PostgresStore
from hardpoint.store.statements import schema_scripts
from hardpoint.testing.clock import ManualClock

POSTGRES_SECONDS = 60.0
_numbers = count()


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """Where a PostgreSQL server listens, with `{}` in place of a database's name.

    `HARDPOINT_TEST_POSTGRES` names one whose databases may be made and dropped. Otherwise the first
    test that asks has one started, for all workers; it ends when their parent does.
    """
    named = os.environ.get("HARDPOINT_TEST_POSTGRES")
    if named:
        return named.rstrip("/") + "/{}"
    session = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    folder = Path(tempfile.gettempdir()) / f"hardpoint-postgres-{os.getuid()}-{session}"
    folder.mkdir(mode=0o755, exist_ok=True)
    address, script = folder / "address", Path(__file__).with_name("server.py")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            with (folder / "log").open("w") as log:
                server = subprocess.Popen(
                    [sys.executable, str(script), str(folder), str(session)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            until = time.monotonic() + POSTGRES_SECONDS
            while not address.exists():
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until, "PostgreSQL did not start"
                time.sleep(0.02)
            server.returncode = 0  # it outlives this process, which need not wait for it
    return address.read_text()


class Database:
    """A database whose clock is moved by hand, and a connection beside the store's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.beside = psycopg.connect(url, autocommit=True)
        self.clock = ManualClock()

    def reset(self) -> None:
        """Without a row, at the time the clock starts from."""
        self.clock = ManualClock()
        if self._bare():
            for script in schema_scripts("hardpoint.store.postgres"):
                self.beside.execute(script)
            self.beside.execute(f"insert into hardpoint.meta values ('schema', '{VERSION}')")
        tables = (
            *("event", "content", "job", "attempt", "dead", "refused", "audit", "process", "call"),
            *("connection", "credential", "key", "client", "flow", "session", "api_key", "nonce"),
        )
        self.beside.execute("".join(f"delete from hardpoint.{table};" for table in tables))
        self.beside.execute("delete from hardpoint.meta where name in ('copying', 'copied')")
        self.beside.execute("drop table if exists orders")
        self.set_clock()

    def held(self, table: str) -> Any:
        """A connection that keeps everybody from writing to a table until it is closed."""
        holder = psycopg.connect(self.url)
        holder.execute(f"lock table hardpoint.{table} in exclusive mode")
        return holder

    def grow_old(self, seconds: float) -> None:
        """Nobody is judged before the server has been up for so long, which it has as a rule."""
        self.beside.execute(
            "select pg_sleep(greatest(0, %s - extract(epoch from"
            " clock_timestamp() - pg_postmaster_start_time()))::float8)",
            [seconds],
        )

    def set_clock(self) -> None:
        self.beside.execute(
            "create or replace function hardpoint.now() returns double precision language sql"
            f" volatile as 'select {self.clock.now()!r}::double precision'"
        )

    def real_clock(self) -> None:
        """Let time pass by itself, until the next reset."""
        self.beside.execute(
            "create or replace function hardpoint.now() returns double precision language sql"
            " volatile as 'select extract(epoch from clock_timestamp())::double precision'"
        )

    def _bare(self) -> bool:
        return self.beside.execute("select to_regclass('hardpoint.meta') is null").fetchone()[0]


async def _nothing(_: Any) -> None:
    """Only waits for its turn."""


class DatabaseClock:
    """A `ManualClock` that the database goes by too; a jump is this host's alone."""

    def __init__(self, database: Database) -> None:
        self.now, self.monotonic = database.clock.now, database.clock.monotonic
        self.jump = database.clock.jump
        self._database = database
        self.stores: list[PostgresStore] = []

    def advance(self, seconds: float) -> None:
        """Once all that was asked of the journals before has been written down."""
        for store in self.stores:
            here = threading.current_thread().name == "hardpoint-store"
            if store._opened is not None and store._opened.ready and not here:
                turn = store._opened.session._journalling.run(_nothing)
                store._opened.thread.submit(turn).result(20)
        self._database.clock.advance(seconds)
        self._database.set_clock()


class PostgresStage(Stage):
    """The same stage on a PostgreSQL database."""

    placeholder = "$1"
    kind = PostgresStore

    def __init__(self, database: Database) -> None:
        database.reset()
        self.database = database
        self.url = database.url
        self.clock = DatabaseClock(database)
        self.make = EventMaker(self.clock)
        self.told = []
        self.crashes = 0
        self.limits = {"expires": 1.0}
        self.settings = {"retention": None}

    def build(self) -> PostgresStore:
        made = self.kind(
            self.url,
            clock=self.clock,
            listeners=Listeners(self.told.append),
            limits=PostgresLimits(**self.limits),
            **self.settings,
        )
        self.clock.stores.append(made)
        return made

    async def opened(self) -> PostgresStore:
        store = self.build()
        await store.open()
        if self.crashes:
            self.database.grow_old(1.1 * self.limits["expires"])
            for _ in range(3):  # then it may judge who has died
                await store.beat()
        return store

    def silence(self) -> None:
        self.crashes += 1
        self.database.beside.execute("update hardpoint.process set beat_at = 0")

    def crash(self) -> None:
        """What is leased belongs to a process that will never give a sign of life again."""
        self.crashes += 1
        for table in ("job", "call"):
            self.database.beside.execute(
                f"update hardpoint.{table} set owner = gen_random_uuid() where owner is not null"
            )

    def journal(self, store: Any, *, blocking: bool = False) -> StoreJournal:
        return StoreJournal(store, blocking=blocking)

    def reader(self, store: Any) -> PostgresReader:
        return PostgresReader(self.database.url)

    def query(self, store: Any, sql: str, parameters: Any) -> list[Any]:
        """With a connection of another library."""
        sql = sql.replace("hardpoint_", "hardpoint.")
        return self.database.beside.execute(sql, parameters).fetchall()


@pytest.fixture(scope="session")
def database(postgres_server: str) -> Any:
    """One database for each worker."""
    name = f"hardpoint_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template template0")
    made = Database(postgres_server.format(name))
    yield made
    made.beside.close()
    with psycopg.connect(postgres_server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def postgres_stage(database: Database) -> PostgresStage:
    return PostgresStage(database)


@pytest.fixture
def any_stage(postgres_stage: PostgresStage) -> PostgresStage:
    """What every engine does is asked of this one."""
    return postgres_stage


class Wire:
    """A socket between a store and its server, which loses answers where a test wants it to.

    Attributes:
        cut: how many of the next answers are lost, with their connections; what was asked arrives.
        cut_after: how many bytes of them arrive.
        down: no connection is made or kept.
        pooled: it answers in the server's place, as a pooler does.
        lingers: what the server has said last arrives, and then nothing, not even the end.
        ended: how many connections the server has ended meanwhile.
    """

    def __init__(self, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        self._server = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self.url = f"{url.partition('?')[0]}?host={folder}"
        self.cut = self.cut_after = 0
        self.down = False
        self.pooled = self.lingers = False
        self.ended = 0
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.fall()
        self._listener.close()

    def fall(self) -> None:
        """The server is gone, for every connection there is."""
        self.down = True
        for one in self._open:
            _end(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.down:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            self._open += [client, server]
            for source, target, cuts in ((client, server, False), (server, client, True)):
                pump = threading.Thread(target=self._pump, args=(source, target, cuts), daemon=True)
                pump.start()

    def _pump(self, source: socket.socket, target: socket.socket, cuts: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if cuts and self.pooled:  # BackendKeyData names a process, and a key for it
                    data = re.sub(
                        rb"K\0\0\0\x0c.{4}", b"K\0\0\0\x0c\0\0\0\7", data, flags=re.DOTALL
                    )
                if cuts and self.cut:
                    self.cut -= 1
                    target.sendall(data[: self.cut_after])
                    break
                target.sendall(data)
            if cuts and self.lingers:
                self.ended += 1
                return
        except OSError:
            pass
        _end(source)
        _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@pytest.fixture
def wire(database, tmp_path_factory):
    folder = Path(tempfile.mkdtemp(prefix="wire-"))  # a short path: it holds a socket
    made = Wire(database.url, folder)
    yield made
    made.close()
    shutil.rmtree(folder)


@pytest.fixture
def pg(database, postgres_stage):
    """A stage whose stores beat rarely, so that a test sees no statement but its own."""
    postgres_stage.limits |= {"expires": 60.0}
    return postgres_stage


@pytest.fixture
def cut_off(pg, wire):
    """The same stage, on the wire."""
    pg.url = wire.url
    pg.limits |= {"pending_seconds": 5.0, "notify": 60.0}  # no answer but the test's own
    return pg
