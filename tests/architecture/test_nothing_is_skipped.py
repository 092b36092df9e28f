"""What is missing is named by a failure, never skipped: a test that did not run proves nothing.

Conformance suites are the exception: a driver is not asked for what it does not declare.
"""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
SKIPS = re.compile(r"\b(?:importorskip|xfail|unittest\.skip|(?:pytest|mark)\.skip\w*)\b")


def test_no_test_skips_itself() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{number}"
        for path in TESTS.rglob("*.py")
        if "node_modules" not in path.parts and path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if SKIPS.search(line)
    ]
    assert not found
