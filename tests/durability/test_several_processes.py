"""Web workers of both kinds and a process for handlers on one file, killed and stopped at random.

Every tenth webhook is large, so that it takes several reads and writes.

`HARDPOINT_SEED` and `HARDPOINT_KILLS` as in `test_serving_process`; a kill takes half a second.
"""

import contextlib
import itertools
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from hardpoint.webhooks.verification import scheme

KILLS = int(os.environ.get("HARDPOINT_KILLS", "6"))
CLIENTS = 6
SECRET = "whsec_durability"
CONFIGURATION = """
[store]
url = "sqlite:shop.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE_WEBHOOK_SECRET"]
"""
APPLICATION = """
from hardpoint import Hub

ADD = "insert into paid values (?, 1) on conflict (id) do update set times = times + 1"
hub = Hub.load("hardpoint.toml")
hub.worker._suspects._crash_limit = 10**6  # the same job may well be the victim each time
app = hub.asgi()


@hub.on("billing")
async def paid(event, job):
    job.write(lambda tx: tx.execute(ADD, [event.vendor_id]))
"""
FRONT = """
from hardpoint.sync import Hub

app = Hub.load("hardpoint.toml").wsgi()
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Shop:
    """Processes in one folder, and what their vendors heard."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.acknowledged = set()
        self._numbers = itertools.count()
        (folder / "hardpoint.toml").write_text(CONFIGURATION)
        (folder / "shop.py").write_text(APPLICATION)
        (folder / "front.py").write_text(FRONT)
        with contextlib.closing(sqlite3.connect(folder / "shop.db")) as connection:
            connection.execute("create table paid (id text primary key, times integer)")

    @property
    def environment(self):
        return os.environ | {"STRIPE_WEBHOOK_SECRET": SECRET}

    def start(self, module, *words):
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *words],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def end(self):
        for process in self.processes:
            for number in (signal.SIGCONT, signal.SIGTERM):
                process.send_signal(number)
        for process in self.processes:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def owner(self):
        try:
            return int((self.folder / "shop.db.lock").read_text() or 0)
        except FileNotFoundError:
            return 0

    def deliver(self, url, name, kind="paid"):
        """The answer's status; 0 where there was none."""
        filler = b"x" * (700_000 if name.endswith("7") else 0)  # some are cut in their middle
        body = b'{"id": "%b", "object": "event", "type": "%b", "note": "%b"}' % (
            *(name.encode(), kind.encode()),
            filler,
        )
        headers = scheme("stripe", secrets=[SECRET]).sign(
            body, now=time.time(), event_id=name, event_type=kind
        )
        request = urllib.request.Request(url, body, dict(headers), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                self.acknowledged.add(name)
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def keep_delivering(self, urls, over):
        """As a vendor does: again, until it hears that it is stored."""
        for url in itertools.cycle(urls):
            if over.is_set():
                return
            name = f"evt_{next(self._numbers)}"
            while self.deliver(url, name) != 200 and not over.is_set():
                time.sleep(0.05)

    def handled(self):
        with contextlib.closing(sqlite3.connect(self.folder / "shop.db")) as connection:
            return dict(connection.execute("select id, times from paid"))

    def log(self):
        return (self.folder / "log").read_text()[-4000:]


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path)
    yield shop
    shop.end()


def eventually(shop, holds, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, shop.log()
        time.sleep(0.01)


def children(pid):
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def webs(shop):
    """Starts three of uvicorn's workers and two of gunicorn's; gives their addresses."""
    ports = free_port(), free_port()
    fast = ["--no-access-log", "--log-level", "warning"]
    servers = [
        shop.start("uvicorn", "shop:app", "--workers", "3", "--port", str(ports[0]), *fast),
        shop.start("gunicorn", "front:app", "--workers", "2", "--bind", f"127.0.0.1:{ports[1]}"),
    ]
    return servers, [f"http://127.0.0.1:{port}/webhooks/billing" for port in ports]


def test_whatever_is_killed_each_acknowledged_webhook_is_handled_once(shop):
    seed = int(os.environ.get("HARDPOINT_SEED") or random.SystemRandom().randrange(1 << 32))
    chance, over = random.Random(seed), threading.Event()
    sys.stderr.write(f"HARDPOINT_SEED={seed}\n")
    servers, urls = webs(shop)
    work = shop.start("hardpoint", "work", "shop:hub", "--json")
    for url in urls:
        eventually(shop, lambda url=url: shop.deliver(url, f"first_{url[17:22]}") == 200)
    clients = [
        threading.Thread(target=shop.keep_delivering, args=(urls, over)) for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.5))
            victims = [shop.owner(), *children(servers[0].pid), *children(servers[1].pid)]
            victim, how = chance.choice([one for one in victims if one > 1]), signal.SIGKILL
            if chance.random() < 0.2:  # now and then in an orderly way
                orderly = (shop.owner() or victim, signal.SIGTERM), (servers[1].pid, signal.SIGHUP)
                victim, how = chance.choice(orderly)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, how)
            if work.poll() is not None or victim == work.pid:
                work.wait(60)
                work = shop.start("hardpoint", "work", "shop:hub", "--json")
        count = len(shop.acknowledged)
        eventually(shop, lambda: len(shop.acknowledged) > count + CLIENTS)
    finally:
        over.set()
        for client in clients:
            client.join()
    eventually(shop, lambda: shop.acknowledged <= shop.handled().keys())
    assert set(shop.handled().values()) == {1}


def test_while_the_owner_is_stopped_guests_say_so_in_time_and_go_on_afterwards(shop):
    work = shop.start("hardpoint", "work", "shop:hub", "--json")
    eventually(shop, (shop.folder / "shop.db.sock").exists)
    _, urls = webs(shop)
    for url in urls:
        eventually(shop, lambda url=url: shop.deliver(url, f"first_{url[17:22]}") == 200)
    assert shop.owner() == work.pid
    work.send_signal(signal.SIGSTOP)
    for url in urls:
        began = time.monotonic()
        assert shop.deliver(url, "evt_1") == 503
        assert time.monotonic() - began < 10  # 2.5 s on a machine that does nothing else
    work.send_signal(signal.SIGCONT)
    for number, url in enumerate(urls):
        eventually(shop, lambda n=number, url=url: shop.deliver(url, f"evt_{n}") == 200)
    assert shop.owner() == work.pid
    eventually(shop, lambda: shop.acknowledged <= shop.handled().keys())
    assert set(shop.handled().values()) == {1}
