"""`hardpoint work` as a process of its own, beside one that receives."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

APP = """
from hardpoint import Hub

hub = Hub.load("hardpoint.toml")
bare = Hub.load("hardpoint.toml")


@hub.on("billing")
async def handle(event, job):
    pass
"""


@pytest.fixture
def site(cli, folder, monkeypatch):
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_anything_while_you_try")
    assert cli("init").code == 0
    (folder / "stall.py").write_text(APP)
    monkeypatch.syspath_prepend(str(folder))


def test_a_hub_with_nothing_to_do_is_refused(cli, site):
    done = cli("work", "stall:bare", "--json")
    assert done.code == 2
    assert "nothing to do" in done.error["message"]


def test_a_second_one_waits_and_both_stop_on_sigterm(site, folder):
    command = [sys.executable, "-m", "hardpoint", "work", "stall:hub"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first = subprocess.Popen([*command, "--json", "--admin-port", "0"], **pipes)
    try:
        told = json.loads(first.stdout.readline())["data"]
        assert told["owner"] == told["pid"] == first.pid
        with urllib.request.urlopen(f"{told['admin_url']}/readyz", timeout=20) as answer:
            assert json.load(answer)["ready"] is True
        second = subprocess.Popen(command, **pipes)
        try:
            assert "hardpoint works on" in second.stdout.readline()
            assert f"process {first.pid} has the store" in second.stdout.readline()
        finally:
            second.send_signal(signal.SIGTERM)
            second.communicate(timeout=30)
        assert second.returncode == 0
    finally:
        first.send_signal(signal.SIGTERM)
        _, log = first.communicate(timeout=30)
    assert first.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"ready", "server_stopping", "server_stopped"} <= {one["event"] for one in lines}
