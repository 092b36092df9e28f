import pytest

from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.http.errors import Problem
from hardpoint.providers.twilio.errors import ERRORS, failure
from hardpoint.sms.suppressions import OptedOutError

TABLE = [
    # status, code, error, field
    (401, "20003", AuthenticationError, None),
    (403, "20008", PermissionDeniedError, None),
    (404, "20404", NotFoundError, None),
    (429, "20429", RateLimitedError, None),
    (429, None, RateLimitedError, None),
    (400, "21211", InvalidRequestError, "to"),
    (400, "21212", InvalidRequestError, "from_"),
    (400, "21265", InvalidRequestError, "to"),
    (403, "21408", PermissionDeniedError, None),
    (400, "21408", PermissionDeniedError, None),
    (400, "21602", InvalidRequestError, "body"),
    (400, "21603", InvalidRequestError, "from_"),
    (400, "21604", InvalidRequestError, "to"),
    (400, "21606", InvalidRequestError, "from_"),
    (400, "21608", PermissionDeniedError, None),
    (400, "21609", InvalidRequestError, "status_url"),
    (400, "21610", OptedOutError, "to"),
    (429, "21611", RateLimitedError, None),
    (400, "21612", InvalidRequestError, "to"),
    (400, "21614", InvalidRequestError, "to"),
    (400, "21617", InvalidRequestError, "body"),
    (400, "21620", InvalidRequestError, "media"),
    (400, "21623", InvalidRequestError, "media"),
    (400, "21659", InvalidRequestError, "from_"),
    (400, "21703", InvalidRequestError, "from_"),
    (429, "63038", RateLimitedError, None),
    (400, "30034", InvalidRequestError, None),
    (400, "99999", InvalidRequestError, None),
    (418, "99999", UnexpectedResponseError, None),
    (500, None, OutcomeUnknownError, None),
    (503, "20503", OutcomeUnknownError, None),
]


@pytest.mark.parametrize(("status", "code", "error", "field"), TABLE)
def test_each_code_has_its_error(status, code, error, field):
    raised = ERRORS.error(Problem(status=status, code=code, message="says", request_id="RQ1"))
    assert type(raised) is error
    assert getattr(raised, "field", None) == field
    assert (raised.provider, raised.status, raised.vendor_code) == ("twilio", status, code)
    assert raised.request_id == "RQ1"
    assert str(status) in str(raised)
    assert raised.retryable is (error is RateLimitedError)
    assert raised.outcome_known is (error is not OutcomeUnknownError)


@pytest.mark.parametrize("code", ["21211", "21610"])
def test_an_error_says_what_twilio_said_if_it_said_something(code):
    silent = ERRORS.error(Problem(status=400, code=code))
    assert str(silent).endswith(f"twilio answered 400 {code}")
    said = ERRORS.error(Problem(status=400, code=code, message="no"))
    assert str(said).endswith(f"twilio answered 400 {code}: no")


@pytest.mark.rows
def test_a_callbacks_code_says_why(code, reason):
    assert failure(code) is reason
