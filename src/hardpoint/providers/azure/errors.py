"""The error codes of blob storage: what they mean to us.

https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes, read 2026-12-01. An
answer to HEAD has no body: its status alone decides.
"""

from pathlib import Path

from hardpoint.http.errors import ErrorTable

ERRORS = ErrorTable.read(
    "azure", Path(__file__).with_name("codes.md"), request_id="x-ms-request-id"
)
