import pytest

from hardpoint.providers.twilio.errors import failure


@pytest.mark.rows
def test_a_callbacks_code_says_why(code, reason):
    assert failure(code) is reason
