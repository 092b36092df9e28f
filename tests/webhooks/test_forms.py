"""Forms that anyone may send: bounded work, one reading, nothing that could be read in two ways."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import MalformedRequestError
from hardpoint.webhooks.envelopes import Unreadable
from hardpoint.webhooks.forms import FORM_BYTES_MAX, FORM_FIELDS_MAX, form_fields, form_texts


def test_the_work_on_a_form_is_bounded():
    assert len(form_fields(b"&".join([b"a"] * FORM_FIELDS_MAX))) == FORM_FIELDS_MAX
    assert form_fields(b"a=%41" + b"x" * (FORM_BYTES_MAX - 5))
    for body in (b"&" * 100_000, b"x" * (FORM_BYTES_MAX + 1), b"%" * 1_000_000):
        with pytest.raises(MalformedRequestError):
            form_fields(body)


@pytest.mark.parametrize("body", [b"%", b"a=%4", b"a=%zz", b"a=%%41", b"a=%\n41", b"a=%\r\n"])
def test_a_percent_sign_that_starts_no_escape_is_refused(body):
    """Two parsers would read it in two ways, and no sender writes it."""
    with pytest.raises(MalformedRequestError, match="no escape"):
        form_fields(body)


@given(
    st.lists(st.sampled_from([b"%41", b"%3d", b"%0A", b"%25", b"=", b"\n", b"\r", b"a", b"\xff"]))
)
def test_escapes_are_read_as_everywhere(pieces):
    value = b"".join(pieces)
    assert form_fields(b"v=" + value) == [(b"v", unquote_to_bytes(value))]


def test_names_and_values_come_decoded_in_their_order():
    assert form_fields(b"b+c=%C3%BC&&a&d==") == [(b"b c", "ü".encode()), (b"a", b""), (b"d", b"=")]


def test_some_fields_are_read_as_texts():
    fields = form_fields(b"a=%C3%BC&b=1&a=%C3%BC&b=2")
    assert form_texts(fields, {b"a", b"c"}) == {"a": "ü"}


@pytest.mark.parametrize(
    ("body", "problem"), [(b"a=1&a=2", "a stands twice"), (b"a=1&z=%ff", "not UTF-8")]
)
def test_what_another_parser_may_read_otherwise_is_unreadable(body, problem):
    with pytest.raises(Unreadable, match=problem):
        form_texts(form_fields(body), {b"a"})
