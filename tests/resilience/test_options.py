from math import inf, nan

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.options import amount, count, seconds, share

NO_NUMBERS = (nan, inf, -inf, 10**400, "1", None, True, [], 1j)


@pytest.mark.parametrize("check", [seconds, amount, share])
@pytest.mark.parametrize("bad", [*NO_NUMBERS, 0, -1])
def test_no_finite_number_above_zero_is_refused_by_its_option(check, bad):
    with pytest.raises(ConfigurationError) as caught:
        check("Part.option", bad)
    assert caught.value.key == "Part.option"


@pytest.mark.parametrize("check", [seconds, amount])
def test_zero_is_taken_where_it_makes_sense(check):
    assert check("Part.option", 0, zero=True) == 0
    with pytest.raises(ConfigurationError, match="must be 0 or more"):
        check("Part.option", -0.1, zero=True)


def test_numbers_are_taken():
    assert seconds("Part.option", 2) == 2.0
    assert amount("Part.option", 0.5) == 0.5
    assert share("Part.option", 1) == 1.0


def test_a_percentage_is_not_a_share():
    with pytest.raises(ConfigurationError, match=r"Write 0\.5 for 50%"):
        share("Part.option", 50)


@pytest.mark.parametrize("bad", [*NO_NUMBERS[:2], 1.0, "1", None, True, 0, 11])
def test_no_whole_number_within_bounds_is_refused_by_its_option(bad):
    with pytest.raises(ConfigurationError) as caught:
        count("Part.option", bad, most=10)
    assert caught.value.key == "Part.option"


def test_whole_numbers_within_bounds_are_taken():
    assert [count("Part.option", value, least=0, most=2) for value in (0, 1, 2)] == [0, 1, 2]
