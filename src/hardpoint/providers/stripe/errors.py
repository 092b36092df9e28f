"""Stripe's error and decline codes: what they mean to us, and to whom `explain` is asked.

https://docs.stripe.com/error-codes and https://docs.stripe.com/declines/codes, read 2026-11-23.
"""

from hardpoint.core.errors import (
    ConflictError,
    DeclinedError,
    IdempotencyConflictError,
    InvalidRequestError,
    NotFoundError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.http.errors import ErrorTable, Known, Problem
from hardpoint.payments.types import DeclineReason

_ASK = "Ask for other means of payment."
_LATER = "Try the same card once more later."
_BANK = "The customer has to ask the bank; offer other means meanwhile."
_QUIET = "Tell the customer no more than that the payment was declined."
_FIX = "Have the customer correct it."

_DECLINES: dict[str, tuple[DeclineReason, bool, str, str]] = {
    # reason, whether it is soft, meaning, action
    "approve_with_id": (DeclineReason.TEMPORARY, True, "The bank could not authorize it.", _LATER),
    "authentication_required": (
        DeclineReason.AUTHENTICATION_REQUIRED,
        True,
        "The bank wants the customer to authenticate.",
        "Confirm again with the customer present.",
    ),
    "call_issuer": (DeclineReason.DECLINED, False, "The bank declined and gives no reason.", _BANK),
    "card_declined": (DeclineReason.DECLINED, False, "The bank declined; see its reason.", _ASK),
    "card_not_supported": (
        DeclineReason.NOT_SUPPORTED,
        False,
        "The card takes no such purchase.",
        _BANK,
    ),
    "card_velocity_exceeded": (
        DeclineReason.LIMIT_EXCEEDED,
        True,
        "The card's balance or limit is exceeded.",
        _ASK,
    ),
    "currency_not_supported": (
        DeclineReason.NOT_SUPPORTED,
        False,
        "The card does not take the currency.",
        _ASK,
    ),
    "do_not_honor": (DeclineReason.DECLINED, False, "The bank declined without a reason.", _BANK),
    "do_not_try_again": (DeclineReason.DECLINED, False, "The bank wants no more tries.", _ASK),
    "duplicate_transaction": (
        DeclineReason.DECLINED,
        False,
        "The same amount was just taken from the card.",
        "Look for the earlier payment before anything else.",
    ),
    "expired_card": (DeclineReason.EXPIRED, False, "The card has expired.", _ASK),
    "fraudulent": (DeclineReason.SUSPECTED_FRAUD, False, "Stripe suspects fraud.", _QUIET),
    "generic_decline": (
        DeclineReason.DECLINED,
        False,
        "The bank, or Radar, declined without a reason.",
        _ASK,
    ),
    "incorrect_address": (DeclineReason.WRONG_DETAILS, True, "The address is wrong.", _FIX),
    "incorrect_cvc": (DeclineReason.WRONG_DETAILS, True, "The security code is wrong.", _FIX),
    "incorrect_number": (DeclineReason.WRONG_DETAILS, True, "The card number is wrong.", _FIX),
    "incorrect_pin": (DeclineReason.WRONG_DETAILS, True, "The PIN is wrong.", _FIX),
    "incorrect_zip": (DeclineReason.WRONG_DETAILS, True, "The postal code is wrong.", _FIX),
    "insufficient_funds": (
        DeclineReason.INSUFFICIENT_FUNDS,
        True,
        "There is not enough money on the account.",
        _ASK,
    ),
    "invalid_account": (DeclineReason.NOT_SUPPORTED, False, "The account is not valid.", _BANK),
    "invalid_cvc": (DeclineReason.WRONG_DETAILS, True, "The security code is wrong.", _FIX),
    "invalid_expiry_month": (DeclineReason.WRONG_DETAILS, True, "The month is wrong.", _FIX),
    "invalid_expiry_year": (DeclineReason.WRONG_DETAILS, True, "The year is wrong.", _FIX),
    "invalid_number": (DeclineReason.WRONG_DETAILS, True, "The card number is wrong.", _FIX),
    "issuer_not_available": (
        DeclineReason.TEMPORARY,
        True,
        "The bank could not be reached.",
        _LATER,
    ),
    "lost_card": (DeclineReason.SUSPECTED_FRAUD, False, "The card is reported lost.", _QUIET),
    "merchant_blacklist": (
        DeclineReason.SUSPECTED_FRAUD,
        False,
        "It is on your own block list.",
        _QUIET,
    ),
    "not_permitted": (DeclineReason.NOT_SUPPORTED, False, "The payment is not permitted.", _BANK),
    "payment_intent_authentication_failure": (
        DeclineReason.AUTHENTICATION_REQUIRED,
        True,
        "The customer failed to authenticate.",
        "Confirm again with the customer present.",
    ),
    "pickup_card": (DeclineReason.SUSPECTED_FRAUD, False, "The card may be stolen.", _QUIET),
    "pin_try_exceeded": (DeclineReason.LIMIT_EXCEEDED, False, "Too many wrong PINs.", _ASK),
    "processing_error": (DeclineReason.TEMPORARY, True, "Something failed underway.", _LATER),
    "reenter_transaction": (DeclineReason.TEMPORARY, True, "The bank failed to process.", _LATER),
    "restricted_card": (DeclineReason.SUSPECTED_FRAUD, False, "The card is restricted.", _QUIET),
    "security_violation": (DeclineReason.DECLINED, False, "The bank gives no reason.", _BANK),
    "stolen_card": (DeclineReason.SUSPECTED_FRAUD, False, "The card is reported stolen.", _QUIET),
    "testmode_decline": (
        DeclineReason.DECLINED,
        False,
        "A test card that is made to be declined.",
        "Use a real card in live mode.",
    ),
    "transaction_not_allowed": (
        DeclineReason.NOT_SUPPORTED,
        False,
        "The bank does not allow it, for a reason it keeps.",
        _BANK,
    ),
    "try_again_later": (DeclineReason.TEMPORARY, True, "The bank asks for a later try.", _LATER),
    "withdrawal_count_limit_exceeded": (
        DeclineReason.LIMIT_EXCEEDED,
        True,
        "The card's limit is exceeded.",
        _ASK,
    ),
}


def decline(code: str | None, decline_code: str | None) -> tuple[DeclineReason, bool]:
    """Why, in our words, and whether a later try may succeed; the bank's own code goes first."""
    known = _DECLINES.get(decline_code or "") or _DECLINES.get(code or "")
    return known[:2] if known else (DeclineReason.DECLINED, False)


def _declined(problem: Problem) -> ProviderError:
    decline_code = problem.details.get("decline_code")
    reason, soft = decline(problem.code, decline_code)
    facts = problem.facts("stripe")
    facts["vendor_code"] = decline_code or problem.code
    return DeclinedError(
        f"the payment was declined: {reason.value}", reason=reason, soft=soft, **facts
    )


ERRORS = ErrorTable(
    "stripe",
    {
        **{
            (402, code): Known(_declined, meaning, action)
            for code, (_, _, meaning, action) in _DECLINES.items()
        },
        402: Known(_declined, "The payment was declined.", _ASK),
        "idempotency_error": Known(
            IdempotencyConflictError,
            "The idempotency key was used with other parameters.",
            "Use one key for one intent; make a new one when the arguments change.",
        ),
        (400, "idempotency_key_in_use"): Known(
            IdempotencyConflictError,
            "The idempotency key was used with other parameters.",
            "Use one key for one intent; make a new one when the arguments change.",
        ),
        (409, "idempotency_key_in_use"): Known(
            UnavailableError,
            "A call with the same key is still under way.",
            "It is retried under the same key.",
        ),
        409: Known(
            UnavailableError,
            "Another request is changing the same object.",
            "It is retried under the same key.",
        ),
        "rate_limit": Known(RateLimitedError, "Too many requests.", "It is retried more slowly."),
        "lock_timeout": Known(
            RateLimitedError,
            "Another request holds the object.",
            "It is retried; do not change one payment from two places at a time.",
        ),
        "resource_missing": Known(
            NotFoundError,
            "There is no such object in this account and mode.",
            "Check the id, the account and whether the key is live or test.",
        ),
        "payment_intent_unexpected_state": Known(
            ConflictError,
            "The payment's status does not allow this.",
            "Read the payment and decide anew.",
        ),
        "charge_already_refunded": Known(
            ConflictError, "All of it was refunded before.", "Read the payment."
        ),
        "charge_already_captured": Known(
            ConflictError, "It was captured before.", "Read the payment."
        ),
        "charge_disputed": Known(
            ConflictError,
            "The customer disputes the charge; it cannot be refunded.",
            "Answer the dispute in the dashboard.",
        ),
        "amount_too_small": Known(
            InvalidRequestError,
            "The amount is below the currency's minimum, about 0.50 USD.",
            "Charge more, or collect several amounts.",
        ),
        "amount_too_large": Known(
            InvalidRequestError, "The amount is above the maximum.", "Split the payment."
        ),
        "parameter_unknown": Known(
            InvalidRequestError,
            "Stripe knows no such parameter in this API version.",
            "Check the names under extra.",
        ),
        "parameter_missing": Known(
            InvalidRequestError, "A parameter is missing.", "Add it under extra."
        ),
    },
    request_id="request-id",
)
"""Refusals by (status, code); a type of error that has no code stands in its place."""
