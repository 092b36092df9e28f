"""The error codes of Cloud Storage: what they mean to us.

https://cloud.google.com/storage/docs/json_api/v1/status-codes, read 2026-12-01. The code is the
`reason` of the first of the errors that an answer has.
"""

from pathlib import Path

from hardpoint.http.errors import ErrorTable

ERRORS = ErrorTable.read(
    "google", Path(__file__).with_name("codes.md"), request_id="x-guploader-uploadid"
)
