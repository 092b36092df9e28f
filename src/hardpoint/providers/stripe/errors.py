"""Stripe's error and decline codes: what they mean to us, and to whom `explain` is asked.

https://docs.stripe.com/error-codes and https://docs.stripe.com/declines/codes, read 2026-11-23.
"""

from pathlib import Path

from hardpoint.core.errors import DeclinedError, ProviderError
from hardpoint.http.errors import ErrorTable, Problem
from hardpoint.payments.types import DeclineReason


def decline(code: str | None, decline_code: str | None) -> tuple[DeclineReason, bool]:
    """Why, in our words, and whether a later try may succeed; the bank's own code goes first."""
    return (
        _DECLINES.get(decline_code or "")
        or _DECLINES.get(code or "")
        or (DeclineReason.DECLINED, False)
    )


def _declined(problem: Problem) -> ProviderError:
    decline_code = problem.details.get("decline_code")
    reason, soft = decline(problem.code, decline_code)
    facts = problem.facts("stripe")
    facts["vendor_code"] = decline_code or problem.code
    return DeclinedError(
        f"the payment was declined: {reason.value}", reason=reason, soft=soft, **facts
    )


ERRORS = ErrorTable.read(
    "stripe",
    Path(__file__).with_name("codes.md"),
    raises={"DeclinedError": _declined},
    request_id="request-id",
)
"""Refusals by (status, code); a type of error that has no code stands in its place."""

_DECLINES = {
    code: (DeclineReason(known.more["reason"]), "soft" in known.more)
    for (_, code), known in ERRORS.known.items()
    if "reason" in known.more
}
