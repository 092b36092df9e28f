"""A disk that is full: vendors hear 503, `/readyz` is not ready, and the log says why."""

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

VICTIM = Path(__file__).parent / "full_disk_victim.py"
KEYRING = "k1:" + "A" * 43 + "="


def mountable() -> bool:
    """Whether this user may have a file system of its own, seen by nobody else."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-rm", "true"]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


MEANS = ["pages", "disk"] if mountable() else ["pages"]
"""SQLite's own bound works for any user on any system; a real disk of three megabytes besides."""


@pytest.fixture(scope="module", params=product(["store", "vault", "flows"], MEANS), ids="-".join)
def filled(request, tmp_path_factory):
    """What a deployment told whose disk became full."""
    part, means = request.param
    folder = tmp_path_factory.mktemp("disk")
    mount = 'mount -t tmpfs -o size=3m none "$1" && ' if means == "disk" else ""
    alone = ["unshare", "-rm"] if means == "disk" else []
    command = [*alone, "sh", "-c", f'{mount}exec "$2" "$3" "$1" "$4" "$5"', "-"]
    run = subprocess.run(
        [*command, str(folder), sys.executable, str(VICTIM), part, means],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"STRIPE": "whsec_disk", "KEYRING": KEYRING},
    )
    assert run.returncode == 0, run.stderr
    return SimpleNamespace(part=part, log=run.stderr, **json.loads(run.stdout))


def test_who_asks_hears_that_it_cannot_be_done_now(filled):
    assert filled.before
    if filled.part == "store":
        assert filled.answer == "503"
    else:
        assert "disk is full" in filled.answer


def test_readiness_says_so_with_the_reason(filled):
    assert not filled.ready
    (reason,) = filled.told
    assert "database or disk is full" in reason
    assert reason.startswith("store:" if filled.part == "store" else "vault:")
    assert any(one.startswith("disk: the store's is full") for one in filled.seen)


def test_the_log_says_why_though_nobody_listens(filled):
    name = "batch_failed" if filled.part == "store" else "vault_unavailable"
    about = "kind=accept" if filled.part == "store" else ""
    told = [one for one in filled.log.splitlines() if f"{name} " in one and about in one]
    assert len(told) == 1  # though twenty were refused
    assert "database or disk is full" in filled.log


def test_it_goes_on_as_soon_as_there_is_room(filled):
    assert filled.again == ("200" if filled.part == "store" else "done")
    assert filled.after
