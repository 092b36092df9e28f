"""The page says what limits say; its codes are written by a script, as all are."""

from pathlib import Path

from hardpoint.providers.sendgrid.email import SendGridEmail

PAGES = Path(__file__).parents[3] / "docs" / "reference" / "providers"
PAGE = (PAGES / "sendgrid.md").read_text()


def test_the_limits_stand_on_the_page():
    limits = SendGridEmail.capabilities.limits
    assert f"{limits['recipients']}, to, cc and bcc" in PAGE
    assert f"{limits['message_bytes'] // 1_000_000} MB" in PAGE
    assert f"at most {limits['attachments']}" in PAGE
    assert f"{limits['metadata_bytes']} bytes" in PAGE
