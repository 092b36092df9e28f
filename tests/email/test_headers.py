import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.email.headers import checked_headers, checked_line, one_line


@given(st.text(max_size=30))
def test_what_stands_on_one_line_begins_no_other(text):
    if one_line(text):
        assert len(text.splitlines()) <= 1
        assert not set(text) & set("\r\n\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_header_is_one_plain_line_or_refused(name, value):
    try:
        headers = checked_headers({name: value})
    except InvalidRequestError:
        return
    assert headers == {name: value}
    line = f"{name}: {value}"
    assert line.isascii()
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert name.lower() not in {"to", "cc", "bcc", "from", "subject", "date", "message-id"}


@given(st.from_regex(r"[A-Za-z-]{1,20}", fullmatch=True), st.text(min_size=1, max_size=20))
def test_no_line_break_passes_in_a_value(name, value):
    for broken in (value + "\n", "\r" + value, value + "\r\nBcc: eve@evil.example"):
        with pytest.raises(InvalidRequestError):
            checked_headers({name: broken})


def test_a_line_is_given_back_as_it_is():
    assert checked_line(" Grüße\u3000🎉 ", field="subject") == " Grüße\u3000🎉 "
    checked_line("x" * 998, field="subject")
    with pytest.raises(InvalidRequestError, match="998"):
        checked_line("x" * 999, field="subject")


def test_headers_are_kept_as_they_are():
    headers = {"List-Unsubscribe": "<https://shop.example/out>", "X-Order_ID": "7 / ~"}
    assert checked_headers(headers) == headers
    assert checked_headers({}) == {}
