"""The page says what the tables say; that of the codes is every page's test."""

from pathlib import Path

import pytest

from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.errors import FAILURES

PAGES = Path(__file__).parents[3] / "docs" / "reference" / "providers"
PAGE = (PAGES / "sendgrid.md").read_text()


def row_of(code):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {code} |")]
    return row


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
