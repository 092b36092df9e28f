"""What is signed, as a template: it has one reading alone, and signs the body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.webhooks.templates import SignedTemplate


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("{body}", b"", b""),
        ("{timestamp}.{body}", b"17.", b""),
        ("v0:{timestamp}:{body}", b"v0:17:", b""),
        ("{body}{timestamp}", b"", b"17"),
        ("{method}{url}{body}{timestamp}", b"POSThttps://shop.example/w", b"17"),
        ("{header:X-Id}.{timestamp}.{body}|{header:x-to}", b"a1.17.", b"|me"),
        ("{{{timestamp}}}{body}", b"{17}", b""),
        ("é{body}", "é".encode(), b""),
    ],
)
def test_a_template_says_what_stands_around_the_body(text, before, after):
    template = SignedTemplate(text, url="https://shop.example/w")
    assert template.around(b"17", {b"x-id": b"a1", b"x-to": b"me"}) == (before, after)


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("", "signed", "is not text"),
        (7, "signed", "is not text"),
        ("{body}" + "x" * 256, "signed", "is not text"),
        ("{timestamp}", "signed", "signs no body"),
        ("{url}.{header:x-id}", "signed", "signs no body"),
        ("{body}{body}", "signed", "signs the body 2 times"),
        ("{body}}", "signed", "alone"),
        ("{body", "signed", "alone"),
        ("{Body}", "signed", "no part"),
        ("{header:}{body}", "signed", "no part"),
        ("{}{body}", "signed", "no part"),
        ("{header:x-id}{body}", "signed", "no literal text"),
        ("{body}{header:x-id}", "signed", "no literal text"),
        ("{timestamp}{header:x-id}.{body}", "signed", "no literal text"),
        ("{header:a}{header:b}.{body}", "signed", "no literal text"),
    ],
)
def test_a_template_that_proves_too_little_is_refused_at_start(text, key, problem):
    with pytest.raises(ConfigurationError) as refused:
        SignedTemplate(text, url="https://shop.example/w")
    assert refused.value.key == key
    assert problem in refused.value.problem


def test_an_address_that_is_signed_has_to_be_said():
    with pytest.raises(ConfigurationError) as refused:
        SignedTemplate("{url}{body}")
    assert refused.value.key == "url"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "is missing"),
        (b"x" * 1025, "too long"),
        (b"a.b", "separates"),
        (b"a:b", "separates"),
    ],
)
def test_a_signed_header_has_one_end(value, problem):
    template = SignedTemplate("id:{header:x-id}.{body}")
    headers = {} if value is None else {b"x-id": value}
    with pytest.raises(MalformedRequestError, match=problem):
        template.around(None, headers)


def test_a_header_that_ends_what_is_signed_needs_nothing_behind_it():
    template = SignedTemplate("{body}.{header:x-id}")
    assert template.around(None, {b"x-id": b"a"}) == (b"", b".a")


_part = st.sampled_from(["{timestamp}", "{header:a}", "{header:b}", ".", ":", "-v1-", "{method}"])
_value = st.binary(max_size=6)


@given(
    st.lists(_part, max_size=4),
    st.lists(_part, max_size=4),
    *([st.tuples(_value, _value, _value)] * 2),
)
def test_no_two_requests_have_the_same_signed_bytes(before, behind, one, other):
    """Bytes cannot move from a header into the body, or back, under one signature."""
    try:
        template = SignedTemplate("".join([*before, "{body}", *behind]))
    except ConfigurationError:
        return
    signed = []
    for a, b, body in (one, other):
        try:
            prefix, suffix = template.around(b"1700000000", {b"a": a, b"b": b})
        except MalformedRequestError:
            return
        values = {b"a": a, b"b": b}
        signed.append((prefix + body + suffix, body, [values[n] for n in sorted(template.headers)]))
    if signed[0][0] == signed[1][0]:
        assert signed[0] == signed[1]


@given(st.text(max_size=40))
def test_any_text_is_a_template_or_refused(text):
    keys = ["signed"]
    try:
        template = SignedTemplate(text, url="u")
        template.around(b"", dict.fromkeys(template.headers, b""))
    except ConfigurationError as refused:
        keys = [refused.key]
    assert keys == ["signed"]
