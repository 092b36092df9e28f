"""Events out of bytes: as WHATWG has it, however they are cut, and within bounds."""

import httpx_sse
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.clients import ServerEvent
from hardpoint.clients.sse.parsing import RETRY_SECONDS_MAX, EventParser
from hardpoint.core.errors import UnexpectedResponseError


def events(data, **options):
    parser = EventParser(**options)
    return [(one.name, one.data, one.id) for one in parser.feed(data)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # The examples of the standard, 9.2.6
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("message", "YHOO\n+2\n10", "")]),
        (
            b": test\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
            [
                ("message", "first event", "1"),
                ("message", "second event", ""),
                ("message", " third", ""),
            ],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [("message", "", ""), ("message", "\n", "")]),
        (b"data:test\n\ndata: test\n\n", [("message", "test", ""), ("message", "test", "")]),
        # Line ends, the mark at the beginning, what is unknown
        (b"data: a\rdata: b\r\ndata: c\n\r", [("message", "a\nb\nc", "")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [("message", "a", "")]),
        (b"event: add\ndata: a\nother: b\n\n", [("add", "a", "")]),
        (b"event: add\n\ndata: a\n\n", [("message", "a", "")]),
        (b"id: 1\n\ndata: a\n\n", [("message", "a", "1")]),
        (
            b"id: 1\ndata: a\n\nid: 2\x00\ndata: b\n\n",
            [("message", "a", "1"), ("message", "b", "1")],
        ),
        (b"data: \xff\xc3\n\n", [("message", "\ufffd\ufffd", "")]),
        (b"data: a:b: c\n\n", [("message", "a:b: c", "")]),
        (b"", []),
    ],
)
def test_events_are_read_as_the_standard_has_them(data, expected):
    assert events(data) == expected


LINES = st.one_of(
    st.text(max_size=30),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["data", "event", "id", "retry", "", "data ", "x"]),
        st.sampled_from([":", ": ", "", ":  "]),
        st.text(max_size=8),
    ),
    st.just(""),
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
STREAMS = st.lists(st.tuples(LINES, ENDS)).map(
    lambda lines: "".join(line + end for line, end in lines).encode("utf-8", "replace")
)


@given(STREAMS, st.data())
def test_however_it_is_cut_it_is_the_same(stream, data):
    whole = EventParser()
    expected = list(whole.feed(stream))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    parser = EventParser()
    found = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += parser.feed(stream[begin:end])
    assert (found, parser.last_id, parser.retry) == (expected, whole.last_id, whole.retry)


@given(st.binary(max_size=200))
def test_whatever_comes_is_events_or_nothing(data):
    assert all(isinstance(one, ServerEvent) for one in EventParser().feed(data))


@given(STREAMS)
def test_it_reads_what_httpx_sse_reads(stream):
    decoder = httpx_sse._decoders.SSEDecoder()
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")[:-1]
    expected = [one for line in lines if (one := decoder.decode(line)) is not None]
    # It also gives events that have no data, which the standard does not.
    theirs = [(one.event, one.data, one.id) for one in expected]
    ours = events(b"\xef\xbb\xbf" + stream)
    assert [one for one in ours if one[1]] == [one for one in theirs if one[1]]


def test_the_point_to_go_on_at_is_that_of_the_last_whole_event():
    parser = EventParser("0")
    assert list(parser.feed(b"id: 1\ndata: a\n\nid: 2\ndata: cut off")) != []
    assert parser.last_id == "1"
    assert [one.id for one in EventParser("7").feed(b"data: a\n\n")] == ["7"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"2500", 2.5),
        (b"0", 0.0),
        (b"99999999", RETRY_SECONDS_MAX),
        (b"1" * 5000, None),
        (b"-1", None),
        (b"1.5", None),
        ("\u0661".encode(), None),
        (b"", None),
    ],
)
def test_the_wait_that_a_server_asks_for_is_bounded(value, expected):
    parser = EventParser()
    assert list(parser.feed(b"retry: " + value + b"\n\n")) == []
    assert parser.retry == expected


@pytest.mark.parametrize(
    "chunk", [b"x" * 10, b": comment ", b"data: x\n", b"data\n", b"id: 1\n", b"event: x\n"]
)
def test_an_endless_line_or_event_is_refused(chunk):
    parser = EventParser(bytes_max=1000)
    chunks = (event for _ in range(1000) for event in parser.feed(chunk))
    with pytest.raises(UnexpectedResponseError, match="larger than 1000 bytes"):
        list(chunks)


def test_comments_without_end_are_none_of_it():
    parser = EventParser(bytes_max=1000)
    for _ in range(1000):
        assert list(parser.feed(b": still here\n")) == []
    assert len(list(parser.feed(b"data: x\n\n"))) == 1


def test_data_is_read_as_json():
    [event] = EventParser().feed(b'data: {"id": 7}\nid: 3\n\n')
    assert event.json() == {"id": 7}
    assert event.json(dict[str, int]) == {"id": 7}
    with pytest.raises(UnexpectedResponseError, match=r"'3' is not as expected"):
        event.json(list[int])
