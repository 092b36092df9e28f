"""PayPal's issues and its processors' codes: what they mean to us, and to whom `explain` is asked.

The issues are those that the published specification lists, read 2026-12-01. What the processors'
codes mean is not in it, and was not compared with PayPal's own table:
https://developer.paypal.com/api/rest/reference/orders/v2/errors/.
"""

from pathlib import Path

from hardpoint.core.errors import DeclinedError, ProviderError
from hardpoint.http.errors import ErrorTable, Problem
from hardpoint.payments.types import DeclineReason


def decline(code: str) -> tuple[DeclineReason, bool]:
    """Why, in our words, and whether a later try may succeed."""
    return _DECLINES.get(code, (DeclineReason.DECLINED, False))


def declined(problem: Problem) -> ProviderError:
    """A decline, by an issue or by what the bank said."""
    reason, soft = decline(problem.code or "")
    facts = problem.facts("paypal")
    return DeclinedError(
        f"the payment was declined: {reason.value}", reason=reason, soft=soft, **facts
    )


def _argument(problem: Problem) -> str | None:
    field = (problem.field or "").strip("/")
    ours = (ours for theirs, ours in _ARGUMENTS.items() if field.endswith(theirs))
    return next(ours, field or None)


ERRORS = ErrorTable.read(
    "paypal",
    Path(__file__).with_name("codes.md"),
    raises={"DeclinedError": declined},
    request_id="paypal-debug-id",
    argument=_argument,
)
"""Refusals by their issue."""

_ARGUMENTS = {
    "amount/currency_code": "currency",
    "amount/value": "amount",
    "amount": "amount",
    "custom_id": "reference",
    "description": "description",
    "vault_id": "payment_method",
    "return_url": "success_url",
    "cancel_url": "cancel_url",
}
"""The end of a pointer to a field, and the argument that it is made of."""
_DECLINES = {
    code: (DeclineReason(known.more["reason"]), "soft" in known.more)
    for (_, code), known in ERRORS.known.items()
    if code and "reason" in known.more
}
