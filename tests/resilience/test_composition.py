import warnings

import pytest

from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.settings import PolicyWarning


def charge():
    """Something to guard."""


def warned(build):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build()
    assert all(warning.category is PolicyWarning for warning in caught)
    return [(str(warning.message), warning.filename) for warning in caught]


def test_retries_without_a_time_limit_are_warned_about_once_where_they_are_built():
    def build():
        policy = Policy("crm", retry=Retry(on=OSError))
        for _ in range(3):
            policy.call(charge)
        policy(charge)

    ((text, file),) = warned(build)
    assert text.startswith("crm: retries without a time limit")
    assert file == __file__


@pytest.mark.parametrize("limit", [{"timeout": 5}, {"deadline": 5}])
def test_a_time_limit_of_either_kind_satisfies(limit):
    assert warned(lambda: Policy("crm", retry=Retry(), **limit)) == []


def around(outer, inner):
    guarded = Policy("inner", **inner)(charge)
    return warned(lambda: Policy("outer", **outer)(guarded))


RETRIES = {"retry": Retry(4), "timeout": 5}


@pytest.mark.parametrize(
    ("outer", "inner", "part"),
    [
        (RETRIES, RETRIES, "up to 16 attempts"),
        ({"breaker": Breaker()}, RETRIES, "a breaker outside of retries"),
        ({"timeout": 5}, {"fallback": 0}, "a timeout outside of a fallback only"),
        ({"timeout": 5}, {"critical": False}, "a timeout outside of a fallback only"),
    ],
)
def test_policies_that_do_not_go_well_together_are_warned_about(outer, inner, part):
    ((text, file),) = around(outer, inner)
    assert part in text
    assert "outer around inner, at charge" in text
    assert file == __file__


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (RETRIES, {"breaker": Breaker()}),
        ({"timeout": 5}, {"fallback": 0, "timeout": 2}),
        ({"timeout": 5}, {"fallback": 0, "deadline": 2}),
        ({"timeout": 5}, {"timeout": 2}),
        ({"fallback": 0}, RETRIES),
    ],
)
def test_policies_that_go_well_together_are_not(outer, inner):
    assert around(outer, inner) == []


def test_one_attempt_is_no_retry_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        single = Policy("single", retry=Retry(attempts=1))
        outer = Policy("outer", timeout=5, retry=Retry(attempts=3), breaker=Breaker(failures=5))

        @outer
        @single
        def call():
            return 1

    assert call() == 1
