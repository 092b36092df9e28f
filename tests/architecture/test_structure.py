"""The shape of the tree: what each provider has, and how long a module may be."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import hardpoint
from hardpoint.core.providers import provider, provider_names

SOURCE = Path(hardpoint.__file__).parent
TESTS = Path(__file__).parent.parent
LINES_MAX = 400
TEST_LINES_MAX = 600
BANNED = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
SECTIONS = [path for path in SOURCE.rglob("*.py") if "sync" not in path.relative_to(SOURCE).parts]


def lines_of(path: Path) -> int:
    """All of them: blank lines, comments and docstrings too."""
    return len(path.read_text().splitlines())


def test_no_module_is_too_long_to_be_read_in_one_sitting() -> None:
    long = {str(path.relative_to(SOURCE)): lines_of(path) for path in SECTIONS}
    assert not {name: lines for name, lines in long.items() if lines > LINES_MAX}


def test_no_test_module_is_too_long() -> None:
    long = {str(path.relative_to(TESTS)): lines_of(path) for path in TESTS.rglob("*.py")}
    assert not {name: lines for name, lines in long.items() if lines > TEST_LINES_MAX}


def test_a_module_is_named_by_what_it_is_about() -> None:
    names = {part for path in SECTIONS for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert not names & BANNED


def test_every_folder_of_providers_is_a_package_that_can_be_found() -> None:
    folders = {path.name for path in (SOURCE / "providers").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} <= set(provider_names())


@pytest.mark.parametrize("name", provider_names())
def test_every_provider_declares_what_it_is(name: str) -> None:
    manifest = provider(name)
    assert (manifest.name, bool(manifest.title), bool(manifest.tokens)) == (name, True, True)
    assert name in manifest.tokens


@pytest.mark.parametrize("name", provider_names())
def test_every_built_in_provider_has_its_mirror_under_tests(name: str) -> None:
    assert list((TESTS / "providers" / name).glob("test_*.py"))


UNIT_COST = TESTS.parent / "scripts" / "unit-cost"


def test_a_vendor_that_costs_more_lines_says_why() -> None:
    ended = subprocess.run([sys.executable, UNIT_COST], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("", set()),
        ("\n\nUnit cost: tests, since a\nproxy lies; fake, since it signs.", {"tests", "fake"}),
        ("\n\nUnit cost: tests", set()),
        ("\n\nUnit cost: tests, since", set()),
        ("\n\nIt has many tests, since it is odd.", set()),
    ],
)
def test_a_reason_names_its_part(tmp_path: Path, said: str, parts: set[str]) -> None:
    (tmp_path / "__init__.py").write_text(f'"""Acme.{said}\n"""\n')
    assert set(runpy.run_path(str(UNIT_COST))["reasons"](tmp_path)) == parts
