"""What answers say of limits, as vendors and drafts write it; and nonsense, which says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.http.messages import Headers
from hardpoint.http.quotas import RATE_HEADERS, RESET_SECONDS_MAX, quota_in

NOW = 1_700_000_000.0
DATE = ("date", "Tue, 14 Nov 2023 22:13:20 GMT")  # the same


def told(*pairs, form="auto", now=NOW):
    headers = Headers([(n.encode("latin-1"), v.encode("latin-1")) for n, v in pairs])
    news = quota_in(headers, form, now=lambda: now)
    return None if news is None else (news.quota.remaining, news.quota.reset_in)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # draft-ietf-httpapi-ratelimit-headers-11, section 4: lists of items
        ([("ratelimit", '"default";r=50;t=30')], (50, 30.0)),
        ([("ratelimit", '"protected";r=999;pk=:dHJpYWwxMjEzMjM=:;t=1')], (999, 1.0)),
        ([("ratelimit", '"permin";r=50;t=30, "perhr";r=10;t=3000')], (10, 3000.0)),
        ([("ratelimit", '"a";r=0;t=5'), ("ratelimit", '"b";r=0;t=50')], (0, 50.0)),
        ([("ratelimit", '"a,;b";r=3;t=4')], (3, 4.0)),
        (
            [("ratelimit-policy", '"hour";q=1000;w=3600'), ("ratelimit", '"hour";r=7')],
            (7, 3600.0),
        ),
        # draft 7: a dictionary; drafts up to 6: a header each
        ([("ratelimit", "limit=100, remaining=50, reset=30")], (50, 30.0)),
        (
            [
                ("ratelimit-limit", "10"),
                ("ratelimit-remaining", "1"),
                ("ratelimit-reset", "7"),
            ],
            (1, 7.0),
        ),
        # X-RateLimit-*: seconds, a time, a time in milliseconds, a date
        ([("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "60")], (4, 60.0)),
        ([("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "1700000060"), DATE], (4, 60.0)),
        ([("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "1700000060")], (4, 60.0)),
        ([("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "1700000060500")], (4, 60.5)),
        ([("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "2023-11-14T22:14:20Z")], (4, 60)),
        ([("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "2023-11-14T22:14:20")], (4, 60)),
        ([("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1")], (0, 1.0)),
        ([("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1600000000"), DATE], (0, 0.0)),
        # the answer's own clock counts, not ours
        (
            [
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1700000010"),
                ("date", "Tue, 14 Nov 2023 22:13:25 GMT"),
            ],
            (0, 5.0),
        ),
        # a leaky bucket
        ([("x-shop-api-call-limit", "32/40")], (8, 1.0)),
        ([("x-shop-api-call-limit", "41/40")], (0, 1.0)),
    ],
)
def test_what_an_answer_says_is_read(pairs, expected):
    assert told(*pairs) == expected


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("ratelimit", '"default";r=-1;t=30')],
        [("ratelimit", '"default";r=five;t=30')],
        [("ratelimit", '"default";r=5')],
        [("ratelimit", '"default')],
        [("ratelimit", ",;,;")],
        [("ratelimit", '"a";r=1;t=1,' * 1000)],
        [("x-ratelimit-remaining", "4")],
        [("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "soon")],
        [("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "-1")],
        [("x-ratelimit-remaining", "1e3"), ("x-ratelimit-reset", "1")],
        [("x-ratelimit-remaining", "9" * 30), ("x-ratelimit-reset", "1")],
        [("x-shop-api-call-limit", "many/40")],
    ],
)
def test_what_makes_no_sense_says_nothing(pairs):
    assert told(*pairs) is None


def test_a_date_of_the_answer_that_is_none_is_replaced_by_ours():
    pairs = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000009"), ("date", "?")]
    assert told(*pairs) == (0, 9.0)


def test_no_wait_is_longer_than_a_day():
    assert told(("ratelimit", '"d";r=0;t=99999999999')) == (0, RESET_SECONDS_MAX)


def test_one_limit_among_several_is_named():
    def news(*pairs):
        headers = Headers([(n.encode(), v.encode()) for n, v in pairs])
        return quota_in(headers, "auto", now=lambda: NOW)

    left = (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "1.5"))
    assert news(*left, ("x-ratelimit-bucket", "abcd")).bucket == "abcd"
    assert news(*left, ("x-ratelimit-resource", "search")).bucket == "search"
    assert news(*left).bucket is None
    assert news(*left).quota.reset_in == 1.5


def test_the_limit_itself_is_told_where_the_answer_says_it():
    headers = Headers([(b"ratelimit", b'"d";r=1;t=2'), (b"ratelimit-policy", b'"d";q=100;w=60')])
    news = quota_in(headers, "ietf", now=lambda: NOW)
    assert (news.quota.limit, news.quota.reset_in) == (100, 2.0)


def test_only_the_form_that_was_chosen_is_read():
    pairs = [("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "60")]
    assert told(*pairs, form="ietf") is None
    assert told(*pairs, form="call-limit") is None
    assert told(*pairs, form="none") is None
    assert told(*pairs, form="x-ratelimit") == (4, 60.0)


NAMES = [
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-after",
    "x-y-call-limit",
    "date",
]
VALUES = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=40),
    st.from_regex(r'("[a-z,;]*"|[a-z]+)?(;[rtqw]=[0-9.]{0,20}){0,3}', fullmatch=True),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
)


@given(
    pairs=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6),
    form=st.sampled_from(RATE_HEADERS),
)
def test_whatever_comes_nothing_rises_and_nothing_is_beyond_its_bounds(pairs, form):
    found = told(*pairs, form=form)
    if found is not None:
        remaining, reset = found
        assert remaining >= 0
        assert 0 <= reset <= RESET_SECONDS_MAX
