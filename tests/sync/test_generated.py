"""The facades are what the script writes, and have the signatures of what they wrap."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "generate_sync"
PORTS = sorted(path.parent.name for path in (ROOT / "src" / "hardpoint").glob("*/api.py"))


def test_the_facades_are_fresh():
    checked = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("port", PORTS)
def test_a_facade_has_the_same_names_and_arguments(port):
    api, facade = import_module(f"hardpoint.{port}.api"), import_module(f"hardpoint.sync.{port}")
    wrapped = [
        one
        for name, one in vars(api).items()
        if inspect.isclass(one) and one.__module__ == api.__name__ and not name.startswith("_")
    ]
    assert wrapped
    for original in wrapped:
        twin = getattr(facade, original.__name__)
        for name, method in vars(original).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                ours, theirs = inspect.signature(method), inspect.signature(getattr(twin, name))
                assert list(ours.parameters) == list(theirs.parameters), name
                assert not inspect.iscoroutinefunction(getattr(twin, name)), name
