import pytest

from hardpoint.payments.types import DeclineReason


@pytest.mark.parametrize("reason", DeclineReason)
def test_advice_is_fit_for_the_customer(reason):
    assert reason.advice.endswith(".")
    assert not any(word in reason.advice.lower() for word in ("fraud", "stolen", "lost"))
