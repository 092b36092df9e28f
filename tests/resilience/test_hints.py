from email.utils import formatdate
from math import inf, nan
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import RateLimitedError
from hardpoint.resilience.hints import NOTHING, hints_of, parse_retry_after, status_of

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("9" * 400, 1e9),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 23:14:20 +0100", 60.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
    ],
)
def test_seconds_and_dates_are_read(header, seconds):
    assert parse_retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    "header",
    ["", "soon", "-5", "+5", "1e3", "1.", ".5", "0x10", "nan", "inf", "١٢", "1 2", "Tue, 14 Nov"],
)
def test_anything_else_is_nothing(header):
    assert parse_retry_after(header, NOW) is None


@pytest.mark.parametrize(
    "header",
    [
        "Tue, 14 Foo 2023 22:14:20 GMT",
        "Tue, 99 Nov 2023 99:99:99 GMT",
        "Tue, 14 Nov 99999999999999999999 22:14:20 GMT",
    ],
)
def test_an_impossible_date_does_not_raise(header):
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= 1e9


@given(st.floats(0, 4e9), st.integers(0, 4_000_000_000))
def test_a_date_is_counted_from_now(now, moment):
    seconds = parse_retry_after(formatdate(moment, usegmt=True), now)
    assert seconds == min(max(0.0, moment - now), 1e9)


@given(
    st.text(alphabet=st.characters(codec="latin-1"), max_size=40)
    | st.text(alphabet="0123456789:., +-GMTueNov", max_size=40)
)
def test_no_header_makes_the_parser_raise(header):
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= 1e9


def ns(**facts):
    return SimpleNamespace(**facts)


@pytest.mark.parametrize(
    ("outcome", "hints"),
    [
        (ValueError("nothing said"), NOTHING),
        ({"a": "plain result"}, NOTHING),
        (RateLimitedError(retry_after=3.0, status=429), (3.0, 429)),
        (ns(status_code=503, headers={"Retry-After": "4"}), (4.0, 503)),
        (ns(status=503, headers={"retry-after": "4"}), (4.0, 503)),
        (ns(response=ns(status_code=429, headers={"Retry-After": "5"})), (5.0, 429)),
        (ns(response=ns(status_code=200, headers=None), status_code=500), (None, 500)),
        (ns(response=None, retry_after="6"), (6.0, None)),
        (ns(retry_after=7, headers={"Retry-After": "8"}), (7.0, None)),
        (ns(headers={}), (None, None)),
        (ns(status="OK"), (None, None)),
        (ns(retry_after=-1), (None, None)),
        (ns(retry_after=nan), (None, None)),
        (ns(retry_after=inf), (1e9, None)),
        (ns(retry_after=True), (None, None)),
        (ns(retry_after=[1]), (None, None)),
    ],
)
def test_hints_are_read_where_clients_and_sdks_put_them(outcome, hints):
    assert hints_of(outcome, lambda: NOW) == hints


def test_an_attribute_that_raises_changes_nothing():
    class Hostile:
        @property
        def status(self):
            raise RuntimeError

    assert hints_of(Hostile(), lambda: NOW) == NOTHING
    assert hints_of(ns(headers=3), lambda: NOW) == NOTHING


def test_a_status_is_read_alone():
    assert status_of(ns(response=ns(status_code=502))) == 502
    assert status_of(KeyError("x")) is None
