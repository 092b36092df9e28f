"""Processes, their connections and the server killed under load: nothing lost, nothing twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")
LONG = "HARDPOINT_KILLS" in os.environ
KILLS = min(50, int(os.environ.get("HARDPOINT_KILLS", "4")))
CROWDS = (1, 2, 4) if LONG else (3,)
"""So many processes at a time."""
PATIENCE = 90.0
LIFE = 0.6
"""Seconds between two kills, about."""

_LEFT = "select count(*) from hardpoint.job"
_CUT = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid not in (pg_backend_pid(), %s) and random() < 0.5
"""


class Crowd:
    def __init__(self, url: str, log: Path, count: int = 3) -> None:
        self.url, self.log = url, log
        self.started = 0
        self.processes = [self.start() for _ in range(count)]

    def start(self) -> "subprocess.Popen[bytes]":
        self.started += 1
        script = Path(__file__).with_name("victim.py")
        arguments = [sys.executable, str(script), self.url, str(self.log), f"p{self.started}"]
        return subprocess.Popen(arguments, stderr=subprocess.DEVNULL)

    def kill(self, index: int) -> None:
        self.processes[index].kill()
        self.processes[index].wait()
        self.processes[index] = self.start()

    def pause(self, index: int, seconds: float) -> None:
        """It comes back after others have taken over what it holds."""
        self.processes[index].send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.processes[index].send_signal(signal.SIGCONT)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize("count", CROWDS)
@pytest.mark.parametrize("kind", ["processes", "connections", "pauses"])
def test_under_kills_no_event_is_lost_and_none_handled_twice(pg, tmp_path, kind, count):
    choose = random.Random(kind)
    pg.database.real_clock()
    beside = psycopg.connect(pg.url, autocommit=True)
    beside.execute("create table effects (event text)")
    crowd = Crowd(pg.url, tmp_path / "acknowledged", count)
    try:
        until = time.monotonic() + PATIENCE
        while beside.execute("select count(*) from effects").fetchone()[0] < 20:
            assert time.monotonic() < until, "nothing was handled"
            time.sleep(0.1)
        for _ in range(KILLS):
            time.sleep(choose.random() * 2 * LIFE)
            if kind == "processes":
                crowd.kill(choose.randrange(count))
            elif kind == "connections":
                beside.execute(_CUT, [pg.database.beside.info.backend_pid])
            else:
                crowd.pause(choose.randrange(count), 2.0)
    finally:
        crowd.end()
    acknowledged = set((tmp_path / "acknowledged").read_text().split())
    drain(pg, beside)
    handled = [event for (event,) in beside.execute("select event from effects")]
    stored = {str(event) for (event,) in beside.execute("select id from hardpoint.event")}
    beside.execute("drop table effects")
    beside.close()
    assert len(acknowledged) > 100
    assert acknowledged <= stored
    assert len(handled) == len(set(handled))
    assert set(handled) == stored


def drain(pg, beside) -> None:
    """One process that takes no events handles what is left."""
    script = str(Path(__file__).with_name("victim.py"))
    process = subprocess.Popen([sys.executable, script, pg.url, os.devnull, "last", "handles"])
    try:
        fewest, until = float("inf"), 0.0
        while left := beside.execute(_LEFT).fetchone()[0]:
            if left < fewest:  # it goes on, however many there are, and however slowly
                fewest, until = left, time.monotonic() + PATIENCE
            assert process.poll() is None, "it ended"
            assert time.monotonic() < until, f"{left} jobs were left"
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
