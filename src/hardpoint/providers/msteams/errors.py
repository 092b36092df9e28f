"""What a workflow's refusals mean; https://learn.microsoft.com/azure/logic-apps/."""

from pathlib import Path

from hardpoint.http.errors import ErrorTable

ERRORS = ErrorTable.read(
    "msteams", Path(__file__).with_name("codes.md"), request_id="x-ms-workflow-run-id"
)
