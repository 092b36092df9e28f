"""A Stripe account that behaves as documented: payments, charges and refunds, without HTTP.

Test payment methods: see `fake_cards`.
"""

from collections.abc import Callable, Mapping
from typing import Any, final

from hardpoint.fakes.fields import Fields
from hardpoint.fakes.ledger import Ledger
from hardpoint.providers.stripe.fake_cards import (
    CHALLENGED,
    DECLINED,
    DECLINES,
    challenge,
    check_card,
    declined_card,
)
from hardpoint.providers.stripe.fake_objects import (
    Charge,
    FakeIntent,
    FakeRefund,
    ObjectRefusedError,
    amount_of,
    currency_of,
    expanded,
    expect,
    finish,
    plain,
)

Tell = Callable[[str, dict[str, Any], Mapping[str, Any]], None]
"""Takes an event's type, its object, and what was different before."""

_WITHOUT_EFFECT = (
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor_suffix",
)


@final
class Account:
    """The state of one account.

    Args:
        ledger: told every movement of money.
        now: Unix seconds.
        tell: told every event.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float], tell: Tell) -> None:
        self._ledger = ledger
        self._now = now
        self._tell = tell
        self._intents: dict[str, FakeIntent] = {}
        self._charges: dict[str, Charge] = {}
        self._refunds: dict[str, FakeRefund] = {}
        self._on_page: set[str] = set()
        self.saved: dict[str, tuple[str, str]] = {}
        """Of each method that is kept, what it stands for and whose it is."""
        self._count = 0

    # What the API can do

    def create(self, fields: Fields) -> dict[str, Any]:
        """`POST /v1/payment_intents`."""
        currency = currency_of(fields.take("currency"))
        amount = amount_of(fields.take("amount"), currency)
        automatic = fields.texts("automatic_payment_methods")
        method, confirm = fields.take("payment_method"), fields.take("confirm") == "true"
        return_url = fields.take("return_url")
        away = fields.take("off_session") == "true"
        expand = expanded(fields)
        identifier = self._id("pi")
        intent = FakeIntent(
            id=identifier,
            amount=amount,
            currency=currency,
            capture_method=fields.take("capture_method") or "automatic",
            created=int(self._now()),
            client_secret=f"{identifier}_secret_{self._count:08d}",
            metadata=fields.texts("metadata"),
            customer=fields.take("customer"),
            description=fields.take("description"),
        )
        for name in _WITHOUT_EFFECT:
            fields.take(name)
        finish(fields)
        if automatic.get("allow_redirects") == "never":
            self._on_page.add(identifier)
        self._attach(intent, method)
        if confirm:
            self._check_confirmable(intent, return_url)
        self._intents[identifier] = intent
        self._say("payment_intent.created", intent)
        if confirm:
            self._confirm(intent, return_url, away=away)
        return self._shown(intent, expand)

    def confirm(self, identifier: str, fields: Fields) -> dict[str, Any]:
        """`POST /v1/payment_intents/:id/confirm`."""
        intent = self._intent(identifier)
        method, return_url = fields.take("payment_method"), fields.take("return_url")
        expand = expanded(fields)
        finish(fields)
        expect(
            intent,
            "confirm",
            "requires_payment_method",
            "requires_confirmation",
            "requires_action",
        )
        self._attach(intent, method)
        self._check_confirmable(intent, return_url)
        self._confirm(intent, return_url)
        return self._shown(intent, expand)

    def capture(self, identifier: str, fields: Fields) -> dict[str, Any]:
        """`POST /v1/payment_intents/:id/capture`."""
        intent = self._intent(identifier)
        asked = fields.take("amount_to_capture")
        expand = expanded(fields)
        finish(fields)
        expect(intent, "capture", "requires_capture")
        amount = intent.amount_capturable if asked is None else amount_of(asked, intent.currency)
        if amount > intent.amount_capturable:
            raise ObjectRefusedError(
                "amount_too_large", "More than was authorized.", param="amount_to_capture"
            )
        charge = self._charges[intent.latest_charge or ""]
        charge.captured = True
        self._take(intent, charge, amount)
        self._ledger.record("capture", payment=intent.id, amount=amount, currency=intent.currency)
        return self._shown(intent, expand)

    def cancel(self, identifier: str, fields: Fields) -> dict[str, Any]:
        """`POST /v1/payment_intents/:id/cancel`."""
        intent = self._intent(identifier)
        fields.take("cancellation_reason")
        expand = expanded(fields)
        finish(fields)
        expect(
            intent,
            "cancel",
            "requires_payment_method",
            "requires_confirmation",
            "requires_action",
            "requires_capture",
        )
        intent.status, intent.amount_capturable, intent.next_action = "canceled", 0, None
        self._ledger.record("void", payment=intent.id)
        self._say("payment_intent.canceled", intent)
        return self._shown(intent, expand)

    def refund(self, fields: Fields) -> dict[str, Any]:
        """`POST /v1/refunds`."""
        intent = self._intent(fields.take("payment_intent") or "")
        asked, reason = fields.take("amount"), fields.take("reason")
        metadata = fields.texts("metadata")
        finish(fields)
        if intent.amount_received == 0:
            raise ObjectRefusedError(
                "payment_intent_unexpected_state", "It has no successful charge to refund."
            )
        charge = self._charges[intent.latest_charge or ""]
        left = charge.amount_captured - charge.amount_refunded
        if not left:
            raise ObjectRefusedError("charge_already_refunded", "It has already been refunded.")
        amount = left if asked is None else amount_of(asked, intent.currency)
        if amount > left:
            raise ObjectRefusedError("amount_too_large", "More than is left.", param="amount")
        before = charge.amount_refunded
        charge.amount_refunded += amount
        charge.refunded = charge.amount_refunded == charge.amount_captured
        refund = FakeRefund(
            id=self._id("re"),
            amount=amount,
            charge=charge.id,
            currency=intent.currency,
            metadata=metadata,
            payment_intent=intent.id,
            reason=reason,
        )
        self._refunds[refund.id] = refund
        self._ledger.record(
            "refund", id=refund.id, payment=intent.id, amount=amount, currency=intent.currency
        )
        self._tell("charge.refunded", plain(charge), {"amount_refunded": before})
        return plain(refund)

    def get_refund(self, identifier: str, fields: Fields) -> dict[str, Any]:
        """`GET /v1/refunds/:id`."""
        finish(fields)
        refund = self._refunds.get(identifier)
        if refund is None:
            raise ObjectRefusedError(
                "resource_missing", "No such refund.", status=404, param="refund"
            )
        return plain(refund)

    def get(self, identifier: str, fields: Fields) -> dict[str, Any]:
        """`GET /v1/payment_intents/:id`."""
        expand = expanded(fields)
        finish(fields)
        return self._shown(self._intent(identifier), expand)

    def list(self, fields: Fields) -> dict[str, Any]:
        """`GET /v1/payment_intents`, newest first."""
        limit = int(fields.take("limit") or 10)
        since = int(fields.texts("created").get("gte", 0))
        after = fields.take("starting_after")
        customer = fields.take("customer")
        expand = {name.removeprefix("data.") for name in expanded(fields)}
        finish(fields)
        found = [
            one
            for one in reversed(self._intents.values())
            if one.created >= since and customer in {None, one.customer}
        ]
        if after is not None:
            found = found[found.index(self._intent(after)) + 1 :]
        return {
            "object": "list",
            "url": "/v1/payment_intents",
            "has_more": len(found) > limit,
            "data": [self._shown(one, expand) for one in found[:limit]],
        }

    # What the customer can do

    def authenticate(self, identifier: str, *, succeeds: bool = True) -> None:
        """The customer answers the bank's challenge."""
        intent = self._intent(identifier)
        expect(intent, "authenticate", "requires_action")
        intent.next_action = None
        if succeeds:
            self._charge(intent)
        else:
            code = "payment_intent_authentication_failure"
            self._fail(intent, code, None, "The customer failed to authenticate.")

    # What banks can do

    def fail_refund(self, identifier: str, reason: str = "lost_or_stolen_card") -> None:
        """The customer's bank sends a refund back."""
        refund = self._refunds[identifier]
        refund.status, refund.failure_reason = "failed", reason
        charge = self._charges[refund.charge]
        charge.amount_refunded -= refund.amount
        charge.refunded = False
        self._tell("refund.failed", plain(refund), {})

    def dispute(self, identifier: str, *events: str, **facts: Any) -> None:
        """A customer's bank questions a payment.

        Args:
            identifier: of the payment.
            events: what is told, `created`, `funds_withdrawn`, `updated`, `closed` and the like.
            facts: of the dispute, such as `status`.
        """
        intent = self._intent(identifier)
        dispute = {
            "id": f"dp_{intent.latest_charge}",
            "object": "dispute",
            "amount": intent.amount_received,
            "charge": intent.latest_charge,
            "currency": intent.currency,
            "evidence_details": {"due_by": intent.created + 7 * 86_400, "has_evidence": False},
            "payment_intent": intent.id,
            "reason": "fraudulent",
            "status": "needs_response",
            **facts,
        }
        for event in events:
            self._tell(f"charge.dispute.{event}", dispute, {})

    # How it comes about

    def _attach(self, intent: FakeIntent, method: str | None) -> None:
        if method is None:
            return
        name, customer = self.saved.get(method, (method, intent.customer))
        check_card(name if customer == intent.customer else "")
        intent.payment_method = method
        intent.status = "requires_confirmation"

    def _check_confirmable(self, intent: FakeIntent, return_url: str | None) -> None:
        if intent.payment_method is None:
            raise ObjectRefusedError(
                "parameter_missing", "You cannot confirm without one.", param="payment_method"
            )
        if return_url is None and intent.id not in self._on_page:
            raise ObjectRefusedError(
                None,
                "This PaymentIntent may redirect your customer; you must provide a return_url.",
                param="return_url",
            )

    def _confirm(self, intent: FakeIntent, return_url: str | None, *, away: bool = False) -> None:
        method = intent.payment_method or ""
        method = self.saved.get(method, (method, ""))[0]
        if method == CHALLENGED and not away:
            intent.status = "requires_action"
            intent.next_action = challenge(return_url)
            self._say("payment_intent.requires_action", intent)
            return
        declined = DECLINES.get(method, ("authentication_required", None))
        if declined is None:
            self._charge(intent)
            return
        self._fail(intent, *declined, DECLINED)
        raise declined_card(declined, self._shown(intent, set()))

    def _charge(self, intent: FakeIntent) -> None:
        charge = Charge(
            id=self._id("ch"),
            amount=intent.amount,
            currency=intent.currency,
            payment_intent=intent.id,
            metadata=dict(intent.metadata),
            captured=intent.capture_method != "manual",
        )
        self._charges[charge.id] = charge
        intent.latest_charge, intent.last_payment_error = charge.id, None
        self._ledger.record(
            "charge",
            id=charge.id,
            payment=intent.id,
            amount=charge.amount,
            currency=charge.currency,
            reference=intent.metadata.get("reference"),
        )
        if charge.captured:
            self._take(intent, charge, intent.amount)
        else:
            intent.status, intent.amount_capturable = "requires_capture", intent.amount
            self._say("payment_intent.amount_capturable_updated", intent)

    def _take(self, intent: FakeIntent, charge: Charge, amount: int) -> None:
        charge.amount_captured = amount
        intent.status, intent.amount_received, intent.amount_capturable = "succeeded", amount, 0
        self._say("payment_intent.succeeded", intent)

    def _fail(self, intent: FakeIntent, code: str, decline_code: str | None, message: str) -> None:
        intent.status, intent.payment_method = "requires_payment_method", None
        intent.last_payment_error = {
            "type": "card_error",
            "code": code,
            "decline_code": decline_code,
            "message": message,
        }
        self._ledger.record("decline", payment=intent.id, code=decline_code or code)
        self._say("payment_intent.payment_failed", intent)

    def _say(self, event_type: str, intent: FakeIntent) -> None:
        self._tell(event_type, self._shown(intent, set()), {})

    def _shown(self, intent: FakeIntent, expand: set[str]) -> dict[str, Any]:
        shown = plain(intent)
        if "latest_charge" in expand and intent.latest_charge is not None:
            shown["latest_charge"] = plain(self._charges[intent.latest_charge])
        return shown

    def _intent(self, identifier: str) -> FakeIntent:
        intent = self._intents.get(identifier)
        if intent is None:
            raise ObjectRefusedError(
                "resource_missing", "No such payment_intent.", status=404, param="intent"
            )
        return intent

    def _id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_fake{self._count:06d}"
