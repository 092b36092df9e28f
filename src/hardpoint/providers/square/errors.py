"""Square's error codes: what they mean to us, and to whom `explain` is asked.

https://developer.squareup.com/docs/payments-api/error-codes and the enumeration `ErrorCode` of the
published specification, read 2026-12-01.
"""

from pathlib import Path

from hardpoint.core.errors import DeclinedError, ProviderError
from hardpoint.http.errors import ErrorTable, Problem
from hardpoint.payments.types import DeclineReason

PAYMENT_METHOD_ERROR = "PAYMENT_METHOD_ERROR"
"""The category of every decline; one whose code we do not know is a decline all the same."""


def decline(code: str) -> tuple[DeclineReason, bool]:
    """Why, in our words, and whether a later try may succeed."""
    return _DECLINES.get(code, (DeclineReason.DECLINED, False))


def code_of(category: str, code: str) -> str | None:
    """The code that our table knows a refusal by: of a decline that it does not, the category."""
    if category == PAYMENT_METHOD_ERROR and (None, code) not in ERRORS.known:
        return category
    return code or None


def _declined(problem: Problem) -> ProviderError:
    code = problem.details.get("code") or problem.code or ""
    reason, soft = decline(code)
    facts = problem.facts("square") | {"vendor_code": code}
    return DeclinedError(
        f"the payment was declined: {reason.value}", reason=reason, soft=soft, **facts
    )


def _argument(problem: Problem) -> str | None:
    return _ARGUMENTS.get(problem.field or "", problem.field)


ERRORS = ErrorTable.read(
    "square",
    Path(__file__).with_name("codes.md"),
    raises={"DeclinedError": _declined},
    argument=_argument,
)
"""Refusals by code; Square's statuses say little more."""

_ARGUMENTS = {
    "source_id": "payment_method",
    "amount_money": "amount",
    "amount_money.amount": "amount",
    "amount_money.currency": "currency",
    "customer_id": "customer",
    "reference_id": "reference",
    "note": "description",
    "checkout_options.redirect_url": "success_url",
}
_DECLINES = {
    code: (DeclineReason(known.more["reason"]), "soft" in known.more)
    for (_, code), known in ERRORS.known.items()
    if "reason" in known.more
}
