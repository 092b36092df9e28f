"""Whether an answer is of what was asked, or of what its key was used for before.

Not every provider compares a repeat with the first request under its key: some give what became of
that one, whatever is asked now. Money is told from money here, for all of them.
"""

from collections.abc import Awaitable
from typing import TypeVar

from hardpoint.core.errors import IdempotencyConflictError
from hardpoint.core.money import Money
from hardpoint.payments.types import Checkout, NewCheckout, NewPayment, Payment, Refund

_Made = TypeVar("_Made", Payment, Checkout)
_Part = TypeVar("_Part", Payment, Refund)


async def asked_for(making: Awaitable[_Made], new: NewPayment | NewCheckout) -> _Made:
    """A payment or a page, of this amount and reference; one that is not told is not compared.

    Raises:
        IdempotencyConflictError: it is another.
    """
    made = await making
    told = made.reference if isinstance(made, Payment) else None
    if made.amount != new.amount or told not in {None, new.reference}:
        raise _another("a payment")
    return made


async def part_of(taking: Awaitable[_Part], amount: Money | None) -> _Part:
    """What was captured or refunded, of this amount; where nothing was yet, nothing is compared.

    Raises:
        IdempotencyConflictError: it is another.
    """
    part = await taking
    done = part.captured if isinstance(part, Payment) else part.amount
    if amount is not None and done.amount and done != amount:
        raise _another("an amount")
    return part


def _another(what: str) -> IdempotencyConflictError:
    return IdempotencyConflictError(f"the key was used for {what} of another call")
