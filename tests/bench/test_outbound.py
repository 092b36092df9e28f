"""The bench of outbound calls runs, on a server that refuses who sends less than the others."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.outbound import vendor
from bench.outbound.__main__ import KNOWN, facade_table, table
from bench.outbound.contenders import Contender
from bench.outbound.facade import AWAITED, DRIVER, FACADE
from bench.outbound.imports import PROGRAMS

ROOT = Path(__file__).parents[2]


def test_a_short_run_prints_every_row(tmp_path):
    report = tmp_path / "report.json"
    options = ["--rounds", "1", "--calls", "3", "--runs", "1", "--json", str(report)]
    tasks = ["payment", "text", "email", "beneath httpx2", "beneath requests", ": "]
    options += [part for task in tasks for part in ("--task", task)]
    command = [sys.executable, "-m", "bench.outbound", *options]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=170
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    assert {row["who"] for row in found["rows"]} == {"bare", "ours", "SDK"}
    assert len(found["rows"]) == 20 + 6 + 31
    assert found["imports_ms"].keys() == PROGRAMS.keys()


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"POST /v1/payment_intents HTTP/1.1\r\nauthorization: x\r\nstripe-version: y", b"x"),
        (b"GET /v1/payment_intents/pi_3SyBench HTTP/1.1\r\nstripe-version: y", b""),
        (b"POST /2010-04-01/Accounts/AC HTTP/1.1\r\nauthorization: x", b"To=%2B49170"),
        (b"POST /v3/mail/send HTTP/1.1\r\nauthorization: x", b"ann@customer.example"),
        (b"POST /v1/messages HTTP/1.1\r\nauthorization: x", b"hello there"),
        (b"POST /email HTTP/1.1\r\nauthorization: x", b"ann@customer.example TextBody HtmlBody"),
        (b"POST /v2/payments HTTP/1.1\r\nsquare-version: y", b"1999"),
        (b"GET / HTTP/1.1\r\nauthorization: x", b""),
    ],
)
def test_a_request_that_lacks_something_is_refused(head, body):
    assert vendor.answer_to(head, body) == vendor.REFUSAL


def times(ours, bare, official):
    made = {"bare": bare, "ours": ours, "SDK": official}
    return {
        Contender("send a text", "async", who, who, str): [us, us * 2] for who, us in made.items()
    }


def test_rounds_are_compared_pair_by_pair_and_what_misses_its_target_is_named():
    assert table(times(130, 100, 131))[1] == {}
    assert table(times(131, 100, 131))[1] == {
        "send a text, async: bare": "1.31 x bare, not 1.3",
        "send a text, async: SDK": "1.00 x the SDK",
    }
    assert facade_table({DRIVER: 0.5, AWAITED: 2.0, FACADE: 3.5})[1] == {}
    assert facade_table({DRIVER: 0.5, AWAITED: 2.0, FACADE: 3.6})[1] == {
        "facade": "3.10 us, not 3.0"
    }


def test_what_may_be_missed_is_the_name_of_a_target():
    missed = table(times(131, 100, 131))[1] | facade_table({DRIVER: 0, AWAITED: 0, FACADE: 9})[1]
    assert KNOWN.keys() < missed.keys()
