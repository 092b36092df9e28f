"""Stripe's own examples of amounts; https://docs.stripe.com/currencies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import Money
from hardpoint.providers.stripe.money import MONEY


@pytest.mark.rows
def test_amounts_are_counted_as_stripe_counts_them(amount, currency, count):
    assert MONEY.of(Money(amount, currency)) == count
    assert MONEY.money(count, currency.lower()) == Money(amount, currency)


@pytest.mark.rows
def test_amounts_that_stripe_does_not_take_are_refused(amount, currency):
    with pytest.raises(InvalidRequestError):
        MONEY.of(Money(amount, currency))


@given(st.sampled_from(sorted(MONEY.exponents)), st.integers(0, 999_999))
def test_every_amount_in_every_currency_comes_back(currency, count):
    count -= count % MONEY.steps.get(currency, 1)
    money = MONEY.money(count, currency)
    assert type(MONEY.of(money)) is int
    assert MONEY.of(money) == count
