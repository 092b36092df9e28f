"""One site on one file, killed at random: workers of three frameworks, handlers, texts, a person.

A FastAPI application under uvicorn with four workers, a Django and a Flask application under
gunicorn with four each, `hardpoint work`, a script that sends texts under keys, and somebody at the
command line who retries what was given up. `HARDPOINT_SEED` and `HARDPOINT_KILLS` as in
`test_serving_process`; a kill takes a third of a second, so that 180 of them are a minute.
"""

import contextlib
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from tests.durability.test_several_processes import Shop, children, eventually, free_port

from hardpoint.fakes.server import FakeServer
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio

KILLS = int(os.environ.get("HARDPOINT_KILLS", "6"))
CLIENTS = 5
DOUBT_SECONDS = 150
"""After so long a text whose script was killed can be told from one that was never sent."""
SEEN_TO_SECONDS = 120 + KILLS
"""For the last ones: somebody at the command line retries what was given up, one after another."""
CONNECTION = """
[connections.texts]
provider = "twilio"
account_sid = "{account}"
secret = "env:HP_TWILIO"
from = "{sender}"
base_url = "{url}"
"""
FASTAPI = """
from fastapi import FastAPI

from hardpoint import Hub

ADD = "insert into paid values (?, 1) on conflict (id) do update set times = times + 1"
hub = Hub.load("hardpoint.toml")
hub.worker._suspects._crash_limit = 10**6  # the same job may well be the victim each time
app = FastAPI()
app.mount("/webhooks", hub.asgi())


@hub.on("billing", "paid")
async def paid(event, job):
    job.write(lambda tx: tx.execute(ADD, [event.vendor_id]))


@hub.on("billing", "stuck", retry=[])
async def stuck(event, job):
    if job.attempt == 1:
        raise ValueError("somebody has to look")
    job.write(lambda tx: tx.execute(ADD, [event.vendor_id]))
"""
FLASK = """
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from hardpoint.sync import Hub

app = Flask(__name__)
app.wsgi_app = DispatcherMiddleware(
    app.wsgi_app, {"/webhooks": Hub.load("hardpoint.toml").wsgi()}
)
"""
DJANGO = """
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path

from hardpoint.integrations.django import webhooks
from hardpoint.sync import Hub

urlpatterns = [path("webhooks/<path:source>", webhooks(Hub.load("hardpoint.toml")))]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of-a-test")
application = get_wsgi_application()
"""
TEXTS = """
import itertools
import time
from pathlib import Path

from hardpoint import HardpointError
from hardpoint.sync import Hub

told = Path("texts")
lines = told.read_text().split() if told.exists() else []
left = (n for n in itertools.count() if f"order-{n}" not in lines)
with Hub.load("hardpoint.toml") as hub, told.open("a", buffering=1) as log:
    waiting = []
    while True:
        enough = Path("enough").exists()
        todo = waiting if enough else [next(left), *waiting[:1]]
        if enough and not todo:
            break
        for number in [*todo]:
            key = f"order-{number}"
            try:
                hub.sms("texts").send(to="+4917012345678", body=key, idempotency_key=key)
            except HardpointError:  # its owner has changed, or a script before has died with it
                if number not in waiting:
                    waiting.append(number)
            else:
                if number in waiting:
                    waiting.remove(number)
                log.write(f"{key}\\n")
        time.sleep(0.02)
"""


class Site(Shop):
    """The same processes as a `Shop`, and more kinds of them."""

    def __init__(self, folder, vendor):
        super().__init__(folder)
        with (folder / "hardpoint.toml").open("a") as file:
            file.write(CONNECTION.format(account=ACCOUNT_SID, sender=SENDER, url=vendor))
        for name, text in {
            "shop": FASTAPI,
            "pages": FLASK,
            "board": DJANGO,
            "texts_of_orders": TEXTS,
        }.items():
            (folder / f"{name}.py").write_text(text)

    def webs(self):
        """Starts all three; gives them, and where they take webhooks."""
        ports = [free_port() for _ in range(3)]
        quiet = ("--no-access-log", "--log-level", "warning")
        four = ("--workers", "4", "--preload", "--bind")
        servers = [
            self.start("uvicorn", "shop:app", "--workers", "4", "--port", str(ports[0]), *quiet),
            self.start("gunicorn", "pages:app", *four, f"127.0.0.1:{ports[1]}"),
            self.start("gunicorn", "board:application", *four, f"127.0.0.1:{ports[2]}"),
        ]
        return servers, [f"http://127.0.0.1:{port}/webhooks/billing" for port in ports]

    def keep_delivering(self, urls, over):
        """As a vendor does; every fifth event needs somebody to look."""
        for url in itertools.cycle(urls):
            if over.is_set():
                return
            number = next(self._numbers)
            kind = "paid" if number % 5 else "stuck"
            while self.deliver(url, f"evt_{number}", kind) != 200 and not over.is_set():
                time.sleep(0.05)

    def operate(self, over):
        """Retries what was given up, and looks around, until nothing is left to retry."""
        words = itertools.cycle((["dlq", "retry", "--since", "1h"], ["doctor"], ["reload"]))
        while not over.wait(0.5):
            self.command(next(words))

    def unhandled(self):
        return self.acknowledged - self.handled().keys()

    def show(self, names):
        """For whoever reads why it has failed."""
        for name in sorted(names):
            sys.stderr.write(self.command(["events", "show", name]).stdout)

    def command(self, words):
        return subprocess.run(
            [sys.executable, "-m", "hardpoint", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture
def vendor(monkeypatch):
    monkeypatch.setenv("HP_TWILIO", AUTH_TOKEN)
    texts = FakeTwilio()
    with FakeServer(texts) as server, contextlib.closing(texts.emitter):
        yield texts, server.url


@pytest.fixture
def site(tmp_path, vendor):
    site = Site(tmp_path, vendor[1])
    yield site
    site.end()


def test_what_is_acknowledged_is_handled_once_and_each_text_is_sent_once(site, vendor):
    seed = int(os.environ.get("HARDPOINT_SEED") or random.SystemRandom().randrange(1 << 32))
    chance, over, seen_to = random.Random(seed), threading.Event(), threading.Event()
    sys.stderr.write(f"HARDPOINT_SEED={seed}\n")
    servers, urls = site.webs()
    starting = {
        "work": ("hardpoint", "work", "shop:hub", "--json"),
        "texts": ("texts_of_orders",),
    }
    alone = {name: site.start(*words) for name, words in starting.items()}
    for url in urls:
        eventually(site, lambda url=url: site.deliver(url, f"first_{url[17:22]}", "paid") == 200)
    threads = [
        threading.Thread(target=site.keep_delivering, args=(urls, over)) for _ in range(CLIENTS)
    ]
    operator = threading.Thread(target=site.operate, args=(seen_to,))
    for thread in (*threads, operator):
        thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.6))
            victims = [site.owner(), *(one.pid for one in alone.values())]
            victims += [child for server in servers for child in children(server.pid)]
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice([one for one in victims if one > 1]), signal.SIGKILL)
            for name, process in alone.items():
                if process.poll() is not None:
                    assert process.returncode == -signal.SIGKILL, site.log()
                    alone[name] = site.start(*starting[name])
        count = len(site.acknowledged)
        eventually(site, lambda: len(site.acknowledged) > count + CLIENTS)
        (site.folder / "enough").touch()
    finally:
        over.set()
        for thread in threads:
            thread.join()
        seen_to_by = threading.Timer(SEEN_TO_SECONDS, seen_to.set)
        seen_to_by.start()
        try:
            eventually(site, lambda: not site.unhandled(), SEEN_TO_SECONDS)
        finally:
            seen_to_by.cancel()
            seen_to.set()
            operator.join()
            site.show(site.unhandled())
    assert set(site.handled().values()) == {1}
    each_text_was_sent_once(site, vendor[0], alone["texts"])
    with contextlib.closing(sqlite3.connect(site.folder / "shop.db")) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)


def each_text_was_sent_once(site, vendor, script):
    """A text whose script was killed over it may stay in doubt for two minutes, and no longer."""
    patience = DOUBT_SECONDS if KILLS >= 100 else 0
    with contextlib.suppress(subprocess.TimeoutExpired):
        script.wait(10 + patience)
    heard = set((site.folder / "texts").read_text().split())
    sent = Counter(one.facts["body"] for one in vendor.ledger.entries("message"))
    assert heard
    assert {key: sent[key] for key in heard} == dict.fromkeys(heard, 1)
    assert set(sent.values()) == {1}
    if patience:
        assert sent.keys() == heard
