"""No test waits for ever: the limits of `pyproject.toml` and `conftest.py`, made short."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARALLEL = ["-n", "1"]
IN_LINE = ["-n", "0"]

WAITS = """
import threading

def test_that_waits_for_ever():
    threading.Thread(target=a_thread_that_waits, daemon=True).start()
    threading.Event().wait()

def a_thread_that_waits():
    threading.Event().wait()

def test_that_ends():
    pass
"""
SWALLOWS = """
import threading

def test_that_hears_of_no_limit():
    while True:
        try:
            threading.Event().wait()
        except BaseException:
            pass
"""


def played(folder: Path, source: str, *options: str) -> tuple[int, str]:
    """A run of such a test under our configuration; its exit code and all it said."""
    (folder / "test_one.py").write_text(source)
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [*command, "-o", "faulthandler_timeout=4", *options, str(folder / "test_one.py")],
        env=os.environ | {"PYTEST_TIMEOUT": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [IN_LINE, PARALLEL], ids=["in line", "parallel"])
def test_a_test_that_waits_for_ever_fails_with_the_stacks_and_the_others_run(tmp_path, options):
    code, said = played(tmp_path, WAITS, *options)
    assert code == 1
    assert "1 failed, 1 passed" in said
    assert "test_that_waits_for_ever" in said
    assert "Timeout" in said
    assert "a_thread_that_waits" in said


@pytest.mark.parametrize("options", [IN_LINE, PARALLEL], ids=["in line", "parallel"])
def test_a_test_that_swallows_its_limit_ends_its_process_and_shows_where(tmp_path, options):
    code, said = played(tmp_path, SWALLOWS, *options)
    assert code == 1
    assert "in test_that_hears_of_no_limit" in said
