import asyncio
import io
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from hardpoint.demo import story as demo_story
from hardpoint.demo.story import Story, _play, run
from hardpoint.demo.vendors import Vendors


def console():
    return Console(file=io.StringIO(), width=120)


@pytest.fixture
def vendors():
    with Vendors() as vendors:
        yield vendors


def test_the_whole_story_holds():
    told = console()

    code = run(told, once=True)

    assert "Every count holds." in told.file.getvalue(), told.file.getvalue()
    assert "not in time" not in told.file.getvalue()
    assert code == 0


class Terminal(io.StringIO):
    """Does something when the story tells how to end it."""

    at_the_end = None

    def write(self, text):
        count = super().write(text)
        if "Ctrl-C" in text:
            self.at_the_end()
        return count


def test_the_stay_ends_when_the_shop_does(tmp_path, vendors, monkeypatch):
    async def nothing_happens(story):
        await story.shop.start()
        return False

    monkeypatch.setattr(Story, "tell", nothing_happens)
    terminal = Terminal()
    story = Story(Console(file=terminal, width=120), tmp_path, vendors)
    terminal.at_the_end = story.shop.kill

    assert asyncio.run(_play(story, once=False)) == 1

    assert "hardpoint events list" in terminal.getvalue()


def test_what_never_comes_is_given_up(tmp_path, vendors, monkeypatch):
    monkeypatch.setattr(demo_story, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(demo_story, "POLL_SECONDS", 0.0)
    told = console()
    story = Story(told, tmp_path, vendors)

    async def never():
        return False

    asyncio.run(story._until("all events are handled", never))

    assert "not in time" in told.file.getvalue()


def test_on_a_terminal_the_shop_stays_until_interrupted(tmp_path):
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
