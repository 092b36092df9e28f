"""Discord's codes for what went wrong.

https://docs.discord.com/developers/topics/opcodes-and-status-codes#json, read 2026-12-01 at commit
of 2026-08-06 of its repository. Code 0 says no more than the status, by which it goes.
"""

from pathlib import Path

from hardpoint.http.arguments import ArgumentPaths
from hardpoint.http.errors import ErrorTable

ERRORS = ErrorTable.read(
    "discord",
    Path(__file__).with_name("codes.md"),
    request_id="cf-ray",
    argument=ArgumentPaths(
        {
            "allowed_mentions": "text",
            "attachments": "name",
            "channel_id": "channel",
            "content": "text",
            "files": "content",
            "message_reference": "thread",
            "nonce": "idempotency_key",
        }
    ),
)
