"""The server itself killed while events are accepted, claimed and completed."""

import asyncio
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from tests.store.conftest import EventMaker
from tests.store.postgres.own_server import OwnServer
from tests.store.postgres.test_kills import Crowd, drain

from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.driver import Stored
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.store import PostgresStore

pytestmark = pytest.mark.usefixtures("unmeasured")
LONG = "HARDPOINT_KILLS" in os.environ
KILLS = min(50, int(os.environ.get("HARDPOINT_KILLS", "2")))
CROWDS = (1, 2, 4) if LONG else (3,)
EXPIRES = 4.0
AWAY = 1.5 * EXPIRES if LONG else 0.2
PATIENCE = 90.0


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: it holds a socket
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def server(folder):
    made = OwnServer(folder)
    made.start()
    made.asked("create table effects (event text)")
    yield made
    made.stop()


def await_effects(server, more_than):
    until = time.monotonic() + PATIENCE
    while server.asked("select count(*) from effects")[0][0] <= more_than:
        assert time.monotonic() < until, "nothing is handled"
        time.sleep(0.1)


def check(server, log):
    """All that was acknowledged is there; what is left is handled, and nothing twice."""
    acknowledged = set(log.read_text().split())
    with psycopg.connect(server.url, autocommit=True) as beside:
        drain(server, beside)
    handled = [event for (event,) in server.asked("select event from effects")]
    stored = {str(event) for (event,) in server.asked("select id from hardpoint.event")}
    assert len(acknowledged) > 20
    assert acknowledged <= stored
    assert len(handled) == len(set(handled))
    assert set(handled) == stored


@pytest.mark.parametrize("count", CROWDS)
def test_the_server_is_killed_and_comes_back(server, tmp_path, count):
    choose = random.Random(12)
    crowd = Crowd(server.url, tmp_path / "acknowledged", count)
    try:
        await_effects(server, 20)
        for _ in range(KILLS):
            time.sleep(0.3 + choose.random())
            server.kill()
            server.start()
            await_effects(server, server.asked("select count(*) from effects")[0][0])
    finally:
        crowd.end()
    check(server, tmp_path / "acknowledged")


def test_nobody_is_taken_for_dead_because_the_database_was_away(server):
    """`make durability` has it away for longer than a process may be silent."""

    async def scene():
        limits = PostgresLimits(expires=EXPIRES, poll=0.1)
        stores = [PostgresStore(server.url, limits=limits, retention=None) for _ in range(2)]
        make = EventMaker(SystemClock())
        for number, store in enumerate(stores):
            await store.open()
            answer = asyncio.get_running_loop().create_future()
            store.accept(make(f"evt_{number}", lease=True), answer.set_result)
            assert (await answer).stored is Stored.NEW
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(AWAY)
        await asyncio.to_thread(server.start)
        until = time.monotonic() + AWAY  # by then anybody could have judged
        while True:
            held = server.asked("select suspect, crashes, owner is null from hardpoint.job")
            assert held == [(False, 0, False)] * 2
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.2)
        for store in stores:
            await store.close()

    asyncio.run(scene())
