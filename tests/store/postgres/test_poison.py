"""An event that ends whichever process handles it, among others that do not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")
LONG = "HARDPOINT_KILLS" in os.environ
PROCESSES = 4
OTHERS = 2_000 if LONG else 60
PATIENCE = 120.0
DEATHS = 3
"""The first is held against nobody until the next: then it counts too."""


@pytest.fixture
def workers(pg):
    command = [sys.executable, str(Path(__file__).with_name("poison_victim.py")), pg.url]
    running = [subprocess.Popen(command) for _ in range(PROCESSES)]

    def deaths():
        """How many have died since the last time; others run in their place."""
        dead = [one for one in running if one.poll() is not None]
        for one in dead:
            assert one.returncode == 7
            running.remove(one)
            running.append(subprocess.Popen(command))
        return len(dead)

    yield deaths
    for one in running:
        one.kill()
        one.wait()


def test_it_takes_no_more_down_than_it_must_and_no_other_is_blamed(pg, workers):
    pg.database.real_clock()
    beside = pg.database.beside
    beside.execute("create table effects (event uuid)")

    def value(sql):
        return beside.execute(sql).fetchone()[0]

    async def fill(desk):
        for number in range(OTHERS):
            if number == OTHERS // 4:
                await desk.accept("poison")
            await desk.accept(f"evt_{number}")

    poison = "(select id from hardpoint.event where vendor_id = 'poison')"
    blamed = f"select count(*) from hardpoint.job where crashes > 0 and event not in {poison}"
    died = 0
    try:
        pg.play(fill)
        until = time.monotonic() + PATIENCE
        while value("select count(*) from hardpoint.job"):
            died += workers()
            assert value(blamed) == 0
            assert time.monotonic() < until, "something is left"
            time.sleep(0.05)
        assert died <= DEATHS
        assert value("select count(distinct event) from effects") == OTHERS
        assert value("select count(*) from effects") == OTHERS
        dead = beside.execute("select event, reason, crashes from hardpoint.dead").fetchall()
        assert dead == [(value(poison), "crash", 3)]
    finally:
        beside.execute("drop table effects")
