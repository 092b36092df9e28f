import asyncio
import io
import os
import pty
import re
import signal
import subprocess
import sys

from rich.console import Console

from hardpoint.demo import story as demo_story
from hardpoint.demo.story import Story, _play, run
from hardpoint.demo.vendors import Vendors

HOLDING = {
    "accepted": 5,
    "quarantined": 1,
    "dead": 0,
    "counters": {"billing": {"duplicate": 2, "signature_mismatch": 2, "stale_timestamp": 1}},
    "retried": 1,
    "orders": [
        {"id": "1001", "status": "paid", "times": 1},
        {"id": "1002", "status": "failed", "times": 1},
        {"id": "1003", "status": "paid", "times": 1},
        {"id": "1004", "status": "paid", "times": 1},
    ],
    "lost": 0,
}


def console():
    return Console(file=io.StringIO(), width=120)


def test_the_whole_story_holds():
    told = console()

    code = run(told, once=True)

    assert "Every count holds." in told.file.getvalue(), told.file.getvalue()
    assert code == 0


class Terminal(io.StringIO):
    """Does something when the story tells how to end it."""

    def __init__(self, at_the_end):
        super().__init__()
        self._at_the_end = at_the_end

    def write(self, text):
        count = super().write(text)
        if "Ctrl-C" in text:
            self._at_the_end()
        return count


def test_the_stay_ends_when_the_gateway_does(tmp_path):
    def end():
        story.gateway.kill()

    told = Console(file=Terminal(end), width=120)
    story = Story(told, tmp_path)

    assert asyncio.run(_play(story, once=False)) == 0

    assert "hardpoint events list" in told.file.getvalue()


def test_counts_that_never_come_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_story, "SETTLE_SECONDS", 0.0)
    told = console()
    story = Story(told, tmp_path)
    monkeypatch.setattr(story, "_count", lambda _acknowledged: {"counters": {}})
    vendors = Vendors(None, "whsec_demo", "demo")

    asyncio.run(story._settled(vendors, lambda _counts: True, "all handled"))

    assert "not in time" in told.file.getvalue()


def test_counts_that_hold_are_told_from_one_that_is_off(tmp_path):
    told = console()
    story = Story(told, tmp_path)

    assert story._table(HOLDING)
    assert not story._table({**HOLDING, "lost": 1})
    assert "A count is off." in told.file.getvalue()


def test_an_order_paid_twice_is_noticed(tmp_path):
    twice = [{**order, "times": 2} for order in HOLDING["orders"]]

    assert not Story(console(), tmp_path)._table({**HOLDING, "orders": twice})


def test_on_a_terminal_the_gateway_stays_until_interrupted(tmp_path):
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "hardpoint", "demo"],
        cwd=tmp_path,
        stdin=follower,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        told = ""
        for line in process.stdout:
            told += line
            if "Ctrl-C" in line:
                process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)
    os.close(leader)
    os.close(follower)
    assert code == 130, told
    assert re.search(r"hardpoint trigger stripe \S+", told)
