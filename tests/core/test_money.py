from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import MinorUnits, Money

UNITS = MinorUnits(
    exponents={"EUR": 2, "JPY": 0, "KWD": 3, "ISK": 2, "IDR": 2},
    steps={"KWD": 10, "ISK": 100},
    most=99_999_999,
    exceptions={"IDR": 999_999_999_999},
)


@pytest.mark.parametrize("amount", [1.15, 10, True, None, b"1"])
def test_only_exact_amounts_make_money(amount):
    with pytest.raises(TypeError, match="Decimal or text"):
        Money(amount, "EUR")


@pytest.mark.parametrize(
    "amount",
    [
        *("", " 1", "1 ", "+1", "1e3", "1_000", "1,5", "NaN", "Infinity", "--1", ".5", "1.", "٣"),
        "9" * 19,
        "0." + "1" * 10,
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+18"),
    ],
)
def test_what_is_no_amount_is_refused_by_name(amount):
    with pytest.raises(InvalidRequestError, match="is not an amount") as caught:
        Money(amount, "EUR")
    assert (caught.value.field, caught.value.status) == ("amount", None)


def test_a_currency_in_small_letters_is_the_same_one():
    assert Money("1", "eur") == Money("1", "EUR")
    assert Money("1", "Eur").currency == "EUR"


@pytest.mark.parametrize("currency", ["", "EU", "EURO", "E R", "ÉUR", "ßA", 7, None])
def test_what_is_no_currency_is_refused_by_name(currency):
    with pytest.raises(InvalidRequestError, match="is not a currency") as caught:
        Money("1", currency)
    assert caught.value.field == "currency"


def test_money_compares_by_value_within_a_currency():
    assert Money("10", "EUR") == Money("10.00", "EUR") == Money(Decimal("1E+1"), "EUR")
    assert hash(Money("10", "EUR")) == hash(Money("10.00", "EUR"))
    assert Money("10", "EUR") != Money("10", "USD")
    assert Money("1", "EUR") < Money("1.01", "EUR") <= Money("1.01", "EUR")
    assert not Money("0.00", "EUR")
    assert Money("-1", "EUR")


def test_money_adds_and_subtracts_within_a_currency():
    assert Money("1.15", "EUR") + Money("0.85", "EUR") == Money("2", "EUR")
    assert Money("1", "EUR") - Money("1.5", "EUR") == Money("-0.5", "EUR")
    for mix in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__):
        with pytest.raises(InvalidRequestError, match="do not mix"):
            mix(Money("1", "EUR"), Money("1", "USD"))


def test_nobodys_decimal_context_rounds_money():
    with localcontext(prec=3):
        total = Money("1000.01", "EUR") + Money("0.01", "EUR")
        assert total - Money("0.02", "EUR") == Money("1000", "EUR")
        assert UNITS.of(total) == 100002
        assert UNITS.money(100002, "EUR") == total


def test_money_is_written_in_plain_decimals():
    assert str(Money("10.50", "EUR")) == "10.50 EUR"
    assert str(Money(Decimal("1E+3"), "JPY")) == "1000 JPY"


@pytest.mark.parametrize(
    ("money", "count"),
    [
        (Money("1.15", "EUR"), 115),
        (Money("500", "JPY"), 500),
        (Money("5.12", "KWD"), 5120),
        (Money("5", "ISK"), 500),
        (Money("9999999999.99", "IDR"), 999_999_999_999),
        (Money("-1.15", "EUR"), -115),
    ],
    ids=str,
)
def test_minor_units_are_exact_both_ways(money, count):
    assert UNITS.of(money) == count
    assert UNITS.money(count, money.currency.lower()) == money


@pytest.mark.parametrize(
    ("money", "field", "problem"),
    [
        (Money("1.155", "EUR"), "amount", "more than 2 decimals"),
        (Money("1.5", "JPY"), "amount", "more than 0 decimals"),
        (Money("5.124", "KWD"), "amount", "not a multiple of 0.010"),
        (Money("5.50", "ISK"), "amount", "not a multiple of 1.00"),
        (Money("1000000.00", "EUR"), "amount", "over the limit"),
        (Money("1", "USD"), "currency", "not taken here"),
    ],
    ids=str,
)
def test_what_minor_units_cannot_hold_is_refused(money, field, problem):
    with pytest.raises(InvalidRequestError, match=problem) as caught:
        UNITS.of(money)
    assert caught.value.field == field


def test_a_count_in_an_unknown_currency_is_refused():
    with pytest.raises(InvalidRequestError, match="not taken here"):
        UNITS.money(1, "usd")


@given(st.integers(-99_999_900, 99_999_999), st.sampled_from(["EUR", "JPY", "KWD", "ISK"]))
def test_every_count_comes_back(count, currency):
    count -= count % UNITS.steps.get(currency, 1)
    money = UNITS.money(count, currency)
    assert UNITS.of(money) == count
    assert Money(str(money.amount), currency) == money


@given(st.text(max_size=30), st.text(max_size=4))
def test_any_text_is_money_or_refused(amount, currency):
    try:
        money = Money(amount, currency)
    except InvalidRequestError:
        return
    assert money.amount == Decimal(amount)


def test_an_error_without_a_field_has_its_own_words():
    assert str(InvalidRequestError()).startswith("The request is invalid")
    assert InvalidRequestError(field="to").field == "to"
