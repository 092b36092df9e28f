"""A PostgreSQL server for the rows that store there, and the CPU time it takes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


class PostgresServer:
    """One server, from the wheel that the tests take it from; durable as it comes.

    Its autovacuum looks around as often as it comes, too. The tests' does every 5 s: a table that
    grows from nothing was analyzed each time, for up to 58 us of an event.

    Args:
        folder: where it keeps everything; it is made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        folder.parent.chmod(0o755)  # where this is root, it runs as nobody
        self._folder = folder
        script = ROOT / "tests/store/postgres/server.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(folder), str(os.getpid()), "autovacuum_naptime=1min"]
        )
        until = time.monotonic() + START_SECONDS
        while not (folder / "address").exists():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                sys.exit("PostgreSQL did not start")
            time.sleep(0.02)
        self._url = (folder / "address").read_text()
        self._pid = int((folder / "data/postmaster.pid").read_text().split()[0])

    def create(self, name: str) -> str:
        """A new database; gives its URL."""
        with psycopg.connect(self._url.format("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name} template template0".encode())
        return self._url.format(name)

    def cpu_seconds(self) -> float:
        """User and system time of all its processes, those that have ended included."""
        status = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        ended = (int(status[13]) + int(status[14])) / TICKS
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text()
        return ended + cpu_of(self._pid) + sum(cpu_of(int(one)) for one in children.split())

    def stop(self) -> None:
        """End it; its folder is removed."""
        self._process.terminate()
        self._process.wait()


def cpu_of(pid: int) -> float:
    """Of all threads of a process that live, to the nano-second: a short run has few ticks."""
    return sum(map(_ran, Path(f"/proc/{pid}/task").glob("*/schedstat")))


def _ran(path: Path) -> float:
    try:
        return int(path.read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):  # it ends just now
        return 0.0
