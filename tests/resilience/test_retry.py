from math import inf, nan

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.retry import Retry, exponential


def test_plain_seconds_are_a_constant_wait():
    assert Retry(backoff=2).curve(throttled=False)(7, 0.0, lambda: 0.9) == 2
    assert Retry(throttled=3.5).curve(throttled=True)(7, 0.0, lambda: 0.9) == 3.5


def test_throttling_has_a_slower_curve_of_its_own():
    retry = Retry()
    assert retry.curve(throttled=False)(1, 0.0, lambda: 1.0) == 0.1
    assert retry.curve(throttled=True)(1, 0.0, lambda: 1.0) == 1.0


def test_a_curve_or_a_function_is_taken_as_it_is():
    curve = exponential(1)

    def own(retry, _previous, _chance):
        return retry

    assert Retry(backoff=curve).curve(throttled=False) is curve
    assert Retry(backoff=own).curve(throttled=False) is own


@pytest.mark.parametrize(
    ("options", "option"),
    [
        *(({"attempts": bad}, "attempts") for bad in (0, -1, 1001, 2.5, True, "3", None)),
        *(({"backoff": bad}, "backoff") for bad in (-1, nan, inf, "1", None, True)),
        *(({"throttled": bad}, "throttled") for bad in (-1, nan, inf, "1", None)),
        *(({"retry_after_max": bad}, "retry_after_max") for bad in (-1, nan, inf, None)),
        *(({"on": bad}, "on") for bad in ("often", BaseException, 7, (), (OSError, int))),
    ],
)
def test_a_senseless_retry_is_refused_by_its_option(options, option):
    with pytest.raises(ConfigurationError) as caught:
        Retry(**options)
    assert caught.value.key == f"Retry.{option}"
