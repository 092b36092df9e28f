import pytest

from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.http.errors import Problem
from hardpoint.providers.sendgrid.errors import ERRORS, FAILURES, argument, code, failure

TABLE = [
    # status, SendGrid's field and message, error, our code, our field
    (401, None, "The authorization grant is invalid", AuthenticationError, "unauthorized", None),
    (
        401,
        None,
        "Maximum credits exceeded",
        PermissionDeniedError,
        "maximum_credits_exceeded",
        None,
    ),
    (403, None, "access forbidden", PermissionDeniedError, "forbidden", None),
    (403, "from", "no verified Sender Identity", PermissionDeniedError, "from", None),
    (413, None, "", InvalidRequestError, "payload_too_large", None),
    (415, None, "", InvalidRequestError, "unsupported_media_type", None),
    (429, None, "too many requests", RateLimitedError, "too_many_requests", None),
    (400, "from.email", "no valid address", InvalidRequestError, "from.email", "from_"),
    (
        400,
        "personalizations.0.to.12.email",
        "no valid address",
        InvalidRequestError,
        "personalizations.to.email",
        "to[12]",
    ),
    (
        400,
        "personalizations.0.cc.0.email",
        "",
        InvalidRequestError,
        "personalizations.cc.email",
        "cc[0]",
    ),
    (400, "personalizations.0", "unique", InvalidRequestError, "personalizations", None),
    (400, "personalizations.0.to", "required", InvalidRequestError, "personalizations.to", "to"),
    (400, "reply_to_list.1.email", "", InvalidRequestError, "reply_to_list.email", "reply_to[1]"),
    (400, "reply_to.email", "", InvalidRequestError, "reply_to.email", "reply_to"),
    (400, "subject", "", InvalidRequestError, "subject", "subject"),
    (400, "content.0.value", "", InvalidRequestError, "content.value", "text"),
    (
        400,
        "attachments.2.content",
        "",
        InvalidRequestError,
        "attachments.content",
        "attachments[2]",
    ),
    (400, "headers", "", InvalidRequestError, "headers", "headers"),
    (400, "custom_args", "", InvalidRequestError, "custom_args", "metadata"),
    (400, "send_at", "", InvalidRequestError, "send_at", None),
    (400, "sections", "", InvalidRequestError, "sections", None),
    (400, None, "Bad Request", InvalidRequestError, None, None),
    (418, "x", "", UnexpectedResponseError, "x", None),
    (500, None, "", OutcomeUnknownError, None, None),
    (503, None, "", OutcomeUnknownError, None, None),
]


@pytest.mark.parametrize("row", TABLE)
def test_each_refusal_has_its_error(row):
    status, theirs, message, error, ours, field = row
    named = code(status, message, theirs)
    assert named == ours
    raised = ERRORS.error(Problem(status=status, code=named, message=message, field=theirs))
    assert type(raised) is error
    assert getattr(raised, "field", None) == field
    assert (raised.provider, raised.status, raised.vendor_code) == ("sendgrid", status, ours)
    assert f"sendgrid answered {status}" in str(raised)
    assert message in str(raised)
    assert raised.retryable is (error is RateLimitedError)
    assert raised.outcome_known is (error is not OutcomeUnknownError)


@pytest.mark.parametrize("field", [None, "", "elsewhere", "mail_settings.0.x", "." * 9])
def test_a_field_that_is_no_argument_of_ours_is_left_out(field):
    assert argument(Problem(status=400, field=field)) is None


def test_a_field_is_known_by_the_code_alone():
    assert ERRORS.error(Problem(status=400, code="from.email")).field == "from_"
    assert ERRORS.error(Problem(status=400, code="personalizations.to.email")).field == "to"


@pytest.mark.rows
def test_what_an_event_says_is_a_reason(said, reason):
    assert failure(*said) is reason


def test_every_reason_is_explained():
    for said, (_, meaning, action) in FAILURES.items():
        assert said == said.lower()
        assert meaning.endswith(".")
        assert action.endswith(".")
