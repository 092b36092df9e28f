"""The example of a provider in a package of its own, installed as its users install it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "provider_package"
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
ALONE = ["--no-deps", "--no-build-isolation", "--no-index"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment in which it is installed, in a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([*PIP, *ALONE, "--target", str(folder), str(EXAMPLE)], check=True, timeout=170)
    return {**os.environ, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": ""}


def test_its_own_tests_pass(installed, tmp_path):
    suite = ["-c", str(EXAMPLE / "pyproject.toml"), "--rootdir", str(EXAMPLE), str(EXAMPLE)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite],
        cwd=tmp_path,
        env=installed,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("explain", "acme", "unknown_recipient"), "Ask for another address."),
        (
            (
                *("trigger", "acme", "message.delivered", "--print-curl"),
                *("--to", "http://127.0.0.1:1/", "--secret", "env:ACME_SECRET"),
            ),
            "X-Acme-Signature: v0=",
        ),
    ],
)
def test_the_commands_know_it(installed, command, said):
    ran = subprocess.run(
        [sys.executable, "-m", "hardpoint", *command],
        env={**installed, "ACME_SECRET": "whsec"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said in ran.stdout, ran.stdout + ran.stderr
