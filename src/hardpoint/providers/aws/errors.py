"""The error codes of S3: what they mean to us.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, read 2026-11-28. An answer to
HEAD has no body, hence no code: its status alone decides.
"""

from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.http.errors import ErrorTable, Known

_KEYS = "Check access_key_id and secret_access_key."
_SLOWER = "It is retried more slowly; spread the keys over more prefixes."
_TEMPORARY = "Get new temporary credentials."
_REGION = "Set region to the one the bucket is in."


ERRORS = ErrorTable(
    "aws",
    {
        "AccessDenied": Known(
            PermissionDeniedError,
            "The credentials may not do this, or a policy of the bucket forbids it.",
            "Grant the action; see the least policy on the page of the provider.",
        ),
        "AccountProblem": Known(
            PermissionDeniedError,
            "Something is wrong with the account itself.",
            "Ask the vendor's support.",
        ),
        "AuthorizationHeaderMalformed": Known(
            AuthenticationError, "The request was signed for another region.", _REGION
        ),
        "BadDigest": Known(
            UnavailableError, "The bytes were damaged on their way.", "It is retried."
        ),
        "ConditionalRequestConflict": Known(
            UnavailableError, "Another write to the key was under way.", "It is retried."
        ),
        "EntityTooLarge": Known(
            InvalidRequestError, "The object is larger than allowed.", "Store less at a time."
        ),
        "ExpiredToken": Known(
            AuthenticationError, "The temporary credentials have expired.", _TEMPORARY
        ),
        "InternalError": Known(
            OutcomeUnknownError, "Something failed on the vendor's side.", "It is retried."
        ),
        "InvalidAccessKeyId": Known(
            AuthenticationError, "There is no such access key, or it is inactive.", _KEYS
        ),
        "InvalidBucketState": Known(
            PermissionDeniedError, "The bucket's state does not allow it.", "Look at the bucket."
        ),
        "InvalidObjectState": Known(
            PermissionDeniedError,
            "The object is archived and cannot be read at once.",
            "Restore it from its storage class first.",
        ),
        "InvalidToken": Known(
            AuthenticationError, "The session token is malformed or another's.", _TEMPORARY
        ),
        "KeyTooLongError": Known(
            InvalidRequestError, "The key has more than 1024 bytes.", "Shorten it.", "key"
        ),
        "NoSuchBucket": Known(
            NotFoundError, "There is no such bucket.", "Check bucket, region and endpoint_url."
        ),
        "NoSuchKey": Known(NotFoundError, "There is no object under the key.", "Check the key."),
        "NoSuchUpload": Known(
            NotFoundError,
            "The upload was finished or aborted already.",
            "Start it again if the object is not there.",
        ),
        "OperationAborted": Known(
            UnavailableError, "Another change was under way.", "It is retried."
        ),
        "PermanentRedirect": Known(
            InvalidRequestError, "The bucket is in another region.", _REGION
        ),
        "PreconditionFailed": Known(
            PreconditionFailedError,
            "It is not the version it was expected to be, or there is one already.",
            "Read it again and decide anew.",
        ),
        "RequestTimeout": Known(
            OutcomeUnknownError, "The request did not arrive in time.", "It is retried."
        ),
        "RequestTimeTooSkewed": Known(
            AuthenticationError,
            "This machine's clock is more than 15 minutes off.",
            "Set the clock.",
        ),
        "ServiceUnavailable": Known(
            OutcomeUnknownError, "The service cannot handle requests now.", "It is retried."
        ),
        "SignatureDoesNotMatch": Known(
            AuthenticationError, "The secret does not belong to the access key.", _KEYS
        ),
        "SlowDown": Known(RateLimitedError, "Too many requests to one prefix at a time.", _SLOWER),
        "TemporaryRedirect": Known(
            UnavailableError, "The bucket is new and its name not yet known.", "It is retried."
        ),
    },
    request_id="x-amz-request-id",
)
