"""The servers that are compared: how each is started, stopped and audited."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hardpoint.store.sqlite import SqliteReader

SECRET = "whsec_bench0123456789abcdef01234567"
START_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")

CONFIGURATION = """\
[store]
url = "sqlite:inbox.db"

[webhooks.billing]
provider = "stripe"
secrets = ["env:BENCH_SECRET"]
"""


@dataclass
class Row:
    """One contender.

    `weight` is its share of the events: a slow one would take minutes otherwise. `target` is the
    CPU it may take, in multiples of the bare row's.
    """

    name: str
    command: Callable[[Path, int, int], list[str]]
    stored: Callable[[Path], int | None]
    handler: str = ""
    weight: float = 1.0
    target: float | None = None


def uvicorn(app: str) -> Callable[[Path, int, int], list[str]]:
    def command(folder: Path, port: int, admin_port: int) -> list[str]:
        return ["uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "warning"]

    return command


def hardpoint(*app: str) -> Callable[[Path, int, int], list[str]]:
    def command(folder: Path, port: int, admin_port: int) -> list[str]:
        config = folder / "hardpoint.toml"
        config.write_text(CONFIGURATION)
        ports = ["--port", str(port), "--admin-port", str(admin_port)]
        return ["hardpoint", "serve", *app, "--config", str(config), *ports]

    return command


def nothing(folder: Path) -> None:
    """It stores nothing."""


def rows_of(folder: Path) -> int:
    with sqlite3.connect(folder / "inbox.db") as connection:
        return connection.execute("select count(*) from events").fetchone()[0]


def events_of(folder: Path) -> int:
    """How many events are stored; all of them handled, or the row would not be honest."""
    reader = SqliteReader(folder / "inbox.db")
    try:
        counts = reader.counts()
    finally:
        reader.close()
    if counts["pending"] or counts["dead"]:
        sys.exit(f"not all events were handled: {counts}")
    return counts["total"]


def orders_of(folder: Path) -> int:
    with sqlite3.connect(f"file:{folder}/inbox.db?mode=ro", uri=True) as connection:
        paid = connection.execute("select count(*) from orders where paid = 1").fetchone()[0]
    return paid if paid == events_of(folder) else -1


BARE_US = 28.5
"""What the bare row takes where the targets were set: 60 us to accept, 90 with an order written."""
BARE = "bare ASGI answer, nothing verified or stored"
ACCEPT = "hardpoint serve: accept"
TODAY = "FastAPI + stripe SDK + SQLAlchemy: accept"
SHOP = "bench.accept.shop:hub"
ROWS = [
    Row(BARE, uvicorn("bench.accept.bare:app"), nothing, weight=2),
    Row(ACCEPT, hardpoint(), events_of, target=60 / BARE_US),
    Row("hardpoint serve: accept, no-op handler", hardpoint(SHOP), events_of, handler="nothing"),
    Row(
        "hardpoint serve: accept, handler writes an order",
        hardpoint(SHOP),
        orders_of,
        handler="write",
        target=90 / BARE_US,
    ),
    Row(TODAY, uvicorn("bench.accept.today:app"), rows_of, weight=0.08),
]


@dataclass
class Server:
    """A row that runs, in a folder of its own."""

    row: Row
    folder: Path
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    answered: int = 0
    log: Path = field(init=False)

    def start(self, cpu: int | None) -> None:
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        if self.row.handler == "write":
            with sqlite3.connect(self.folder / "inbox.db") as connection:
                connection.execute("create table orders (id text primary key, paid integer)")
        self.port = free_port()
        command = self.row.command(self.folder, self.port, free_port())
        environment = {
            **os.environ,
            "BENCH_SECRET": SECRET,
            "BENCH_DATABASE": str(self.folder / "inbox.db"),
            "BENCH_CONFIG": str(self.folder / "hardpoint.toml"),
            "BENCH_HANDLER": self.row.handler,
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
        """User and system time of all its threads, so far."""
        status = Path(f"/proc/{self.alive.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(status[11]) + int(status[12])) / TICKS

    def settle(self) -> None:
        """Wait until it has no work left: two looks without CPU time between them."""
        before = -1.0
        while (now := self.cpu_seconds()) > before:
            before = now
            time.sleep(0.3)

    def stop(self) -> None:
        """End it, and see that what it acknowledged is there."""
        self.alive.send_signal(signal.SIGTERM)
        self.alive.wait(START_SECONDS)
        stored = self.row.stored(self.folder)
        if stored not in {None, self.answered}:
            sys.exit(f"{self.row.name} acknowledged {self.answered} events and holds {stored}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
