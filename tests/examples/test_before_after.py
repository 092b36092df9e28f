"""What quick starts get wrong is found, and what we put in its place is clean and does the same."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hardpoint.audit.examining import examine
from hardpoint.audit.findings import Confidence, FindingVerdict

EXAMPLE = Path(__file__).parents[2] / "examples" / "before_after"
MISTAKES = {
    "stripe_webhook.py": {"HP106", "HP110"},
    "checkout.py": {"HP401", "HP403", "HP603"},
    "send_sms.py": {"HP201", "HP203", "HP602"},
    "sign_in.py": {"HP301", "HP304", "HP501", "HP505", "HP507"},
    "rates.py": {"HP203", "HP204", "HP205", "HP301", "HP304", "HP607"},
}


def found(path: Path) -> set[str]:
    return {
        one.rule
        for one in examine(path.name, path.read_bytes())
        if one.verdict is FindingVerdict.VIOLATION and one.confidence is Confidence.HIGH
    }


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_found_before_and_none_after(name: str) -> None:
    assert found(EXAMPLE / "before" / name) >= MISTAKES[name]
    assert found(EXAMPLE / "after" / name) == set()


def test_what_comes_after_does_the_same(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE / "after", tmp_path / "after")
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
