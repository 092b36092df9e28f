import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.outcome import KEY_CHARACTERS_MAX, checked_key, derived_key

KEYS = st.text(min_size=1, max_size=80)
NAMES = st.sampled_from(["create", "capture", "refund"])


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "\x00", "k" * (KEY_CHARACTERS_MAX + 1)])
def test_an_unusable_key_is_refused_by_name(key):
    with pytest.raises(InvalidRequestError) as caught:
        checked_key(key)
    assert caught.value.field == "idempotency_key"


def test_any_printable_key_may_be_given():
    assert checked_key("order 7 / größe") == "order 7 / größe"


def test_a_plain_key_stays_readable():
    assert derived_key("capture", "order-7", length_max=255) == "capture:order-7"


@pytest.mark.parametrize("key", ["order 7", "größe", "k" * 300])
def test_any_other_key_is_hashed(key):
    derived = derived_key("capture", key, length_max=255)
    assert derived.startswith("hp1-")
    assert len(derived) == 56


def test_a_key_that_looks_hashed_is_hashed_again():
    hashed = derived_key("a", "größe", length_max=255)
    operation, _, key = f"{hashed}:x".partition(":")
    assert derived_key(operation, key, length_max=255) != f"{operation}:{key}"


def test_a_limit_that_leaves_collisions_to_chance_is_refused():
    assert len(derived_key("create", "k" * 30, length_max=25)) == 25
    with pytest.raises(ValueError, match="24 characters"):
        derived_key("create", "k" * 30, length_max=24)


@given(NAMES, KEYS, NAMES, KEYS, st.integers(25, 255))
def test_two_calls_share_a_key_only_if_they_are_the_same(one, first, other, second, length_max):
    mine = derived_key(one, first, length_max=length_max)
    theirs = derived_key(other, second, length_max=length_max)
    assert (mine == theirs) == ((one, first) == (other, second))
    assert len(mine) <= length_max
    assert mine.isascii()
    assert mine == derived_key(one, first, length_max=length_max)
