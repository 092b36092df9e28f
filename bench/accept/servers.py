"""The servers that are compared: how each is started, stopped and audited."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.accept.database import PostgresServer
from hardpoint.store.opening import engine

SECRET = "whsec_bench0123456789abcdef01234567"
START_SECONDS = 300
DRAIN_SECONDS = 300
"""For a queue to handle what it has taken; one that cannot fails by its name."""
IDLE_SECONDS = 0.01
"""CPU time between two looks that is no work: signs of life, a database's own upkeep."""
TICKS = os.sysconf("SC_CLK_TCK")

CONFIGURATION = """\
[store]
url = "sqlite:inbox.db"

[webhooks.billing]
provider = "stripe"
secrets = ["env:BENCH_SECRET"]
"""
ONWARD = """
[webhooks.billing.forward]
url = "{url}"
secret = "env:BENCH_FORWARD_SECRET"
"""
FORWARD_SECRET = "whsec_" + b64encode(b"k" * 32).decode()
IN_DATABASE = CONFIGURATION.replace("sqlite:inbox.db", "env:BENCH_STORE")


@dataclass
class Row:
    """One contender.

    `weight` is its share of the events: a slow one would take minutes otherwise. `target` is the
    CPU it may take, in multiples of the bare row's. `stored` counts what a store's URL leads to.
    `postgres`: it stores in a database of its own, whose CPU time is added. `queue`: it is a peer
    that handles later, and writes an order; its turn lasts until all of them are there.
    """

    name: str
    command: Callable[[Path, int, int], list[str]]
    stored: Callable[[str], int | None]
    handler: str = ""
    weight: float = 1.0
    target: float | None = None
    postgres: bool = False
    queue: bool = False


def uvicorn(app: str) -> Callable[[Path, int, int], list[str]]:
    def command(folder: Path, port: int, admin_port: int) -> list[str]:
        return ["uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "warning"]

    return command


def hardpoint(
    *app: str, configuration: str = CONFIGURATION
) -> Callable[[Path, int, int], list[str]]:
    def command(folder: Path, port: int, admin_port: int) -> list[str]:
        config = folder / "hardpoint.toml"
        config.write_text(configuration)
        ports = ["--port", str(port), "--admin-port", str(admin_port)]
        return ["hardpoint", "serve", *app, "--config", str(config), *ports]

    return command


def nothing(store: str) -> None:
    """It stores nothing."""


def rows_of(store: str) -> int:
    with closing(opened(store)) as connection:
        return connection.execute("select count(*) from events").fetchone()[0]


def events_of(store: str) -> int:
    """How many events are stored; all of them handled, or the row would not be honest."""
    with closing(engine(store).reader()) as reader:
        counts = reader.counts()
    if counts["pending"] or counts["dead"]:
        sys.exit(f"not all events were handled: {counts}")
    return counts["total"]


def orders_of(store: str) -> int:
    paid = paid_in(store)
    return paid if paid == events_of(store) else -1


def paid_in(store: str) -> int:
    with closing(opened(store)) as connection:
        return connection.execute("select count(*) from orders where paid = 1").fetchone()[0]


def opened(store: str) -> "sqlite3.Connection | psycopg.Connection":
    """A connection to a store's database, for the application's table."""
    if store.startswith("sqlite:"):
        return sqlite3.connect(store.removeprefix("sqlite:"), isolation_level=None)
    return psycopg.connect(store, autocommit=True)


BARE_US = 28.5
"""What the bare row takes where the targets were set: 60 us to accept, 90 with an order written."""
BARE = "bare ASGI answer, nothing verified or stored"
ACCEPT = "hardpoint serve: accept"
TODAY = "FastAPI + stripe SDK + SQLAlchemy: accept"
QUEUED = "FastAPI + stripe SDK + {} on PostgreSQL: accept, handler writes an order"
QUEUES = {
    "pgqueuer": "PgQueuer",
    "procrastinate": "Procrastinate",
    "dbos": "DBOS",
    "celery": "Celery",
}
EMPTY = {"starlette": "Starlette", "fastapi": "FastAPI"}
TODAY_POSTGRES = "FastAPI + stripe SDK + SQLAlchemy on PostgreSQL: accept"
SHOP = "bench.accept.shop:hub"
WRITES = {
    "execute": "handler writes an order by job.execute",
    "write": "handler writes an order",
    "own": "handler writes an order in its own transaction",
}


def served(where: str, *, postgres: bool, targets: dict[str, float]) -> list[Row]:
    """Ours on one engine: accepting alone, with a handler, and with an order written each way."""
    configuration = IN_DATABASE if postgres else CONFIGURATION
    name = f"hardpoint serve{where}: accept"
    shop = hardpoint(SHOP, configuration=configuration)
    rows = [
        Row(name, hardpoint(configuration=configuration), events_of),
        Row(f"{name}, no-op handler", shop, events_of, handler="nothing"),
        *(
            Row(f"{name}, {text}", shop, orders_of, handler=handler)
            for handler, text in WRITES.items()
        ),
    ]
    for row in rows:
        row.postgres = postgres
        if (us := targets.get(row.handler)) is not None:
            row.target = us / BARE_US
    return rows


def forwarding(url: str, *, postgres: bool) -> Row:
    """Ours, which hands each event on to an address."""
    configuration = IN_DATABASE if postgres else CONFIGURATION
    serve = hardpoint(configuration=configuration + ONWARD.format(url=url))
    where = " on PostgreSQL" if postgres else ""
    return Row(f"hardpoint serve{where}: accept, forward", serve, events_of, postgres=postgres)


ROWS = [
    Row(BARE, uvicorn("bench.accept.bare:app"), nothing, weight=2),
    *(
        Row(f"{name}: an empty 200", uvicorn(f"bench.accept.empty:{app}"), nothing)
        for app, name in EMPTY.items()
    ),
    *served("", postgres=False, targets={"": 60, "write": 90}),
    *served(" on PostgreSQL", postgres=True, targets={"": 75, "execute": 110}),
    Row(TODAY, uvicorn("bench.accept.today:app"), rows_of, weight=0.08),
    Row(TODAY_POSTGRES, uvicorn("bench.accept.today:app"), rows_of, weight=0.08, postgres=True),
    *(
        Row(
            QUEUED.format(name),
            uvicorn(f"bench.accept.queues.{module}_:app"),
            paid_in,
            weight=0.04,
            postgres=True,
            queue=True,
        )
        for module, name in QUEUES.items()
    ),
]


@dataclass
class Server:
    """A row that runs, in a folder of its own."""

    row: Row
    folder: Path
    database: PostgresServer | None = None
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    answered: int = 0
    log: Path = field(init=False)
    store: str = field(init=False)

    def start(self, cpu: int | None) -> None:
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self.store = f"sqlite:{self.folder}/inbox.db"
        if self.row.postgres:
            assert self.database is not None
            self.store = self.database.create(f"bench_{self.folder.name}")
        if self.row.queue or self.row.handler in WRITES:
            with closing(opened(self.store)) as connection:
                connection.execute("create table orders (id text primary key, paid integer)")
        self.port = free_port()
        command = self.row.command(self.folder, self.port, free_port())
        environment = {
            **os.environ,
            "BENCH_SECRET": SECRET,
            "BENCH_FORWARD_SECRET": FORWARD_SECRET,
            "BENCH_CONFIG": str(self.folder / "hardpoint.toml"),
            "BENCH_HANDLER": self.row.handler,
            "BENCH_STORE": self.store,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command], env=environment, stdout=log, stderr=log
            )
        if cpu is not None:
            os.sched_setaffinity(self.process.pid, {cpu})
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.alive.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.alive.kill()
        sys.exit(f"{self.row.name} did not start:\n{self.log.read_text()[-2000:]}")

    @property
    def alive(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None
        return self.process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/billing"

    def cpu_seconds(self) -> float:
        """User and system time of it and its children so far, and of its database."""
        pids = [self.alive.pid]
        for pid in pids:
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return sum(map(_seconds, pids)) + self.database_seconds()

    def database_seconds(self) -> float:
        """The database's part of it."""
        return self.database.cpu_seconds() if self.row.postgres and self.database else 0.0

    def settle(self) -> None:
        """Wait until it has no work left: two looks without CPU time between them."""
        until = time.monotonic() + DRAIN_SECONDS
        while self.row.queue and (paid := self.row.stored(self.store)) != self.answered:
            if time.monotonic() > until:
                sys.exit(f"{self.row.name} has handled {paid} of {self.answered} events")
            time.sleep(0.1)
        before = -1.0
        while (now := self.cpu_seconds()) > before + IDLE_SECONDS:
            before = now
            time.sleep(0.3)

    def stop(self) -> None:
        """End it, and see that what it acknowledged is there."""
        self.alive.send_signal(signal.SIGTERM)
        self.alive.wait(START_SECONDS)
        stored = self.row.stored(self.store)
        if stored not in {None, self.answered}:
            sys.exit(f"{self.row.name} acknowledged {self.answered} events and holds {stored}")


def _seconds(pid: int) -> float:
    status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(status[11]) + int(status[12])) / TICKS


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
