"""How a key is written."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardpoint.api_keys.writing import (
    KEY_CHARACTERS_MAX,
    checked_brand,
    hash_of,
    is_hash_of,
    new_key,
    prefix_of,
)
from hardpoint.core.errors import ConfigurationError

KEY, PREFIX = new_key("hpk", lambda size: bytes(range(size)))


def test_a_key_is_words_that_a_double_click_selects():
    assert f"{PREFIX}_{KEY.rpartition('_')[2]}" == KEY
    assert len(KEY) == len("hpk_") + 11 + 1 + 43 + 6 <= KEY_CHARACTERS_MAX
    assert KEY.replace("_", "").isalnum()
    assert prefix_of(KEY, "hpk") == PREFIX


def test_two_keys_have_nothing_in_common():
    one, other = (new_key("hpk", os.urandom)[0].split("_") for _ in range(2))
    assert {*one} & {*other} == {"hpk"}


@given(st.integers(0, len(KEY) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_one_wrong_character_is_noticed_without_a_look(place, wrong):
    typo = KEY[:place] + wrong + KEY[place + 1 :]
    assert prefix_of(typo, "hpk") == (PREFIX if typo == KEY else None)


@given(st.integers(0, len(KEY) - 2))
def test_two_that_changed_places_are_noticed(place):
    typo = KEY[:place] + KEY[place + 1] + KEY[place] + KEY[place + 2 :]
    assert prefix_of(typo, "hpk") == (PREFIX if typo == KEY else None)


@given(st.integers(0, len(KEY) - 1))
def test_a_truncated_key_is_none(length):
    assert prefix_of(KEY[:length], "hpk") is None


@given(st.text())
@example(KEY + "\n")
@example(f" {KEY}")
@example("hpk_" + "\u0661" * 11 + "_" + "a" * 49)
@example("x" * 1_000_000)
def test_nothing_else_is_a_key(text):
    assert prefix_of(text, "hpk") is None
    assert not is_hash_of(hash_of(KEY), text)


def test_a_key_of_another_brand_is_none():
    assert prefix_of(KEY, "acme") is None
    assert prefix_of(new_key("acme", os.urandom)[0], "acme") is not None


@pytest.mark.parametrize("brand", ["", "a", "Acme", "a_b", "9a", "a" * 17, "\u00e4\u00e4"])
def test_a_brand_is_a_short_word(brand):
    with pytest.raises(ConfigurationError, match=r"api_keys\.brand"):
        checked_brand(brand, key="api_keys.brand")
