import random
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.retry import constant, decorrelated, exponential, linear

CHANCES = st.floats(0, 1, exclude_max=True)


def waits(curve, retries, chance):
    previous, all_of_them = 0.0, []
    for retry in range(1, retries + 1):
        previous = curve(retry, previous, lambda: chance)
        all_of_them.append(previous)
    return all_of_them


def test_a_constant_wait_is_the_same_each_time():
    assert waits(constant(2.5), 4, 0.3) == [2.5, 2.5, 2.5, 2.5]


def test_a_linear_wait_grows_by_its_step_up_to_its_cap():
    assert waits(linear(1, 2, cap=6, jitter="none"), 5, 0.3) == [1, 3, 5, 6, 6]


def test_an_exponential_wait_grows_by_its_factor_up_to_its_cap():
    assert waits(exponential(0.5, factor=3, cap=10, jitter="none"), 5, 0.3) == [
        0.5,
        1.5,
        4.5,
        10,
        10,
    ]


def test_full_jitter_spreads_from_zero_to_the_wait():
    curve = exponential(1, cap=8, jitter="full")
    assert waits(curve, 5, 0.0) == [0, 0, 0, 0, 0]
    assert waits(curve, 5, 0.5) == [0.5, 1, 2, 4, 4]


def test_equal_jitter_keeps_half_of_the_wait():
    curve = exponential(1, cap=8, jitter="equal")
    assert waits(curve, 4, 0.0) == [0.5, 1, 2, 4]
    assert waits(curve, 4, 0.5) == [0.75, 1.5, 3, 6]


def test_added_jitter_does_not_vanish_at_the_cap():
    curve = exponential(1, cap=4, jitter="added")
    assert waits(curve, 4, 0.0) == [1, 2, 4, 4]
    assert waits(curve, 4, 0.5) == [1.5, 2.5, 4.5, 4.5]


def test_a_decorrelated_wait_depends_on_the_wait_before():
    assert waits(decorrelated(1, factor=3, cap=20), 4, 0.0) == [1, 1, 1, 1]
    assert waits(decorrelated(1, factor=3, cap=20), 4, 0.5) == [2, 3.5, 5.75, 9.125]


def test_a_late_retry_neither_overflows_nor_exceeds_the_cap():
    assert exponential(0.1, factor=10, cap=30, jitter="none")(1000, 30, lambda: 0.5) == 30
    assert exponential(0.1, factor=1.5, cap=30, jitter="none")(10**6, 30, lambda: 0.5) == 30


@given(st.integers(1, 1000), CHANCES, st.sampled_from(["full", "equal", "none"]))
def test_a_jittered_wait_lies_between_zero_and_the_cap(retry, chance, jitter):
    for curve in (exponential(0.1, cap=5, jitter=jitter), linear(0.1, 0.2, cap=5, jitter=jitter)):
        assert 0 <= curve(retry, 0, lambda: chance) <= curve.ceiling(retry) <= 5


@given(st.lists(CHANCES, min_size=1, max_size=30))
def test_a_decorrelated_wait_lies_between_the_first_and_the_cap(chances):
    curve, previous = decorrelated(0.1, cap=5), 0.0
    for retry, chance in enumerate(chances, 1):
        wait = curve(retry, previous, lambda chance=chance: chance)
        assert 0.1 <= wait <= min(5.0, max(previous, 0.1) * 3)
        previous = wait


def test_full_jitter_spreads_evenly():
    chance = random.Random(7).random
    drawn = sorted(exponential(1, jitter="full")(1, 0, chance) for _ in range(4000))
    assert all(abs(drawn[len(drawn) * tenth // 10] - tenth / 10) < 0.03 for tenth in range(1, 10))


@pytest.mark.parametrize("bad", [-1, nan, inf, "1", None, True, 10**400])
@pytest.mark.parametrize(
    ("make", "option"),
    [
        (constant, "constant.first"),
        (lambda bad: linear(bad, 1), "linear.first"),
        (lambda bad: linear(1, bad), "linear.step"),
        (exponential, "exponential.first"),
        (lambda bad: exponential(0, cap=bad), "exponential.cap"),
        (lambda bad: exponential(1, factor=bad), "exponential.factor"),
        (decorrelated, "decorrelated.first"),
        (lambda bad: decorrelated(1, factor=bad), "decorrelated.factor"),
    ],
)
def test_a_senseless_number_is_refused_by_its_option(make, option, bad):
    with pytest.raises(ConfigurationError) as caught:
        make(bad)
    assert caught.value.key == option


def test_a_cap_below_the_first_wait_is_refused():
    with pytest.raises(ConfigurationError, match=r"exponential\.cap: is below the first wait"):
        exponential(10, cap=5)


@pytest.mark.parametrize(
    "make", [lambda: exponential(1, factor=0.5), lambda: decorrelated(1, factor=0.5)]
)
def test_a_factor_that_shrinks_the_wait_is_refused(make):
    with pytest.raises(ConfigurationError, match="must be 1 or more"):
        make()


def test_an_unknown_jitter_is_refused_and_the_known_ones_named():
    with pytest.raises(ConfigurationError, match="Known: full, equal, added, none"):
        exponential(1, jitter="some")
