"""The page that says how hardpoint is attacked says what can be run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "attacked.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_every_command_is_a_target():
    named = set(re.findall(r"`make ([a-z-]+)", PAGE))
    targets = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
    assert {"fuzz", "durability", "conformance", "test-pythons", "test-servers"} <= named <= targets


def test_its_defaults_are_the_targets():
    for name, value in re.findall(r"`([A-Z]+)=(\d+)`", PAGE):
        assert re.search(rf"^{name} +\?= {value}$", MAKEFILE, re.MULTILINE), name
    assert {"KILLS", "MEGABYTES"} <= {name for name, _ in re.findall(r"`([A-Z]+)=(\d+)`", PAGE)}


def test_every_file_that_is_asked_for_is_named_with_its_publisher():
    asked = {
        name
        for path in (ROOT / "tests" / "specifications").glob("test_*.py")
        for name in re.findall(r'specification\("([^"]+)"\)', path.read_text())
    }
    rows = re.findall(r"^\| (.+?) \| github\.com/", PAGE, re.MULTILINE)
    assert asked == {name for row in rows for name in re.findall(r"`([^`]+\.json)`", row)}
