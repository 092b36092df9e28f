"""The page says what the tables say."""

from pathlib import Path

import pytest

from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.errors import ERRORS, FAILURES

PAGES = Path(__file__).parents[3] / "docs" / "reference" / "providers"
PAGE = (PAGES / "sendgrid.md").read_text()


def row_of(code):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {code} |")]
    return row


@pytest.mark.parametrize("code", sorted(code for _, code in ERRORS.known))
def test_every_code_stands_on_the_page(code):
    (known,) = ERRORS.explain(code)
    assert row_of(f"`{code}`").endswith(f"| {known.meaning} | {known.action} |")


@pytest.mark.parametrize("said", FAILURES)
def test_every_reason_stands_on_the_page(said):
    reason, meaning, action = FAILURES[said]
    assert row_of(said) == f"| {said} | `{reason.value}` | {meaning} | {action} |"


def test_the_limits_stand_on_the_page():
    limits = SendGridEmail.capabilities.limits
    assert f"{limits['recipients']}, to, cc and bcc" in PAGE
    assert f"{limits['message_bytes'] // 1_000_000} MB" in PAGE
    assert f"at most {limits['attachments']}" in PAGE
    assert f"{limits['metadata_bytes']} bytes" in PAGE


def test_the_headings_are_those_of_every_provider():
    def headings(page):
        return [line for line in page.splitlines() if line.startswith("## ")]

    assert headings(PAGE) == headings((PAGES / "twilio.md").read_text())
