"""The blocking hub's store: one that cannot be opened, and a script that never closes it."""

import subprocess
import sys

import pytest

from hardpoint.core.errors import StoreCorruptError
from hardpoint.sync import Hub

CONFIGURATION = """
[store]
url = "sqlite:shop.db"
"""
SCRIPT = """
import os

from hardpoint.sync import Hub

hub = Hub.load("hardpoint.toml")
print(hub.once("greeting", os.getpid, returns=int))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_that_is_no_store_is_refused_and_may_be_put_right(folder):
    (folder / "shop.db").write_bytes(b"no database" * 1000)
    with Hub.load("hardpoint.toml") as hub:
        with pytest.raises(StoreCorruptError):
            hub.once("greeting", str, 7, returns=str)
        (folder / "shop.db").unlink()
        assert hub.once("greeting", str, 7, returns=str) == "7"


def test_a_script_that_closes_nothing_ends_and_its_word_is_kept():
    command = [sys.executable, "-c", SCRIPT]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        for _ in range(2)
    )
    assert (first.returncode, first.stderr) == (0, "")
    assert int(first.stdout) == int(second.stdout)
