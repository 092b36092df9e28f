import pytest

from hardpoint.providers.stripe.errors import decline


@pytest.mark.rows
def test_the_banks_reason_goes_before_stripes(code, decline_code, reason, soft):
    assert decline(code, decline_code) == (reason, soft)
