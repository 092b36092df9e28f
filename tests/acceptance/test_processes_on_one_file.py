"""Processes of one store that come, wait, die and differ in release, each a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")
CONFIGURATION = """
[store]
url = "sqlite:shop.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE_WEBHOOK_SECRET"]
"""
APPLICATION = """
from hardpoint import Hub

hub = Hub.load("hardpoint.toml")


@hub.on("billing")
async def paid(event, job):
    pass
"""
PAYING = """
import os
import time
from pathlib import Path

from hardpoint.sync import Hub


def pay() -> str:
    with open("paid", "a") as log:
        log.write("paid\\n")
    while not Path("answered").exists():  # the vendor takes its time
        time.sleep(0.01)
    return "pay_1"


with Hub.load("hardpoint.toml") as hub:
    try:
        print(hub.once("order-1", pay))
    except Exception as error:
        print(type(error).__name__, error)
"""
HUNDRED = """
import os
import sys

from hardpoint.sync import Hub


def greet(number: int) -> str:
    with open("greeted", "a") as log:
        log.write(f"{number}\\n")
    return f"hello {number}"


def script(number: int) -> None:
    with Hub.load("hardpoint.toml") as hub:
        assert hub.once(f"greeting-{number}", greet, number) == f"hello {number}"


def forked(number: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            script(number)
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    return child


left = [number for _ in range(2) for number in range(50)]  # each key twice, never at once
running = [forked(left.pop()) for _ in range(8)]
failed = 0
while running:
    child, status = os.wait()
    running.remove(child)
    failed += bool(status)
    if left:
        running.append(forked(left.pop()))
print(failed)
"""
EARLIER = """
from hardpoint.store.guests import crew

crew.VERSIONS = (99,)

from hardpoint.sync import Hub

with Hub.load("hardpoint.toml") as hub:
    hub.once("key", str, 1, returns=str)
"""


class Folder:
    """Processes that have one configuration."""

    def __init__(self, path, stack):
        self.path = path
        self._stack = stack
        (path / "hardpoint.toml").write_text(CONFIGURATION)
        for name, text in {
            "shop": APPLICATION,
            "paying": PAYING,
            "hundred": HUNDRED,
            "earlier": EARLIER,
        }.items():
            (path / f"{name}.py").write_text(text)

    def start(self, *words):
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=self.path,
            env=os.environ | {"STRIPE_WEBHOOK_SECRET": "whsec_x"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._stack.callback(ended, process)
        return process

    def work(self):
        process = self.start("-m", "hardpoint", "work", "shop:hub")
        while "hardpoint works on" not in (line := process.stdout.readline()):
            assert line
        return process

    def told(self, *words):
        return self.start(*words).communicate(timeout=120)[0]

    def lines(self, name):
        with contextlib.suppress(FileNotFoundError):
            return (self.path / name).read_text().splitlines()
        return []


def ended(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    process.stdout.close()


@pytest.fixture
def folder(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Folder(tmp_path, stack)


def test_a_payment_whose_vendor_is_slow_is_made_once_though_the_owner_is_killed(folder):
    owner = folder.work()
    paying = folder.start("paying.py")
    deadline = time.monotonic() + 90
    while not folder.lines("paid"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    owner.kill()
    folder.work()
    other = folder.told("paying.py")
    assert "UnavailableError" in other  # it is being made, by a process that lives
    (folder.path / "answered").touch()
    assert paying.communicate(timeout=90)[0] == "pay_1\n"
    assert folder.told("paying.py") == "pay_1\n"
    assert folder.lines("paid") == ["paid"]


def test_a_hundred_short_scripts_beside_an_owner(folder):
    folder.work()
    assert folder.told("hundred.py") == "0\n"
    assert sorted(map(int, folder.lines("greeted"))) == list(range(50))


def test_an_owner_and_a_process_that_share_no_version_say_so(folder):
    owner = folder.work()
    said = folder.told("earlier.py")
    reason = f"process {owner.pid} speaks version 1, and not 99"
    assert reason in said
    report = folder.start("-m", "hardpoint", "doctor", "--json").communicate(timeout=90)[0]
    findings = json.loads(report.splitlines()[-1])["data"]["findings"]
    assert f"waits: {reason}" in [one["detail"] for one in findings]


def test_a_process_for_handlers_without_a_port_takes_orders(folder):
    owner = folder.work()
    retry = folder.start("-m", "hardpoint", "events", "retry", "--state", "pending", "--json")
    assert json.loads(retry.communicate(timeout=90)[0].splitlines()[0])["data"]["results"] == []
    assert "1 process(es)" in folder.told("-m", "hardpoint", "reload")
    said = folder.told("-m", "hardpoint", "doctor")
    assert f"process {owner.pid} (work or serve)" in said


def test_a_process_whose_file_was_moved_away_says_so_goes_on_with_it_and_ends_when_told(folder):
    owner = folder.work()
    files = [folder.path / f"shop.db{suffix}" for suffix in ("", "-wal", "-shm")]

    def move(there, here):
        for one in files:
            with contextlib.suppress(FileNotFoundError):
                one.with_name(there + one.name).rename(one.with_name(here + one.name))

    move("", "aside-")
    while "owner_missing" not in (line := owner.stdout.readline()):
        assert line
    assert not files[0].exists()
    move("aside-", "")
    while "ownership_taken" not in (line := owner.stdout.readline()):
        assert line
    move("", "aside-")
    while "owner_missing" not in (line := owner.stdout.readline()):
        assert line
    owner.send_signal(signal.SIGTERM)
    assert owner.wait(30) == 0  # 3 s on a machine that does nothing else
    assert not files[0].exists()
