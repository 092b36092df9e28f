"""Postmark's error codes; https://postmarkapp.com/developer/api/overview#error-codes."""

from pathlib import Path

from hardpoint.email.types import EmailFailure
from hardpoint.http.arguments import ArgumentPaths
from hardpoint.http.errors import ErrorTable, table_rows

_CODES = Path(__file__).with_name("codes.md")
argument = ArgumentPaths(
    {
        "Attachments": "attachments",
        "Bcc": "bcc",
        "Cc": "cc",
        "From": "from_",
        "Headers": "headers",
        "Metadata": "metadata",
        "ReplyTo": "reply_to",
        "Subject": "subject",
        "Tag": "tags",
        "TemplateModel": "variables",
        "To": "to",
    }
)
ERRORS = ErrorTable.read("postmark", _CODES, argument=argument)
FAILURES = {
    row["type"]: EmailFailure(row["failure"]) for row in table_rows(_CODES) if "type" in row
}
"""By the type of a bounce."""
