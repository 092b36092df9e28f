import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.sms.segmentation import Segments, SmsEncoding, segments

GSM, UCS = SmsEncoding.GSM_7, SmsEncoding.UCS_2


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", GSM, 0, 0),
        ("a", GSM, 1, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("a" * 1600, GSM, 1600, 11),
        ("€", GSM, 2, 1),
        ("€" * 80, GSM, 160, 1),
        ("€" * 80 + "a", GSM, 161, 2),
        ("€" * 81, GSM, 162, 2),
        ("€" * 153, GSM, 306, 3),  # 76 fit in a part of 153: no part ends within a character
        ("a" * 152 + "€" + "a" * 152, GSM, 306, 3),
        (
            "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ÄÖÑÜ§¿äöñüà",
            GSM,
            75,  # with 52 letters 127, all but the escape
            1,
        ),
        ("\f^{}\\[~]|", GSM, 18, 1),
        ("ç", UCS, 1, 1),
        ("it\u2019s", UCS, 4, 1),
        ("\x1b", UCS, 1, 1),
        ("\t", UCS, 1, 1),
        ("ж" * 70, UCS, 70, 1),
        ("ж" * 71, UCS, 71, 2),
        ("ж" * 134, UCS, 134, 2),
        ("ж" * 135, UCS, 135, 3),
        ("\U0001f600", UCS, 2, 1),
        ("\U0001f600" * 35, UCS, 70, 1),
        ("\U0001f600" * 36, UCS, 72, 2),
        ("\U0001f600" * 67, UCS, 134, 3),  # 33 fit in a part of 67
    ],
)
def test_a_text_is_counted_as_networks_count_it(text, encoding, units, count):
    assert segments(text) == Segments(encoding=encoding, units=units, count=count)


def test_one_character_outside_the_alphabet_halves_the_room():
    assert segments("'" * 160).count == 1
    assert segments("'" * 159 + "\u2019").count == 3


@given(st.text(max_size=400), st.text(max_size=400))
def test_more_text_is_never_fewer_parts(one, two):
    whole = segments(one + two)
    assert whole.count >= segments(one).count
    assert whole.units >= segments(one).units + segments(two).units - len(two) * 2


@given(st.text(max_size=400))
def test_the_parts_hold_the_units(text):
    counted = segments(text)
    alone, each = (160, 153) if counted.encoding is GSM else (70, 67)
    if counted.count > 1:
        assert (counted.count - 1) * (each - 1) < counted.units <= counted.count * each
    else:
        assert counted.units <= alone
        assert counted.count == bool(text)
