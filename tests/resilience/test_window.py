from hypothesis import given
from hypothesis import strategies as st

from hardpoint.resilience.breaker import BUCKETS, CountWindow, TimeWindow

OUTCOMES = st.tuples(st.booleans(), st.booleans())
# Quarters of a second and buckets of one second: sums of such floats are exact.
STEPS = st.lists(st.tuples(st.integers(0, 60).map(lambda n: n / 4), OUTCOMES), max_size=60)


def counted(outcomes):
    outcomes = list(outcomes)
    return len(outcomes), sum(failed for failed, _ in outcomes), sum(slow for _, slow in outcomes)


@given(STEPS)
def test_a_time_window_holds_the_current_bucket_and_the_nine_before(steps):
    window, now, seen = TimeWindow(10.0, 0.0), 0.0, []
    for wait, outcome in steps:
        now += wait
        window.add(now, *outcome)
        seen.append((int(now), outcome))
        kept = counted(outcome for bucket, outcome in seen if bucket > int(now) - BUCKETS)
        assert window.tally(now) == kept


@given(STEPS, st.floats(0, 1e6))
def test_a_time_window_is_empty_once_its_time_is_over(steps, later):
    window, now = TimeWindow(10.0, 0.0), 0.0
    for wait, outcome in steps:
        now += wait
        window.add(now, *outcome)
    assert window.tally(now + 10 + later) == (0, 0, 0)


def test_calls_that_the_runner_counts_by_itself_are_in_the_tally_and_roll_with_it():
    window = TimeWindow(10.0, 0.0)
    window.calls += 3
    assert window.tally(0.5) == (3, 0, 0)
    window.add(1.0, failed=True, slow=False)
    assert window.tally(9.75) == (4, 1, 0)
    assert window.tally(10.0) == (1, 1, 0)
    assert window.tally(11.0) == (0, 0, 0)


def test_a_cleared_time_window_starts_afresh():
    window = TimeWindow(10.0, 0.0)
    window.add(0.0, failed=True, slow=True)
    window.add(2.0, failed=True, slow=True)
    window.clear(2.5)
    assert window.tally(2.5) == (0, 0, 0)
    assert window.rolls_at == 3.5


def test_a_time_window_does_not_roll_back():
    window = TimeWindow(10.0, 100.0)
    window.add(105.0, failed=True, slow=False)
    assert window.tally(101.0) == (1, 1, 0)


@given(st.integers(1, 12), st.lists(OUTCOMES, max_size=60))
def test_a_count_window_holds_the_last_outcomes(size, outcomes):
    window = CountWindow(size)
    for done, outcome in enumerate(outcomes, 1):
        window.add(0.0, *outcome)
        assert window.tally(0.0) == counted(outcomes[max(0, done - size) : done])


def test_a_cleared_count_window_starts_afresh():
    window = CountWindow(2)
    for _ in range(3):
        window.add(0.0, failed=True, slow=True)
    window.clear(0.0)
    assert window.tally(0.0) == (0, 0, 0)
    window.add(0.0, failed=False, slow=True)
    assert window.tally(0.0) == (1, 0, 1)
