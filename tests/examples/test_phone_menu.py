"""The guide to calls: its blocks are the example's files, and the example's tests pass."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "phone_menu"
GUIDE = (ROOT / "docs" / "guides" / "make-calls.md").read_text()
BLOCKS = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL))


def test_the_blocks_of_the_guide_are_the_files_of_the_example():
    assert {name: (EXAMPLE / name).read_text() for name in BLOCKS} == BLOCKS
    assert len(BLOCKS) == 3


def test_its_own_tests_pass(tmp_path):
    folder = shutil.copytree(EXAMPLE, tmp_path / "phone_menu")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
