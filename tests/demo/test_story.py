import io
import os
import pty
import re
import signal
import subprocess
import sys

from rich.console import Console

from hardpoint.demo.story import Story, run

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
