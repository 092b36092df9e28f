"""Measure what four workers on one file cost beside one process, and how one follows another.

    python -m bench.processes [--quick] [--postgres] [--rounds 3] [--events 6000] [--folder DIR]
                              [--check]

The workers are uvicorn's, with a mounted hub; one of them owns the file, the others hand over to
it. CPU is user and system time of all processes of a site, by event; both sites take turns in one
run, and each one's best round counts. What is handled is measured at 200 events a second, from the
receipt to the handler, whichever worker it came to. A takeover is measured from the owner's
SIGKILL until another process listens in its place. What an idle guest costs is the CPU time of a
script that has made a call under a key and waits. With `--postgres` the sites share a database in
the file's place, whose CPU counts too, and nothing else is measured: the same load for each
process, and beside it the same for all of them together. `--check` exits with 1 when a
target is missed. Linux only.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from bench.accept.database import PostgresServer, cpu_of
from bench.accept.load import requests
from bench.accept.servers import IN_DATABASE, SECRET, free_port
from bench.results import results
from hardpoint.store.opening import engine

WORKERS = 4
HANDLED_MS = 10.0
TAKEOVER_MS = 250.0
IDLE_PERCENT = 0.1
RATE = 200
START_SECONDS = 60.0


class Load(NamedTuple):
    """How many connections each of two sites has, and what four workers may cost beside one."""

    name: str
    single: int
    several: int
    target: float | None

    def told(self, costs: tuple[float, float]) -> tuple[str, str | None]:
        """A line, and what misses the target."""
        single, several = costs
        ratio = several / single
        line = (
            f"accept, {self.name}: one process {single:.0f} us, {WORKERS} workers {several:.0f} us "
            f"by event: {ratio:.2f} x"
        )
        if self.target is None or ratio <= self.target:
            return line, None
        return line, f"{self.name}: {ratio:.2f} x one process, not {self.target:.2f}"


ON_A_FILE = (Load("c=16", 16, 16, 1.35), Load("c=64", 64, 64, 1.2))
IN_DATABASE_LOADS = (
    Load("c=64 in each", 64, WORKERS * 64, 1.2),
    # A commit costs the same however many events it has, and a process has fewer of them.
    Load("c=64 in all", 64, 64, None),
)


class Site:
    """A site that runs, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        process: "subprocess.Popen[bytes]",
        port: int,
        database: PostgresServer | None = None,
    ) -> None:
        self.folder = folder
        self.process = process
        self.database = database
        self.url = f"http://127.0.0.1:{port}/webhooks/billing"
        self.port = port
        self.sent = 0

    def cpu_seconds(self) -> float:
        beside = 0.0 if self.database is None else self.database.cpu_seconds()
        return sum(map(cpu_of, family(self.process.pid))) + beside

    def owner(self) -> int:
        """Whoever has the lock; 0 when that is not known now."""
        try:
            return int((self.folder / "inbox.db.lock").read_text() or 0)
        except FileNotFoundError:
            return 0

    def listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as caller:
            return caller.connect_ex(str(self.folder / "inbox.db.sock")) == 0

    def settle(self) -> None:
        """Wait until it has no work left: two looks almost without CPU time between them."""
        before = -1.0
        while (now := self.cpu_seconds()) > before + 0.02:
            before = now
            time.sleep(0.3)


def family(pid: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return
    for child in children:
        yield from family(int(child))


def wait_for(holds, what: str) -> None:
    until = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > until:
            sys.exit(f"not in {START_SECONDS:g} s: {what}")
        time.sleep(0.001)


@contextmanager
def site(
    folder: Path, workers: int, *, handles: bool = False, database: PostgresServer | None = None
) -> Iterator[Site]:
    """Start one; afterwards all that it acknowledged has to be there."""
    folder.mkdir(parents=True)
    (folder / "hardpoint.toml").write_text(IN_DATABASE)
    store = f"sqlite:{folder}/inbox.db" if database is None else database.create(folder.name)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.processes.site:app", "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning"]
    command += ["--workers", str(workers)] if workers > 1 else []
    environment = {
        **os.environ,
        "BENCH_SECRET": SECRET,
        "BENCH_CONFIG": str(folder / "hardpoint.toml"),
        "BENCH_STORE": store,
        "BENCH_HANDLED": str(folder / "handled") if handles else "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    one = Site(folder, process, port, database)
    try:
        if database is None:
            wait_for(one.listens, f"a start; {folder}/log says why")
            wait_for(lambda: all_in(one, workers), "all workers are there")
        else:
            wait_for(lambda: living(store) == workers, f"all workers are there; see {folder}/log")
        yield one
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)
    finally:
        for pid in [*family(process.pid)]:
            if process.poll() is None:
                os.kill(pid, signal.SIGKILL)
        process.wait()
    with closing(engine(store).reader()) as reader:
        stored = reader.counts()["total"]
    if stored < one.sent:
        sys.exit(f"{one.sent} events were acknowledged and {stored} are stored")


def all_in(one: Site, workers: int) -> bool:
    """Whether each worker owns or is connected: the owner's sockets are all named so."""
    name = str(one.folder / "inbox.db.sock")
    lines = Path("/proc/net/unix").read_text().splitlines()
    return sum(name in line for line in lines) >= workers


def living(store: str) -> int:
    """How many processes give signs of life in a database."""
    try:
        with psycopg.connect(store) as connection:
            row = connection.execute("select count(*) from hardpoint.process").fetchone()
    except psycopg.Error:  # it has no tables yet
        return 0
    return row[0] if row else 0


def turn(one: Site, events: int, connections: int, name: str) -> float:
    """CPU microseconds by event."""
    before = one.cpu_seconds()
    command = [sys.executable, "-m", "bench.accept.load", one.url, "--secret", SECRET]
    command += ["--name", name, "--events", str(events), "--connections", str(connections)]
    (result,) = results(command)
    if result["refused"]:
        sys.exit(f"{result['refused']} of {events} events were refused")
    one.sent += events
    one.settle()
    return (one.cpu_seconds() - before) / events * 1e6


def cpu_ratios(
    folder: Path, rounds: int, events: int, database: PostgresServer | None = None
) -> dict[Load, tuple[float, float]]:
    """CPU by event of one process and of four."""
    found: dict[Load, tuple[float, float]] = {}
    with (
        site(folder / "one", 1, database=database) as single,
        site(folder / "four", WORKERS, database=database) as several,
    ):
        for load in ON_A_FILE if database is None else IN_DATABASE_LOADS:
            best = [float("inf")] * 2
            contenders = (single, load.single), (several, load.several)
            for number in range(-1, rounds):
                for place, (contender, connections) in enumerate(contenders):
                    name = f"{load.name.replace(' ', '').replace('=', '')}r{number}_"
                    share = events if number >= 0 else max(1, events // 10)  # to warm up
                    took = turn(contender, share, connections, name)
                    best[place] = min(best[place], took) if number >= 0 else best[place]
            found[load] = best[0], best[1]
    return found


async def paced(one: Site, seconds: float) -> None:
    """Post at a steady rate, each over a connection of its own: the workers share them."""
    made = requests(one.url, SECRET, "paced_", round(RATE * seconds))
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def post(request: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(request)
        head = await reader.readline()
        writer.close()
        if b" 200 " not in head:
            sys.exit(f"an event was refused: {head!r}")

    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(made):
            await asyncio.sleep(began + number / RATE - loop.time())
            group.create_task(post(request))
    one.sent += len(made)


def handled_ms(folder: Path, seconds: float) -> list[float]:
    """From receipt to handler, sorted."""
    with site(folder / "handled", WORKERS, handles=True) as one:
        asyncio.run(paced(one, seconds))
        notes = one.folder / "handled"
        wait_for(lambda: len(notes.read_text().splitlines()) == one.sent, "all are handled")
        return sorted(float(line) * 1000 for line in notes.read_text().splitlines())


GUEST = """
import sys
import time

from hardpoint.sync import Hub

with Hub.load(sys.argv[1]) as hub:
    hub.once("key", str, 1, returns=str)
    before = time.process_time()
    time.sleep(float(sys.argv[2]))
    print((time.process_time() - before) / float(sys.argv[2]) * 100)
"""


def idle_percent(folder: Path, seconds: float) -> float:
    """Of one CPU, by a guest that does nothing."""
    with site(folder / "idle", 1) as one:
        command = [sys.executable, "-c", GUEST, one.folder / "hardpoint.toml", str(seconds)]
        store = f"sqlite:{one.folder}/inbox.db"
        environment = {**os.environ, "BENCH_SECRET": SECRET, "BENCH_STORE": store}
        return float(subprocess.check_output(command, env=environment))


def takeovers_ms(folder: Path, kills: int) -> list[float]:
    """From SIGKILL until another process listens, sorted."""
    took: list[float] = []
    with site(folder / "killed", WORKERS) as one:
        for _ in range(kills):
            owner = one.owner()
            began = time.perf_counter()
            os.kill(owner, signal.SIGKILL)
            wait_for(lambda owner=owner: one.owner() not in {owner, 0} and one.listens(), "a heir")
            took.append((time.perf_counter() - began) * 1000)
            wait_for(lambda: all_in(one, WORKERS), "a new worker")
    return sorted(took)


def p99(values: list[float]) -> float:
    return values[min(len(values) - 1, len(values) * 99 // 100)]


def table(
    cpu: dict[Load, tuple[float, float]],
    handled: list[float],
    takeovers: list[float],
    idle: float | None,
) -> tuple[str, list[str]]:
    """What was measured, and what misses its target."""
    lines: list[str] = []
    missed: list[str] = []
    for load, costs in cpu.items():
        line, miss = load.told(costs)
        lines.append(line)
        missed += [] if miss is None else [miss]
    for name, values, target in (
        (f"receipt to handler at {RATE}/s", handled, HANDLED_MS),
        ("takeover after SIGKILL", takeovers, TAKEOVER_MS),
    ):
        if not values:
            continue
        half, most = values[len(values) // 2], p99(values)
        lines.append(f"{name}: p50 {half:.1f} ms, p99 {most:.1f} ms of {len(values)}")
        if most > target:
            missed.append(f"{name}: p99 {most:.1f} ms, not {target:g}")
    if idle is not None:
        lines.append(f"a guest that does nothing: {idle:.3f} % of a CPU")
        if idle > IDLE_PERCENT:
            missed.append(f"a guest that does nothing: {idle:.3f} %, not {IDLE_PERCENT:g}")
    return "\n".join(lines), missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--postgres", action="store_true", help="in a database, not in a file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=6_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the steady rate")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.events, given.kills, given.seconds = 1, 2_000, 3, 2.0
    folder = Path(tempfile.mkdtemp(prefix="hp-bench-", dir=given.folder))
    try:
        if given.postgres:
            database = PostgresServer(folder / "postgres")
            try:
                cpu = cpu_ratios(folder, given.rounds, given.events, database)
                text, missed = table(cpu, [], [], None)
            finally:
                database.stop()
        else:
            text, missed = table(
                cpu_ratios(folder, given.rounds, given.events),
                handled_ms(folder, given.seconds),
                takeovers_ms(folder, given.kills),
                idle_percent(folder, given.seconds),
            )
    finally:
        shutil.rmtree(folder)
    print(text)
    for miss in missed:
        print(f"missed: {miss}")
    return 1 if given.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
