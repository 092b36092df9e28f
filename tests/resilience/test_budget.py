import threading
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.budget import Budget, BudgetAccount


def earn(account, calls=1):
    """As the runner does on each first attempt."""
    for _ in range(calls):
        if account.tokens < account.capacity:
            account.tokens += account.ratio


def test_a_new_account_holds_a_second_of_its_floor():
    account = BudgetAccount(Budget(ratio=0.2, floor=10), 0.0)
    assert [account.spend(0.0) for _ in range(12)] == [True] * 10 + [False] * 2


def test_one_retry_may_always_be_the_first():
    assert BudgetAccount(Budget(ratio=0.1, floor=0), 0.0).spend(0.0)
    assert BudgetAccount(Budget(ratio=0.1, floor=0.5), 0.0).spend(0.0)


def test_five_calls_earn_one_retry_at_a_ratio_of_a_fifth():
    account = BudgetAccount(Budget(ratio=0.25, floor=0), 0.0)
    assert account.spend(0.0)
    earn(account, 3)
    assert not account.spend(0.0)
    earn(account)
    assert account.spend(0.0)
    assert not account.spend(0.0)


def test_the_floor_earns_with_time():
    account = BudgetAccount(Budget(ratio=0, floor=2, burst=2), 0.0)
    assert [account.spend(0.0) for _ in range(3)] == [True, True, False]
    assert not account.spend(0.25)
    assert account.spend(0.5)
    assert not account.spend(0.5)


def test_no_more_is_saved_than_the_burst():
    account = BudgetAccount(Budget(ratio=0, floor=2, burst=3), 0.0)
    assert [account.spend(1000.0) for _ in range(4)] == [True] * 3 + [False]
    account = BudgetAccount(Budget(ratio=0, floor=2, burst=3), 0.0)
    assert [account.spend(1.0) for _ in range(4)] == [True] * 3 + [False]  # 4 were earned


def test_time_that_stands_still_or_runs_back_earns_nothing_twice():
    account = BudgetAccount(Budget(ratio=0, floor=1, burst=1), 10.0)
    assert account.spend(10.0)
    assert not account.spend(9.0)
    assert account.spend(11.0)
    assert not account.spend(10.0)
    assert not account.spend(11.0)


@pytest.mark.parametrize(
    ("budget", "capacity"),
    [
        (Budget(), 20.0),
        (Budget(ratio=0.1, floor=50), 50.0),
        (Budget(ratio=0.001, floor=0.1), 1.0),
        (Budget(burst=7), 7),
    ],
)
def test_the_capacity_is_the_burst_or_what_is_usual(budget, capacity):
    assert budget.capacity == capacity


@given(
    st.floats(0.01, 1),
    st.floats(0, 5),
    st.lists(st.tuples(st.booleans(), st.floats(0, 0.5)), max_size=200),
)
def test_retries_never_exceed_the_share_the_floor_and_the_start(ratio, floor, steps):
    budget = Budget(ratio=ratio, floor=floor)
    account, now, calls, spent = BudgetAccount(budget, 0.0), 0.0, 0, 0
    start = account.tokens
    for is_call, wait in steps:
        now += wait
        if is_call:
            earn(account)
            calls += 1
        spent += account.spend(now)
        assert spent <= start + ratio * calls + floor * now + 1e-6
        assert 0 <= account.tokens <= budget.capacity + ratio


def test_eight_threads_spend_each_token_once():
    account = BudgetAccount(Budget(ratio=0, floor=1000, burst=1000), 0.0)
    spent = []

    def hammer():
        spent.append(sum(account.spend(0.0) for _ in range(500)))

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(spent) == 1000


@pytest.mark.parametrize("bad", [-0.1, nan, inf, "1", None, True])
@pytest.mark.parametrize("option", ["ratio", "floor", "burst"])
def test_a_senseless_number_is_refused_by_its_option(option, bad):
    if option == "burst" and bad is None:
        return
    with pytest.raises(ConfigurationError) as caught:
        Budget(**{option: bad})
    assert caught.value.key == f"Budget.{option}"


def test_a_budget_that_never_earns_is_refused():
    with pytest.raises(ConfigurationError, match="nothing is retried"):
        Budget(ratio=0, floor=0)


@pytest.mark.parametrize("burst", [0.5, 0])
def test_a_burst_below_one_is_refused(burst):
    with pytest.raises(ConfigurationError) as caught:
        Budget(burst=burst)
    assert caught.value.key == "Budget.burst"
