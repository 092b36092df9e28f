import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.webhooks.envelopes import (
    NAME_CHARS_MAX,
    Name,
    Unreadable,
    check_printable,
    open_batch,
    open_envelope,
)
from hardpoint.webhooks.verification import Notification


class Envelope(msgspec.Struct):
    id: Name
    account: Name | None = None


decode = msgspec.json.Decoder(Envelope).decode
KEYS = st.one_of(st.sampled_from(["id", "account", "x"]), st.text(max_size=5))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def reason(body: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        open_envelope(decode, body)
    return str(caught.value)


def test_only_what_the_struct_names_is_read() -> None:
    opened = open_envelope(decode, b'{"x": {"id": "inner"}, "id": "evt_1", "y": [1, 2]}')
    assert opened == Envelope(id="evt_1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"evt_1"',
        b'{"id": "evt_1"} x',
        b'{"id": "evt_1",}',
        b"{'id': 'evt_1'}",
        b'{"id": "evt_1"}\x00',
        b'{"id": "evt_1", "x": "\x00"}',
        b'{"id": "evt_1", "x": "\\ud800"}',
        b'{"id": "evt_1", "x": "\\q"}',
        b'{"id": "evt_1", "x": NaN}',
        b'{"id": "evt_1", "x": 01}',
        b'\xef\xbb\xbf{"id": "evt_1"}',
        '{"id": "evt_1"}'.encode("utf-16-be"),
        b'{"account": "acct_1"}',
        b'{"id": null}',
        b'{"id": 1}',
        b'{"id": ""}',
        b'{"id": "evt_1", "account": ""}',
        b'{"id": ["evt_1"]}',
    ],
)
def test_what_is_not_the_json_expected_is_said_so(body: bytes) -> None:
    assert reason(body).startswith("the body is not the JSON expected: ")


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "\xff"}',
        b'{"id": "evt_1", "x": "\xff"}',
        b'{"id": "evt_1", "\xc3": 1}',
        b'{"id": "evt_1", "x": "\xed\xa0\x80"}',
        b'{"id": "evt_1", "x": "\xc0\xae"}',
    ],
)
def test_text_that_is_not_utf_8_is_found_even_where_it_is_skipped(body: bytes) -> None:
    assert reason(body) == "the body is not UTF-8"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_bomb_of_depth_is_harmless(opening: bytes) -> None:
    assert reason(b'{"id": "evt_1", "x": ' + opening * 100_000) == "the body is nested too deeply"


def test_numbers_beyond_any_machine_are_valid_json_and_skipped() -> None:
    for number in (b"1" * 100_000, b"1e999", b"-0.0e-999"):
        assert open_envelope(decode, b'{"id": "evt_1", "x": %b}' % number).id == "evt_1"


def test_a_key_that_stands_twice_counts_as_every_handler_will_read_it() -> None:
    body = b'{"id": "evt_1", "id": "evt_2"}'
    assert open_envelope(decode, body).id == "evt_2"
    assert msgspec.json.decode(body)["id"] == json.loads(body)["id"] == "evt_2"


def test_names_are_limited_in_length() -> None:
    longest = "x" * NAME_CHARS_MAX
    assert open_envelope(decode, json.dumps({"id": longest}).encode()).id == longest
    assert "length" in reason(json.dumps({"id": longest + "x"}).encode())


@given(document=JSON, mutation=st.tuples(st.integers(0, 200), st.binary(max_size=3)))
def test_what_is_opened_is_what_a_full_parser_reads(
    document: Any, mutation: tuple[int, bytes]
) -> None:
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    place, inserted = mutation
    body = body[:place] + inserted + body[place + len(inserted) // 2 :]
    try:
        opened = open_envelope(decode, body)
    except Unreadable:
        return
    full = json.loads(body)
    assert opened == Envelope(id=full["id"], account=full.get("account"))


@given(st.binary(max_size=60))
def test_no_bytes_at_all_raise_anything_else(body: bytes) -> None:
    with suppress(Unreadable):
        open_envelope(decode, body)


@pytest.mark.parametrize("names", ["", "evt_1", "caf\u00e9 \u4e8b", "a b"])
def test_printable_names_pass(names: str) -> None:
    check_printable(names)


@pytest.mark.parametrize(
    "names", ["a\nb", "a\x1b[2J", "\x00", "\x7f", "\u2028", "\u202e", "\ud800"]
)
def test_names_that_would_steer_a_terminal_or_a_log_are_refused(names: str) -> None:
    with pytest.raises(Unreadable):
        check_printable(names)


def read(item: bytes) -> Notification:
    one = open_envelope(decode, item)
    check_printable(one.id)
    return Notification(id=one.id, type="t", account=one.account, body=item)


def test_every_item_of_a_list_is_opened_and_keeps_its_own_bytes() -> None:
    body = b'[ {"id":"a", "x":1.0} ,\r\n{"account":"b","id":"c"}]\r\n'
    assert open_batch(body, read) == (
        Notification(id="a", type="t", body=b'{"id":"a", "x":1.0}'),
        Notification(id="c", type="t", account="b", body=b'{"account":"b","id":"c"}'),
    )


@pytest.mark.parametrize("odd", [b"{}", b"[]", b"1", b"null", b'{"id":1}', b'{"id":"a\\nb"}'])
def test_items_stand_alone(odd: bytes) -> None:
    first, second, third = open_batch(b'[{"id":"a"},%b,{"id":"c"}]' % odd, read)
    assert (first.id, third.id) == ("a", "c")
    assert (second.id, second.type, second.body) == ("", "", odd)
    assert second.malformed
    assert first.malformed is third.malformed is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id":"a"}',
        b'[{"id":"a"},]',
        b'[{"id":"a"}]]',
        b'[{"id":"a","x":"\xff"}]',
        b'[{"id":"a","x":01}]',
        b"[" * 100_000,
    ],
)
def test_what_is_no_list_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        open_batch(body, read)
