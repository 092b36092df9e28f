"""Money: exact amounts of a currency, and how providers count them in minor units."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Self, final

from hardpoint.core.errors import InvalidRequestError

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_EXACT = Context(prec=64, traps=[Inexact, InvalidOperation])
"""Whatever the caller's own context is, nothing here is ever rounded."""
_AMOUNT = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)
_PLAIN = 10**18
"""A smaller number of minor units is an amount, whatever the currency's decimals."""


@final
@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of a currency, in major units: `Money("10.99", "EUR")`.

    Args:
        amount: a `Decimal`, or plain decimal text; at most 18 digits before the point, 9 after it.
        currency: three letters (ISO 4217), kept as capitals. Whether a provider takes it, and how
            many decimals, is the provider's to say.

    Raises:
        TypeError: a float (it cannot hold 0.1), or an int (euros, or cents?).
        InvalidRequestError: not an amount, or not a currency.
    """

    amount: Decimal
    currency: str

    def __init__(self, amount: Decimal | str, currency: str) -> None:
        object.__setattr__(self, "amount", _exact(amount))
        capitals = str(currency).upper()
        if not _CURRENCY.fullmatch(capitals) or not str(currency).isascii():
            raise InvalidRequestError(f"{currency!r:.20} is not a currency", field="currency")
        object.__setattr__(self, "currency", capitals)

    def __add__(self, other: Self) -> "Money":
        return Money(_EXACT.add(self.amount, self._comparable(other)), self.currency)

    def __sub__(self, other: Self) -> "Money":
        return Money(_EXACT.subtract(self.amount, self._comparable(other)), self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._comparable(other)

    def __le__(self, other: Self) -> bool:
        return self.amount <= self._comparable(other)

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def _comparable(self, other: Self) -> Decimal:
        if self.currency != other.currency:
            raise InvalidRequestError(
                f"{self.currency} and {other.currency} do not mix", field="currency"
            )
        return other.amount


def _exact(amount: Decimal | str) -> Decimal:
    if not isinstance(amount, Decimal | str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise TypeError(f"Money takes a Decimal or text, not {type(amount).__name__}: it is exact")
    text = f"{amount:f}" if isinstance(amount, Decimal) and amount.is_finite() else str(amount)
    if not _AMOUNT.fullmatch(text):
        raise InvalidRequestError(f"{text!r:.40} is not an amount", field="amount")
    return Decimal(text)


def _made(amount: Decimal, currency: str) -> Money:
    """Without a second look at what can only be in order."""
    money = object.__new__(Money)
    object.__setattr__(money, "amount", amount)
    object.__setattr__(money, "currency", currency)
    return money


@final
@dataclass(frozen=True, slots=True)
class MinorUnits:
    """How one provider counts money: a whole number of minor units.

    Args:
        exponents: decimals per currency; a currency that is not listed is not taken.
        steps: currencies whose minor amount must be a multiple of something.
        most: the largest number of minor units in one amount.
        exceptions: currencies with another largest number.
    """

    exponents: Mapping[str, int]
    steps: Mapping[str, int]
    most: int
    exceptions: Mapping[str, int] = field(default_factory=dict[str, int])

    def of(self, money: Money) -> int:
        """The exact number of minor units; nothing is ever rounded.

        Raises:
            InvalidRequestError: not a currency taken here, too many decimals, or too much.
        """
        exponent = self.exponents.get(money.currency)
        if exponent is None:
            raise InvalidRequestError(f"{money.currency} is not taken here", field="currency")
        minor = money.amount.scaleb(exponent, _EXACT)
        count = int(minor)
        if count != minor:
            raise InvalidRequestError(f"{money} has more than {exponent} decimals", field="amount")
        step = self.steps.get(money.currency, 1)
        if count % step:
            smallest = Decimal(step).scaleb(-exponent, _EXACT)
            raise InvalidRequestError(f"{money} is not a multiple of {smallest:f}", field="amount")
        if abs(count) > self.exceptions.get(money.currency, self.most):
            raise InvalidRequestError(f"{money} is over the limit", field="amount")
        return count

    def money(self, count: int, currency: str) -> Money:
        """The amount that a number of minor units is, `currency` in any case.

        Raises:
            InvalidRequestError: not a currency known here.
        """
        code = currency.upper()
        exponent = self.exponents.get(code)
        if exponent is None:
            raise InvalidRequestError(f"{code!r:.20} is not taken here", field="currency")
        amount = Decimal(count).scaleb(-exponent, _EXACT)
        return _made(amount, code) if abs(count) < _PLAIN else Money(amount, code)
