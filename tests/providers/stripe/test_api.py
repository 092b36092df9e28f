"""How Stripe's refusals become ours."""

import pytest

from hardpoint.core.errors import (
    DeclinedError,
    InvalidRequestError,
    OutcomeUnknownError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.fakes.messages import FakeReply
from hardpoint.providers.stripe.fake import SECRET_KEY


def refuse(recorder, status, *headers, **error):
    body = {"error": {"type": "invalid_request_error", **error}}
    recorder.app.replies.append(FakeReply.json(body, status, ("request-id", "req_1"), *headers))


def test_a_refusal_names_the_parameter_and_the_request(recorder, recorded):
    refuse(recorder, 400, code="parameter_unknown", param="metadata[x]", message="No such.")
    with pytest.raises(InvalidRequestError, match="No such") as caught:
        recorded.get_payment("pi_1")
    assert (caught.value.field, caught.value.request_id) == ("metadata[x]", "req_1")
    assert (caught.value.status, caught.value.vendor_code) == (400, "parameter_unknown")


def test_what_stripe_quotes_is_redacted(recorder, recorded):
    message = f"Invalid API Key provided: {SECRET_KEY}, from jenny@example.com"
    refuse(recorder, 401, message=message)
    with pytest.raises(Exception, match="Invalid API Key provided") as caught:
        recorded.get_payment("pi_1")
    assert SECRET_KEY not in str(caught.value)
    assert "jenny" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "retryable"), [("true", True), ("false", False), ("maybe", True), (None, True)]
)
def test_stripes_word_on_retrying_goes_before_ours(recorder, recorded, word, retryable):
    headers = [] if word is None else [("stripe-should-retry", word)]
    refuse(recorder, 429, *headers, code="rate_limit")
    with pytest.raises(RateLimitedError) as caught:
        recorded.get_payment("pi_1")
    assert caught.value.retryable is retryable


def test_a_decline_is_not_retried_whatever_stripe_says(recorder, recorded):
    refuse(recorder, 402, ("stripe-should-retry", "true"), code="card_declined")
    with pytest.raises(DeclinedError) as caught:
        recorded.get_payment("pi_1")
    assert not caught.value.retryable


def test_a_stored_failure_says_that_a_retry_is_of_no_use(recorder, recorded):
    refuse(recorder, 500, ("stripe-should-retry", "false"))
    with pytest.raises(OutcomeUnknownError) as caught:
        recorded.get_payment("pi_1")
    assert vars(caught.value)["retryable"] is False


def test_a_wait_is_passed_on(recorder, recorded):
    refuse(recorder, 429, ("retry-after", "3"), code="rate_limit")
    with pytest.raises(RateLimitedError) as caught:
        recorded.get_payment("pi_1")
    assert caught.value.retry_after == 3.0


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "text"}', b"[]"])
def test_a_refusal_in_no_shape_is_known_by_its_status(recorder, recorded, body):
    recorder.app.replies.append(FakeReply(status=502, body=body))
    with pytest.raises(OutcomeUnknownError) as caught:
        recorded.get_payment("pi_1")
    assert (caught.value.status, caught.value.vendor_code) == (502, None)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"id": 5}', b'{"id": "pi_1"}', b"\xff"])
def test_a_success_in_no_shape_is_none(recorder, recorded, body):
    recorder.app.replies.append(FakeReply(body=body))
    with pytest.raises(UnexpectedResponseError) as caught:
        recorded.get_payment("pi_1")
    assert not caught.value.outcome_known


@pytest.mark.parametrize("status", [201, 204, 302])
def test_a_status_that_stripe_does_not_use_is_no_success(recorder, recorded, status):
    recorder.app.replies.append(FakeReply(status=status))
    with pytest.raises(UnexpectedResponseError) as caught:
        recorded.get_payment("pi_1")
    assert not caught.value.outcome_known
