"""Stripe's test payment methods, whose names say how a payment by them ends.

https://docs.stripe.com/testing, read 2026-11-23.
"""

from typing import Any, Final

from hardpoint.fakes.vendors import Trigger
from hardpoint.providers.stripe.fake_objects import ObjectRefusedError

DECLINED: Final = "Your card was declined."
DECLINES: dict[str, tuple[str, str | None] | None] = {
    "pm_card_visa": None,
    "pm_card_mastercard": None,
    "pm_card_amex": None,
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", None),
}
CHALLENGED = "pm_card_authenticationRequired"
"""The bank wants the customer to authenticate."""

TRIGGERS = (
    *(
        Trigger(
            field="payment_method",
            value=method,
            answer=f"402 {' / '.join(filter(None, declined))}" if declined else "succeeds",
        )
        for method, declined in DECLINES.items()
    ),
    Trigger(field="payment_method", value=CHALLENGED, answer="requires_action"),
)


def check_card(name: str) -> None:
    """Refuse what is none of them."""
    if name not in DECLINES and name != CHALLENGED:
        raise ObjectRefusedError(
            "resource_missing", "No such PaymentMethod.", status=404, param="payment_method"
        )


def declined_card(
    why: tuple[str, str | None], intent: dict[str, Any] | None = None
) -> ObjectRefusedError:
    """The answer to a card that is declined: a code, and the issuer's own if it gave one."""
    code, decline_code = why
    return ObjectRefusedError(
        code,
        DECLINED,
        status=402,
        kind="card_error",
        decline_code=decline_code,
        payment_intent=intent,
    )


def challenge(return_url: str | None) -> dict[str, Any]:
    """What the customer has to do, where the bank asks."""
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
    redirect = {"url": "https://hooks.stripe.example/3d_secure", "return_url": return_url}
    return {"type": "redirect_to_url", "redirect_to_url": redirect}
