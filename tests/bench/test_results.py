"""Results travel on a pipe of their own, whatever a library prints."""

import subprocess
import sys
from pathlib import Path

import pytest
from bench.results import results, told

ROOT = Path(__file__).parents[2]
NOISY = """
from bench.results import tell
print("a line of a log", flush=True)
tell({"row": 1})
print("[2, 3]", flush=True)
tell(["x" * 200_000])
"""


def test_what_a_library_prints_is_no_result():
    assert results([sys.executable, "-c", NOISY], cwd=ROOT) == [{"row": 1}, ["x" * 200_000]]


def test_what_a_process_prints_does_not_get_into_the_output_of_the_bench():
    command = f"[sys.executable, '-c', {NOISY!r}]"
    code = f"import sys; from bench.results import results; print(len(results({command})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "2\n"
    assert "a line of a log" in done.stderr


def test_a_process_that_fails_is_an_error():
    with pytest.raises(subprocess.CalledProcessError):
        results([sys.executable, "-c", "raise SystemExit(3)"])


def test_results_come_while_the_process_runs():
    code = "import sys; from bench.results import tell; tell(7); sys.stdin.read()"
    with told([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE) as (process, found):
        assert next(found) == 7
        process.stdin.close()
