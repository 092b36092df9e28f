import pytest

from hardpoint.core.errors import (
    ConflictError,
    DeclinedError,
    IdempotencyConflictError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.http.errors import Problem
from hardpoint.payments.types import DeclineReason
from hardpoint.providers.stripe.errors import ERRORS, decline


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (402, "card_declined", DeclinedError),
        (402, "expired_card", DeclinedError),
        (402, "something_new", DeclinedError),
        (402, None, DeclinedError),
        (400, "idempotency_error", IdempotencyConflictError),
        (400, "idempotency_key_in_use", IdempotencyConflictError),
        (409, "idempotency_key_in_use", UnavailableError),
        (409, None, UnavailableError),
        (429, "rate_limit", RateLimitedError),
        (429, "lock_timeout", RateLimitedError),
        (404, "resource_missing", NotFoundError),
        (400, "resource_missing", NotFoundError),
        (400, "payment_intent_unexpected_state", ConflictError),
        (400, "charge_already_refunded", ConflictError),
        (400, "charge_already_captured", ConflictError),
        (400, "charge_disputed", ConflictError),
        (400, "amount_too_small", InvalidRequestError),
        (400, "amount_too_large", InvalidRequestError),
        (400, "parameter_unknown", InvalidRequestError),
        (400, "parameter_missing", InvalidRequestError),
        (400, "something_new", InvalidRequestError),
        (500, "api_error", OutcomeUnknownError),
        (503, None, OutcomeUnknownError),
    ],
)
def test_a_code_has_its_meaning(status, code, expected):
    error = ERRORS.error(Problem(status=status, code=code))
    assert type(error) is expected
    assert error.provider == "stripe"


@pytest.mark.parametrize(
    ("code", "decline_code", "reason", "soft"),
    [
        ("card_declined", "insufficient_funds", DeclineReason.INSUFFICIENT_FUNDS, True),
        ("card_declined", "generic_decline", DeclineReason.DECLINED, False),
        ("card_declined", "lost_card", DeclineReason.SUSPECTED_FRAUD, False),
        ("card_declined", "try_again_later", DeclineReason.TEMPORARY, True),
        ("card_declined", "something_new", DeclineReason.DECLINED, False),
        ("card_declined", None, DeclineReason.DECLINED, False),
        ("processing_error", None, DeclineReason.TEMPORARY, True),
        ("authentication_required", None, DeclineReason.AUTHENTICATION_REQUIRED, True),
        ("something_new", "something_else", DeclineReason.DECLINED, False),
        (None, None, DeclineReason.DECLINED, False),
    ],
)
def test_the_banks_reason_goes_before_stripes(code, decline_code, reason, soft):
    assert decline(code, decline_code) == (reason, soft)


def test_a_decline_is_told_in_our_words():
    error = ERRORS.error(
        Problem(
            status=402,
            code="card_declined",
            message="Your card 4242 was declined",
            request_id="req_1",
            details={"decline_code": "stolen_card"},
        )
    )
    assert isinstance(error, DeclinedError)
    assert (error.reason, error.soft) == (DeclineReason.SUSPECTED_FRAUD, False)
    assert (error.vendor_code, error.request_id) == ("stolen_card", "req_1")
    assert str(error) == "the payment was declined: suspected_fraud"
    assert "fraud" not in error.reason.advice
