"""The server itself killed while events are accepted, claimed and completed."""

import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from tests.store.postgres.own_server import OwnServer
from tests.store.postgres.test_kills import Crowd, drain

pytestmark = pytest.mark.usefixtures("unmeasured")
KILLS = int(os.environ.get("HARDPOINT_KILLS", "2"))
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


def test_the_server_is_killed_and_comes_back(server, tmp_path):
    choose = random.Random(12)
    crowd = Crowd(server.url, tmp_path / "acknowledged")
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
