"""The application's own writes from several processes, in turn with hardpoint; one is killed."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from hardpoint.webhooks.verification import scheme

SECRET = "whsec_turns"
CONFIGURATION = """
[store]
url = "sqlite:shop.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE_WEBHOOK_SECRET"]
"""
OWNER = """
from hardpoint import Hub

hub = Hub.load("hardpoint.toml")


@hub.on("billing")
async def paid(event, job):
    job.write(lambda tx: tx.execute("update total set paid = paid + 1"))
"""
BLOCKING = """
import sys
from contextlib import closing

from hardpoint.sync import Hub

with Hub.load("hardpoint.toml") as hub, closing(hub.connect(timeout=0)) as shop:
    shop.isolation_level = None
    for _ in range(int(sys.argv[1])):
        with hub.turn():
            shop.execute("begin immediate")
            shop.execute("update total set counted = counted + 1")
            shop.execute("commit")
print("ok")
"""
SESSIONS = """
import asyncio
import sys

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from hardpoint import Hub


async def main():
    hub = Hub.load("hardpoint.toml")
    engine = create_async_engine("sqlite+aiosqlite:///shop.db", connect_args={"timeout": 0})
    hub.prepare_engine(engine)
    for _ in range(int(sys.argv[1])):
        async with hub.turn(), AsyncSession(engine) as session, session.begin():
            await session.execute(text("update total set counted = counted + 1"))
    await engine.dispose()
    await hub.close()


asyncio.run(main())
print("ok")
"""
HOLDER = """
import time
from contextlib import closing

from hardpoint.sync import Hub

with Hub.load("hardpoint.toml") as hub, closing(hub.connect()) as shop:
    shop.isolation_level = None
    with hub.turn():
        shop.execute("begin immediate")
        shop.execute("update total set counted = counted + 1000000")
        print("holds", flush=True)
        time.sleep(600)
"""


class Shop:
    """One file, and whoever writes to it."""

    def __init__(self, folder, stack):
        self.folder = folder
        self._stack = stack
        (folder / "hardpoint.toml").write_text(CONFIGURATION)
        for name, text in {
            "owner": OWNER,
            "blocking": BLOCKING,
            "sessions": SESSIONS,
            "holder": HOLDER,
        }.items():
            (folder / f"{name}.py").write_text(text)
        with contextlib.closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
            connection.execute("create table total (paid integer, counted integer)")
            connection.execute("insert into total values (0, 0)")

    def start(self, *words):
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env=os.environ | {"STRIPE_WEBHOOK_SECRET": SECRET},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._stack.callback(ended, process)
        return process

    def totals(self):
        with contextlib.closing(sqlite3.connect(self.folder / "shop.db")) as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
            return connection.execute("select paid, counted from total").fetchone()


def ended(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    process.stdout.close()


@pytest.fixture
def shop(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Shop(tmp_path, stack)


def deliver(hub_port, number):
    body = b'{"id": "evt_%d", "object": "event", "type": "paid"}' % number
    headers = scheme("stripe", secrets=[SECRET]).sign(
        body, now=time.time(), event_id=f"evt_{number}", event_type="paid"
    )
    url = f"http://127.0.0.1:{hub_port}/webhooks/billing"
    with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=60) as it:
        return it.status


TIMES = 60


def test_whoever_takes_turns_never_finds_the_file_locked_and_a_dead_holder_lets_go(shop):
    serve = ("-m", "hardpoint", "serve", "owner:hub", "--port", "0", "--admin-port", "0", "--json")
    server = shop.start(*serve)
    while '"data"' not in (line := server.stdout.readline()):
        assert line
    port = json.loads(line)["data"]["url"].rpartition(":")[2]
    holder = shop.start("holder.py")
    assert holder.stdout.readline() == "holds\n"
    others = [
        shop.start(name, str(TIMES)) for name in ("blocking.py", "sessions.py", "blocking.py")
    ]
    statuses = []
    clients = [
        threading.Thread(target=lambda n=n: statuses.append(deliver(port, n))) for n in range(8)
    ]
    for client in clients:
        client.start()
    holder.kill()
    for client in clients:
        client.join()
    assert statuses == [200] * 8
    for other in others:
        told, _ = other.communicate(timeout=120)
        assert told.endswith("ok\n"), told
    deadline = time.monotonic() + 60
    while shop.totals() != (8, 3 * TIMES):
        assert time.monotonic() < deadline, shop.totals()
        time.sleep(0.05)
