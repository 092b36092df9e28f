"""The README's example, pasted into an empty folder, with no vendor account."""

import asyncio
import functools
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx2
import pytest

from hardpoint import ConflictError, DeclinedError, Hub
from hardpoint.core.money import Money
from hardpoint.fakes.faults import commit_then_drop
from hardpoint.fakes.server import FakeServer
from hardpoint.payments import PaymentStatus
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe

README = Path(__file__).parents[2] / "README.md"


def block(language, containing):
    blocks = re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)
    return next(text for text in blocks if containing in text)


@pytest.fixture
def pasted(tmp_path):
    (tmp_path / "hardpoint.toml").write_text(block("toml", "[webhooks.billing]"))
    (tmp_path / "shop.py").write_text(block("python", "Hub.load"))
    return tmp_path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def hardpoint(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "hardpoint", *words],
        cwd=folder,
        env={**os.environ, "STRIPE_WEBHOOK_SECRET": "whsec_anything_while_you_try"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def served(pasted):
    port, admin = free_port(), free_port()
    command = [sys.executable, "-m", "hardpoint", "serve", "shop:hub"]
    with (pasted / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--admin-port", str(admin)],
            cwd=pasted,
            env={**os.environ, "STRIPE_WEBHOOK_SECRET": "whsec_anything_while_you_try"},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: ready(f"http://127.0.0.1:{admin}/readyz"), pasted / "log")
        yield pasted, f"http://127.0.0.1:{port}/webhooks/billing"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def ready(url):
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def wait_until(holds, log):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def paid(folder):
    connection = sqlite3.connect(f"file:{folder}/hardpoint.db?mode=ro", uri=True)
    try:
        return connection.execute("select count(*) from paid").fetchone()[0]
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()


def test_the_readmes_example_marks_one_order_paid_for_two_deliveries(served):
    folder, url = served

    triggered = hardpoint(
        folder, "trigger", "stripe", "payment_intent.succeeded", "--times", "2", "--to", url
    )

    assert triggered.returncode == 0, triggered.stderr
    wait_until(lambda: paid(folder) is not None, folder / "log")
    assert paid(folder) == 1
    listed = hardpoint(folder, "events", "list", "--json")
    events = json.loads(listed.stdout)
    assert events["ok"]
    assert "payment_intent.succeeded" in listed.stdout


PAYING = """
[store]
url = "sqlite:shop.db"

{connection}base_url = "{url}"
"""


@pytest.fixture
def paying(tmp_path, monkeypatch):
    """The README's own lines as a function of `hub`, `order` and `card`; a fake for its vendor."""
    with FakeServer(FakeStripe()) as server:
        monkeypatch.setenv("STRIPE_SECRET_KEY", SECRET_KEY)
        configured = PAYING.format(connection=block("toml", "[connections.shop]"), url=server.url)
        (tmp_path / "hardpoint.toml").write_text(configured)
        code = textwrap.indent(block("python", "create_payment("), "    ")
        names = {"Money": Money}
        exec(f"async def pay(hub, order, card):\n{code}    return payment", names)

        def play(story):
            async def scene():
                async with Hub.load(tmp_path / "hardpoint.toml") as hub:
                    return await story(functools.partial(names["pay"], hub))

            return asyncio.run(scene())

        yield server, play


def test_the_readmes_payment_goes_through_with_another_card_after_a_decline(paying):
    server, play = paying

    async def story(pay):
        with pytest.raises(DeclinedError):
            await pay("1001", "pm_card_visa_chargeDeclined")
        first = await pay("1001", "pm_card_mastercard")
        assert (await pay("1001", "pm_card_mastercard")).status is first.status
        with pytest.raises(ConflictError):  # it is paid
            await pay("1001", "pm_card_visa")
        return first

    assert play(story).status is PaymentStatus.SUCCEEDED
    assert server.app.ledger.count("charge") == 1


def test_the_readmes_payment_is_taken_once_when_both_answers_are_lost(paying):
    server, play = paying
    server.faults.next(commit_then_drop(), on="POST /v1/payment_intents")
    server.faults.next(commit_then_drop(), on="POST */confirm")

    async def story(pay):
        return await pay("1001", "pm_card_visa")

    assert play(story).status is PaymentStatus.SUCCEEDED
    assert server.app.ledger.count("charge") == 1
