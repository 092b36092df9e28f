"""The page says what events and limits say; its codes are compared beside those of all others."""

from pathlib import Path

import pytest

from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.errors import FAILURES

PAGES = Path(__file__).parents[3] / "docs" / "reference" / "providers"
PAGE = (PAGES / "sendgrid.md").read_text()


@pytest.mark.parametrize("said", FAILURES)
def test_every_reason_stands_on_the_page(said):
    reason, meaning, action = FAILURES[said]
    assert f"\n| {said} | `{reason.value}` | {meaning} | {action} |\n" in PAGE


def test_the_limits_stand_on_the_page():
    limits = SendGridEmail.capabilities.limits
    assert f"{limits['recipients']}, to, cc and bcc" in PAGE
    assert f"{limits['message_bytes'] // 1_000_000} MB" in PAGE
    assert f"at most {limits['attachments']}" in PAGE
    assert f"{limits['metadata_bytes']} bytes" in PAGE
