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
from hardpoint.http.errors import ErrorTable, Known, Problem

_KEYS = "Check access_key_id and secret_access_key."
_SLOWER = "It is retried more slowly; spread the keys over more prefixes."
_TEMPORARY = "Get new temporary credentials."
_REGION = "Set region to the one the bucket is in."


def _wrong_key(problem: Problem) -> InvalidRequestError:
    return InvalidRequestError(
        f"the provider refused it ({problem.code})", field="key", **problem.facts("aws")
    )


ERRORS = ErrorTable(
    "aws",
    {
        (None, "AccessDenied"): Known(
            PermissionDeniedError,
            "The credentials may not do this, or a policy of the bucket forbids it.",
            "Grant the action; see the least policy on the page of the provider.",
        ),
        (None, "AccountProblem"): Known(
            PermissionDeniedError,
            "Something is wrong with the account itself.",
            "Ask the vendor's support.",
        ),
        (None, "AuthorizationHeaderMalformed"): Known(
            AuthenticationError, "The request was signed for another region.", _REGION
        ),
        (None, "BadDigest"): Known(
            UnavailableError, "The bytes were damaged on their way.", "It is retried."
        ),
        (None, "ConditionalRequestConflict"): Known(
            UnavailableError, "Another write to the key was under way.", "It is retried."
        ),
        (None, "EntityTooLarge"): Known(
            InvalidRequestError, "The object is larger than allowed.", "Store less at a time."
        ),
        (None, "ExpiredToken"): Known(
            AuthenticationError, "The temporary credentials have expired.", _TEMPORARY
        ),
        (None, "InternalError"): Known(
            OutcomeUnknownError, "Something failed on the vendor's side.", "It is retried."
        ),
        (None, "InvalidAccessKeyId"): Known(
            AuthenticationError, "There is no such access key, or it is inactive.", _KEYS
        ),
        (None, "InvalidBucketState"): Known(
            PermissionDeniedError, "The bucket's state does not allow it.", "Look at the bucket."
        ),
        (None, "InvalidObjectState"): Known(
            PermissionDeniedError,
            "The object is archived and cannot be read at once.",
            "Restore it from its storage class first.",
        ),
        (None, "InvalidToken"): Known(
            AuthenticationError, "The session token is malformed or another's.", _TEMPORARY
        ),
        (None, "KeyTooLongError"): Known(
            _wrong_key, "The key has more than 1024 bytes.", "Shorten it."
        ),
        (None, "NoSuchBucket"): Known(
            NotFoundError, "There is no such bucket.", "Check bucket, region and endpoint_url."
        ),
        (None, "NoSuchKey"): Known(
            NotFoundError, "There is no object under the key.", "Check the key."
        ),
        (None, "NoSuchUpload"): Known(
            NotFoundError,
            "The upload was finished or aborted already.",
            "Start it again if the object is not there.",
        ),
        (None, "OperationAborted"): Known(
            UnavailableError, "Another change was under way.", "It is retried."
        ),
        (None, "PermanentRedirect"): Known(
            InvalidRequestError, "The bucket is in another region.", _REGION
        ),
        (None, "PreconditionFailed"): Known(
            PreconditionFailedError,
            "It is not the version it was expected to be, or there is one already.",
            "Read it again and decide anew.",
        ),
        (None, "RequestTimeout"): Known(
            OutcomeUnknownError, "The request did not arrive in time.", "It is retried."
        ),
        (None, "RequestTimeTooSkewed"): Known(
            AuthenticationError,
            "This machine's clock is more than 15 minutes off.",
            "Set the clock.",
        ),
        (None, "ServiceUnavailable"): Known(
            OutcomeUnknownError, "The service cannot handle requests now.", "It is retried."
        ),
        (None, "SignatureDoesNotMatch"): Known(
            AuthenticationError, "The secret does not belong to the access key.", _KEYS
        ),
        (None, "SlowDown"): Known(
            RateLimitedError, "Too many requests to one prefix at a time.", _SLOWER
        ),
        (None, "TemporaryRedirect"): Known(
            UnavailableError, "The bucket is new and its name not yet known.", "It is retried."
        ),
    },
)
