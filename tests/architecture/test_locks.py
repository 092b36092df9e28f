"""Lock files hold names, versions and hashes: no index, no path of a machine."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
LINE = re.compile(
    r"[a-z0-9.\-]+==[\w.+!]+( ; [^/]+)? \\"  # a name, a version, and where it is needed
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|( *#.*)?"
)


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_requirements_are_names_versions_and_hashes(path):
    assert [line for line in path.read_text().splitlines() if not LINE.fullmatch(line)] == []
    assert "://" not in path.read_text()


def test_every_list_of_requirements_is_locked():
    wanted = {path.stem for path in (ROOT / "requirements").glob("*.in")} | {"run"}
    assert wanted == {path.stem for path in REQUIREMENTS}


def test_the_packages_of_node_are_locked_without_an_address():
    locks = [
        path
        for path in (ROOT / "tests").rglob("package-lock.json")
        if "node_modules" not in path.parts
    ]
    assert locks
    for lock in locks:
        packages = json.loads(lock.read_text())["packages"]
        for name, facts in packages.items():
            assert "resolved" not in facts, name
            assert not name or facts["integrity"].startswith("sha512-"), name


def test_the_modules_of_go_are_locked_by_their_hashes():
    for line in (ROOT / "tests/servers/stripe_mock/go.sum").read_text().splitlines():
        assert re.fullmatch(r"[\w.\-/]+ v[\w.\-]+(/go\.mod)? h1:[\w+/]{43}=", line)
