"""`kill -9` of a consumer at any moment: every message is handled, none twice."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hardpoint.fakes.server import FakeServer
from hardpoint.providers.aws.fake_sqs import QUEUE, SECRET_ACCESS_KEY, FakeSqs

VICTIM = Path(__file__).with_name("queue_victim.py")
KILLS = min(50, int(os.environ.get("HARDPOINT_KILLS", "10")))
EACH = 12
TOML = """
[store]
url = "sqlite:store.db"

[connections.jobs]
provider = "aws.sqs"
queue_url = "{url}/123456789012/jobs"
region = "eu-central-1"
access_key_id = "AKIAFAKE"
secret_access_key = "env:QUEUE_SECRET"
hidden_seconds = 2

[sources.orders]
connection = "jobs"
"""


@pytest.fixture
def vendor(tmp_path, monkeypatch):
    vendor = FakeSqs()
    with FakeServer(vendor) as server:
        (tmp_path / "hardpoint.toml").write_text(TOML.format(url=server.url))
        monkeypatch.setenv("QUEUE_SECRET", SECRET_ACCESS_KEY)
        yield vendor


def packed(folder):
    connection = sqlite3.connect(f"file:{folder / 'store.db'}?mode=ro", uri=True)
    try:
        return [number for (number,) in connection.execute("select number from packed")]
    finally:
        connection.close()


def start(folder):
    victim = subprocess.Popen([sys.executable, VICTIM, folder], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "up\n"
    return victim


def kill(victim):
    victim.send_signal(signal.SIGKILL)
    assert victim.wait(60) == -signal.SIGKILL
    victim.stdout.close()


def until_received(vendor):
    """A slow machine takes its time until a consumer has its first message."""
    until = time.monotonic() + 30
    while not any(one.count for one in vendor.queues[QUEUE]) and time.monotonic() < until:
        time.sleep(0.001)


def test_every_message_is_handled_once_however_often_its_consumer_is_killed(
    vendor, tmp_path, unmeasured
):
    chance, sent, again = random.Random(17), 0, 0
    for _ in range(KILLS):
        for _ in range(EACH):
            body = f'{{"type": "placed", "order": {sent}}}'
            vendor.send(vendor.queues[QUEUE], {"MessageBody": body})
            sent += 1
        victim = start(tmp_path)
        until_received(vendor)
        time.sleep(chance.choice((0.0, 0.01, 0.3)) * chance.random())
        kill(victim)
        again += sum(one.count > 0 for one in vendor.queues[QUEUE])
    victim = start(tmp_path)
    until = time.monotonic() + 120
    while time.monotonic() < until and (vendor.queues[QUEUE] or len(packed(tmp_path)) < sent):
        time.sleep(0.05)
    kill(victim)
    assert again, "some died with messages in hand"
    assert vendor.queues[QUEUE] == []
    assert sorted(packed(tmp_path)) == list(range(sent))
