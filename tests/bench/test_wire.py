"""The benches of the wire run, and name the targets that are missed."""

import json
import subprocess
import sys
from pathlib import Path

from bench.accept.servers import BARE
from bench.accept.turns import Round
from bench.forward.__main__ import ACCEPT, FORWARD
from bench.forward.__main__ import table as forward_table
from bench.wire.__main__ import TARGETS, missed, table
from bench.wire.contenders import CONTENDERS, FLOOR, OURS
from bench.wire.measure import Setting, settings

ROOT = Path(__file__).parents[2]


def test_a_short_run_prints_every_contender_that_is_installed(tmp_path):
    report = tmp_path / "report.json"
    options = ["--rounds", "1", "--calls", "8", "--only", "TLS, 100 KB, c=16"]
    command = [sys.executable, "-m", "bench.wire", *options, "--json", str(report)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(report.read_text())
    assert [row["mode"] for row in rows] == ["async", "blocking"]
    for row in rows:
        names = {one.name for one in CONTENDERS if one.mode == row["mode"]}
        assert {OURS, FLOOR} <= row["us"].keys() <= names


def test_a_short_run_of_forwarding_sees_every_event_handed_on(tmp_path):
    report = tmp_path / "report.json"
    options = ["--rounds", "1", "--events", "60", "--folder", str(tmp_path), "--json", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.forward", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(report.read_text())["rows"].keys() == {BARE, ACCEPT, FORWARD}


def test_every_setting_of_the_targets_is_measured():
    for quick in (True, False):
        chosen = settings(quick=quick)
        assert {(target.mode, target.path) for target in TARGETS} <= {
            (one.mode, one.path) for one in chosen
        }
        assert {one.idle for one in chosen} == {1, 20, 64}


def test_ratios_are_of_one_round_and_what_misses_its_target_is_named():
    small = Setting("async", tls=False, path="/s", at_a_time=1)
    crowded = Setting("async", tls=False, path="/s", at_a_time=1, idle=64)
    times = {OURS: [20.0, 40.0], FLOOR: [10.0, 20.0], "httpx2": [100.0, 200.0]}
    assert missed({small: times, crowded: times | {OURS: [22.0, 44.0]}}) == []
    assert "   5.00x   10.00x" in "\n".join(table({small: times}))
    slow = times | {OURS: [23.0, 46.0]}
    assert missed({small: slow, crowded: times | {OURS: [29.0, 29.0]}}) == [
        "async, plain, 200 B, c=1: 0.23 x httpx2, not 0.2",
        "async: 1.26 x beside 64 idle connections, not 1.1",
    ]


def test_forwarding_has_its_target():
    def rounds(us):
        return [Round(cpu_us=us, per_second=1, p50_ms=1, p99_ms=2)]

    floor = {BARE: rounds(57), ACCEPT: rounds(150)}
    assert forward_table(floor | {FORWARD: rounds(700)})[1] == []
    text, said = forward_table(floor | {FORWARD: rounds(707)})
    assert said == ["12.4 x bare, not 12.3"]
    assert "557.0" in text
