import io
import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from hardpoint.cli.demo import _told
from hardpoint.cli.terminal import Terminal


@pytest.mark.parametrize(("code", "holds"), [(0, True), (1, False)])
def test_as_json_it_says_whether_every_count_holds(code: int, holds: bool) -> None:
    terminal = Terminal(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    terminal.json = True
    assert _told(terminal, code) == code
    envelope = json.loads(terminal.stdout.getvalue())
    assert (envelope["ok"], envelope["data"]) == (holds, {"holds": holds})


def test_ctrl_c_ends_the_story_with_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "hardpoint", "demo", "--once"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_a_shop_that_does_not_start_says_why(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UVICORN_LOG_LEVEL", "nonsense")
    run = cli("demo", "--once")
    assert run.code == 1
    assert "the shop did not start" in run.err
    assert "'nonsense' is not one of" in run.err


@pytest.mark.parametrize("package", ["fastapi", "python_multipart", "uvicorn"])
def test_without_its_shops_framework_it_says_what_to_install(
    cli: Any, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    run = cli("demo", "--once")
    assert run.code == 3
    assert f"needs {package}, which is not installed" in run.err
    assert "pip install 'hardpoint[" in run.err
