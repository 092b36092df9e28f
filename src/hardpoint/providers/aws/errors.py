"""The error codes of S3, SQS, SNS, EventBridge and Lambda: what they mean to us.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, read 2026-11-28, and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html with its
neighbours, read 2026-12-01. An answer to HEAD has no body, hence no code: its status alone decides.
The other services name a request in another header than S3 does.
"""

from pathlib import Path

from hardpoint.http.errors import ErrorTable

_CODES = Path(__file__).with_name("codes.md")

ERRORS = ErrorTable.read("aws", _CODES, request_id="x-amz-request-id")
LAMBDA_ERRORS = ErrorTable.read("aws.lambda", _CODES, request_id="x-amzn-requestid")
SQS_ERRORS = ErrorTable.read("aws.sqs", _CODES, request_id="x-amzn-requestid")
