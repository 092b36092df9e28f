"""Slack's words for what went wrong, which mostly come with status 200.

https://docs.slack.dev/reference/methods/chat.postMessage and the pages of the other methods; for
incoming webhooks, which answer in plain text,
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; read 2026-12-01.
"""

from pathlib import Path

from hardpoint.http.errors import ErrorTable

ERRORS = ErrorTable.read("slack", Path(__file__).with_name("codes.md"), request_id="x-slack-req-id")
