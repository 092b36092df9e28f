from math import inf, nan

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.breaker import Breaker

NO_DURATIONS = (0, -1, nan, inf, "60", True, None)
NO_COUNTS = (0, -1, 1.5, True, "5", nan)


def test_without_any_rule_five_failures_in_a_row_open_it():
    assert Breaker().in_a_row == 5
    assert Breaker(failures=3).in_a_row == 3


def test_a_rate_or_slow_rule_alone_counts_no_row():
    assert Breaker(rate=0.5).in_a_row is None
    assert Breaker(slow=(2, 0.8)).in_a_row is None
    assert Breaker(failures=4, rate=0.5).in_a_row == 4


def test_only_rates_need_a_window():
    assert not Breaker(failures=3).has_window
    assert Breaker(rate=0.5).has_window
    assert Breaker(slow=(2, 0.8)).has_window


@pytest.mark.parametrize(
    ("option", "bad"),
    [
        *(("failures", bad) for bad in NO_COUNTS),
        *(("rate", bad) for bad in (0, -0.1, 1.1, nan, inf, "0.5", True)),
        *(("window", bad) for bad in NO_DURATIONS),
        *(("last", bad) for bad in (*NO_COUNTS, 19)),
        *(("min_calls", bad) for bad in NO_COUNTS),
        *(("recovery", bad) for bad in NO_DURATIONS),
        *(("growth", bad) for bad in (0.5, 0, -1, nan, inf, None)),
        *(("recovery_max", bad) for bad in (*NO_DURATIONS, 59)),
        *(("jitter", bad) for bad in (-0.1, nan, inf, None)),
        *(("probes", bad) for bad in NO_COUNTS),
        *(("successes", bad) for bad in NO_COUNTS),
        *(("lease", bad) for bad in (0, -1, nan, inf, "1")),
        *(("on", bad) for bad in ("sometimes", 3, BaseException, (), KeyboardInterrupt, int)),
    ],
)
def test_a_senseless_option_is_refused_by_its_name(option, bad):
    with pytest.raises(ConfigurationError) as caught:
        Breaker(**{option: bad})
    assert caught.value.key == f"Breaker.{option}"


@pytest.mark.parametrize(
    ("bad", "key"),
    [
        (3.0, "Breaker.slow"),
        ((1, 2, 3), "Breaker.slow"),
        ((0, 0.5), "Breaker.slow[0]"),
        ((2, 1.5), "Breaker.slow[1]"),
        ((2, nan), "Breaker.slow[1]"),
    ],
)
def test_a_slow_rule_is_a_pair_of_seconds_and_a_share(bad, key):
    with pytest.raises(ConfigurationError) as caught:
        Breaker(slow=bad)
    assert caught.value.key == key


def test_sensible_options_are_taken():
    Breaker(failures=1, rate=1.0, slow=(0.1, 0.01), last=20, lease=0.5, on=OSError, jitter=0)
