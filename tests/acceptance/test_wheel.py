"""What a user installs: the wheel, in an empty folder, without the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*build, "--quiet", "--wheel-dir", str(folder), str(REPOSITORY)], check=True, timeout=120
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_its_types_and_its_licence_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert "hardpoint/py.typed" in names
    assert any(name.endswith(".sql") for name in names)
    for vendor in ("github", "sendgrid", "stripe", "twilio"):
        assert f"hardpoint/providers/{vendor}/samples.json" in names
    assert "hardpoint/webhooks/standard.json" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"hardpoint"}


def test_the_wheel_brings_the_command_and_the_pytest_plugin(wheel):
    archive = zipfile.ZipFile(wheel)
    [entries] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    declared = archive.read(entries).decode()

    assert "[console_scripts]\nhardpoint = hardpoint.cli.main:script" in declared
    assert "[pytest11]\nhardpoint = hardpoint.testing.plugin" in declared


def test_the_demo_runs_from_the_wheel_in_an_empty_folder(wheel, tmp_path):
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    zipfile.ZipFile(wheel).extractall(installed)
    empty.mkdir()

    told = subprocess.run(
        [sys.executable, "-m", "hardpoint", "demo", "--once"],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert told.returncode == 0, told.stdout + told.stderr
    assert "Every count holds." in told.stdout
    assert list(empty.iterdir()) == []
