"""The README's example, pasted into an empty folder, with no vendor account."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

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
