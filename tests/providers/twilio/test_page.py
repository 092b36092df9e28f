"""The page says what the tables say."""

from pathlib import Path

import pytest

from hardpoint.providers.twilio.errors import ERRORS, FAILURES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "providers" / "twilio.md"


@pytest.mark.parametrize("code", sorted(code for _, code in ERRORS.known))
def test_every_code_stands_on_the_page(code):
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {code} |")]
    (known,) = ERRORS.explain(code)
    assert row.endswith(f"| {known.meaning} | {known.action} |")
    if code in FAILURES:
        assert f"`{FAILURES[code][0].value}`" in row
