import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.calls.numbers import checked_number, masked
from hardpoint.core.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+14155550100", "+14155550100"),
        ("+1 (415) 555-0100", "+14155550100"),
        ("+49.170.12345678", "+4917012345678"),
        ("+442083661177", "+442083661177"),
        ("+15005550006", "+15005550006"),
    ],
)
def test_a_number_is_brought_to_one_form(text, number):
    assert checked_number(text, field="to") == number
    assert checked_number(number, field="to") == number


@pytest.mark.parametrize(
    "text", ["5017122661", "+1555", "+999123456789", "++14155550100", "00491701234567", "+441"]
)
def test_what_is_no_number_or_has_no_country_is_refused(text):
    with pytest.raises(InvalidRequestError) as caught:
        checked_number(text, field="from_")
    assert caught.value.field == "from_"
    assert text not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_refused(text):
    try:
        number = checked_number(text, field="to")
    except InvalidRequestError:
        return
    assert number.startswith("+")
    assert number[1:].isdecimal()


def test_a_number_is_shown_in_part_and_other_senders_whole():
    assert masked("+14155550123") == "+14****23"
    assert masked("whatsapp:+14155550123") == "whatsapp:+14****23"
    assert masked("Shop") == "Shop"
    assert masked("A+B") == "A+B"
