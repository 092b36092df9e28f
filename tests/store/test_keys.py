"""Identity and text, before any engine has them."""

import pytest

from hardpoint.store.keys import (
    dedupe_key,
    kept_key,
    repeat_key,
    routing_hash,
    storable,
    storable_or_none,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", ""), ("evt_1", "evt_1"), ("é\n", "é\n"), ("a\0b", "a␀b"), ("a\ud800b\udfff", "a�b�")],
)
def test_text_is_kept_as_every_engine_can_hold_it(text, kept):
    assert storable(text) == storable_or_none(text) == kept


def test_no_text_stays_none():
    assert storable_or_none(None) is None


def test_two_keys_never_become_one_by_being_kept():
    keys = ["a\0", "a␀", "a\ud800", "a\udfff", "a�"]
    keys += [kept_key(key) for key in keys[:1]]  # who knows the rule, and writes what it makes
    keys += [kept_key(key) for key in keys[-1:]]
    assert len({kept_key(key) for key in keys}) == len(keys)
    assert kept_key("i5:evt_1") == "i5:evt_1"


def test_repeats_are_told_apart_by_all_that_they_claim(make_event):
    odd = make_event("\ud800", asserted=True)
    others = [
        make_event("\0", asserted=True),
        make_event("\ud800", b"other", asserted=True),
        make_event("\ud800", asserted=True, type="x"),
        make_event("\ud800", asserted=True, account="x"),
    ]
    assert repeat_key(odd) == repeat_key(make_event("\ud800", asserted=True))
    assert len({repeat_key(one) for one in (odd, *others)}) == 5


def route(event):
    return routing_hash(event.source, dedupe_key(event), event.body_sha256, asserted=event.asserted)


def test_what_may_be_the_same_event_is_routed_alike(make_event):
    covered = make_event("evt_1", b"one")
    assert route(covered) == route(make_event("evt_1", b"two"))
    assert route(covered) != route(make_event("evt_1", b"one", source="shop"))
    captured = make_event("evt_1", b"one", asserted=True)
    assert route(captured) == route(make_event("evt_2", b"one", asserted=True))
    assert route(captured) != route(make_event("evt_1", b"two", asserted=True))


def test_no_account_is_none_whose_name_is_empty(make_event):
    assert dedupe_key(make_event("evt_1")) != dedupe_key(make_event("evt_1", account=""))
