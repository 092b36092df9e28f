"""What the bench of several processes says of its figures."""

import os
import subprocess
import sys

from bench.accept.database import cpu_of
from bench.processes.__main__ import IN_DATABASE_LOADS, ON_A_FILE, family, p99, table

FEW, MANY = ON_A_FILE
GOOD = {FEW: (100.0, 130.0), MANY: (100.0, 119.0)}


def test_what_misses_its_target_is_named():
    text, missed = table(GOOD, [1.0, 2.0, 9.0], [20.0, 240.0], 0.02)
    assert missed == []
    assert "c=16: one process 100 us, 4 workers 130 us by event: 1.30 x" in text
    assert "receipt to handler at 200/s: p50 2.0 ms, p99 9.0 ms of 3" in text
    assert "a guest that does nothing: 0.020 % of a CPU" in text
    _, missed = table({FEW: (100.0, 140.0), MANY: (100.0, 130.0)}, [1.0, 11.0], [300.0], 0.5)
    assert missed == [
        "c=16: 1.40 x one process, not 1.35",
        "c=64: 1.30 x one process, not 1.20",
        "receipt to handler at 200/s: p99 11.0 ms, not 10",
        "takeover after SIGKILL: p99 300.0 ms, not 250",
        "a guest that does nothing: 0.500 %, not 0.1",
    ]


def test_in_a_database_only_the_same_load_for_each_process_has_a_target():
    each, together = IN_DATABASE_LOADS
    text, missed = table({each: (100.0, 121.0), together: (100.0, 150.0)}, [], [], None)
    assert missed == ["c=64 in each: 1.21 x one process, not 1.20"]
    assert "c=64 in all: one process 100 us, 4 workers 150 us by event: 1.50 x" in text


def test_of_a_hundred_values_one_may_be_as_late_as_it_likes():
    assert p99([1.0] * 99 + [50.0]) == 50.0
    assert p99([1.0] * 199 + [50.0]) == 1.0


def test_the_processes_of_a_site_are_counted_together():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert {os.getpid(), child.pid} <= {*family(os.getpid())}
        assert cpu_of(os.getpid()) > 0
    finally:
        child.communicate(b"\n")
    assert cpu_of(child.pid) == 0.0
    assert [*family(child.pid)] == [child.pid]
