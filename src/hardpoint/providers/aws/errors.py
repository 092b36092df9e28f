"""The error codes of S3: what they mean to us.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, read 2026-11-28. An answer to
HEAD has no body, hence no code: its status alone decides.
"""

from pathlib import Path

from hardpoint.http.errors import ErrorTable

ERRORS = ErrorTable.read("aws", Path(__file__).with_name("codes.md"), request_id="x-amz-request-id")
