import pytest

from hardpoint.core.errors import (
    DeclinedError,
)
from hardpoint.http.errors import Problem
from hardpoint.payments.types import DeclineReason
from hardpoint.providers.stripe.errors import ERRORS, decline


@pytest.mark.rows
def test_a_code_has_its_meaning(status, code, expected):
    error = ERRORS.error(Problem(status=status, code=code))
    assert type(error) is expected
    assert error.provider == "stripe"


@pytest.mark.rows
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
