"""The bench of the accept path runs, and holds every server to what it acknowledged."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from bench.accept import load
from bench.accept.__main__ import table
from bench.accept.servers import ACCEPT, BARE, TODAY
from bench.accept.turns import Round

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder():
    """Where root's PostgreSQL, which runs as nobody, comes to."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_short_run_prints_its_rows(folder):
    report = folder / "report.json"
    options = ["--rounds", "1", "--events", "100", "--rows", "by job.execute"]
    options += ["--folder", str(folder), "--json", str(report)]
    command = [sys.executable, "-m", "bench.accept", *options]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert "hardpoint serve on PostgreSQL: accept, handler writes an order by" in done.stdout
    assert len(json.loads(report.read_text())["rows"]) == 3
    assert list(folder.iterdir()) == [report]


def test_events_are_of_one_size_and_each_has_its_own_id():
    bodies = [load.body_of("r1_", number) for number in (1, 20_000)]
    assert [len(body) for body in bodies] == [load.BODY_BYTES] * 2
    first, second = (json.loads(body)["id"] for body in bodies)
    assert first != second


def rounds(*micros: float) -> list[Round]:
    return [Round(cpu_us=one, per_second=1000, p50_ms=1, p99_ms=2) for one in micros]


def test_the_best_round_counts_and_what_misses_its_target_is_named():
    results = {BARE: rounds(21, 20), ACCEPT: rounds(40, 60), TODAY: rounds(1600)}
    text, missed = table(results)
    assert missed == []
    assert "2.00x" in text
    assert "40.0 x" in text
    results[ACCEPT] = rounds(60)
    assert table(results)[1] == [
        f"{ACCEPT}: 3.00 x bare, not 2.11",
        f"{TODAY} is 26.7 x, not 30",
    ]


def test_with_few_connections_an_event_may_cost_a_third_more():
    few = {f"{BARE} (c=16)": rounds(20), f"{ACCEPT} (c=16)": rounds(70)}
    many = {f"{BARE} (c=64)": rounds(20), f"{ACCEPT} (c=64)": rounds(40)}
    text, missed = table(few | many)
    assert f"{ACCEPT} (c=16)" in text
    assert missed == [f"{ACCEPT}: c=16 is 1.75 x c=64, not 1.3"]
    assert table(few | many | {f"{ACCEPT} (c=16)": rounds(50)})[1] == []
