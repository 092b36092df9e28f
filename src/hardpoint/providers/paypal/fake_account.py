"""A PayPal business account that behaves as documented, without HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, final

from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.ledger import Ledger
from hardpoint.providers.paypal.fake_objects import (
    CHALLENGED,
    DECLINED,
    GOOD,
    NOTE,
    REFUSED,
    TEXT,
    PayPalRefusedError,
    amount_in,
    money_or_none,
    plain,
    source_of,
    unit_of,
)

TellEvent = Callable[[str, str, dict[str, Any]], None]
"""Takes an event's type, what it is about, and the object."""
_HERE = "https://api-m.paypal.example/v2"
_OVERAGE = Decimal("1.15")
"""PayPal lets more be captured than was reserved."""


@final
class BusinessAccount:
    """The state of one account.

    Args:
        ledger: told every movement of money.
        now: Unix seconds.
        tell: told every event.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float], tell: TellEvent) -> None:
        self._ledger = ledger
        self._now = now
        self._tell = tell
        self._orders: dict[str, dict[str, Any]] = {}
        self._means: dict[str, str] = {}
        self._parts: dict[str, dict[str, dict[str, Any]]] = {
            "authorizations": {},
            "captures": {},
            "refunds": {},
        }
        self._count = 0

    # What the API can do

    def create_order(self, fields: JsonFields) -> str:
        """`POST /v2/checkout/orders`."""
        intent = fields.take("intent")
        if intent not in {"CAPTURE", "AUTHORIZE"}:
            raise fields.refusal("CAPTURE or AUTHORIZE.", "intent")
        units = [unit_of(one) for one in fields.each("purchase_units")]
        if len(units) != 1:
            raise fields.refusal("This fake takes one.", "purchase_units")
        source = fields.inner_or_none("payment_source")
        means, token = (None, None) if source is None else source_of(source)
        fields.finish()
        order: dict[str, Any] = {
            "id": self._id("ORD"),
            "intent": intent,
            "status": "CREATED" if source is None else "PAYER_ACTION_REQUIRED",
            "purchase_units": units,
            "payment_source": {means: {}} if means else None,
            "create_time": self._time(),
        }
        if token == REFUSED:
            raise PayPalRefusedError("INSTRUMENT_DECLINED", "The instrument was declined.")
        self._orders[order["id"]] = order
        if token is not None and token != CHALLENGED:
            self._means[order["id"]] = token
            self._pay(order)
        else:
            amount = units[0]["amount"]
            reference = units[0]["custom_id"]
            self._ledger.record("checkout", id=order["id"], reference=reference, **amount)
        return order["id"]

    def capture_order(self, identifier: str, fields: JsonFields) -> str:
        """`POST /v2/checkout/orders/:id/capture`."""
        return self._complete(identifier, fields, "CAPTURE", "ORDER_ALREADY_CAPTURED")

    def authorize_order(self, identifier: str, fields: JsonFields) -> str:
        """`POST /v2/checkout/orders/:id/authorize`."""
        return self._complete(identifier, fields, "AUTHORIZE", "ORDER_ALREADY_AUTHORIZED")

    def capture_authorization(self, identifier: str, fields: JsonFields) -> str:
        """`POST /v2/payments/authorizations/:id/capture`."""
        found = self.part("authorizations", identifier)
        amount = money_or_none(fields, "amount") or found["amount"]
        final_capture = fields.take("final_capture") is True
        fields.text_or_none("note_to_payer", "Is too long.", NOTE)
        fields.finish()
        if found["status"] == "VOIDED":
            raise PayPalRefusedError("AUTHORIZATION_VOIDED", "It was voided.")
        if found["status"] != "CREATED":
            raise PayPalRefusedError("AUTHORIZATION_ALREADY_CAPTURED", "It was captured.")
        if amount["currency_code"] != found["amount"]["currency_code"]:
            raise PayPalRefusedError("AUTH_CAPTURE_CURRENCY_MISMATCH", "Another currency.")
        if Decimal(amount["value"]) > Decimal(found["amount"]["value"]) * _OVERAGE:
            raise PayPalRefusedError("MAX_CAPTURE_AMOUNT_EXCEEDED", "Too much.", "amount/value")
        found["status"] = "CAPTURED" if final_capture else "PARTIALLY_CAPTURED"
        up = f"{_HERE}/payments/authorizations/{identifier}"
        own = found["custom_id"]
        taken = self._part("captures", amount, own, up, _order=found["_order"])
        related = {"order_id": found["_order"], "authorization_id": identifier}
        taken["supplementary_data"] = {"related_ids": related}
        self._ledger.record("capture", authorization=identifier, **amount)
        self._tell("PAYMENT.CAPTURE.COMPLETED", "capture", plain(taken))
        return taken["id"]

    def void(self, identifier: str, fields: JsonFields) -> str:
        """`POST /v2/payments/authorizations/:id/void`."""
        fields.finish()
        found = self.part("authorizations", identifier)
        if found["status"] == "VOIDED":
            raise PayPalRefusedError("PREVIOUSLY_VOIDED", "It was voided before.")
        if found["status"] != "CREATED":
            raise PayPalRefusedError("PREVIOUSLY_CAPTURED", "It was captured before.")
        found["status"] = "VOIDED"
        self._ledger.record("void", authorization=identifier)
        self._tell("PAYMENT.AUTHORIZATION.VOIDED", "authorization", plain(found))
        return identifier

    def refund(self, identifier: str, fields: JsonFields) -> str:
        """`POST /v2/payments/captures/:id/refund`."""
        found = self.part("captures", identifier)
        left = Decimal(found["amount"]["value"]) - self._given_back(identifier)
        currency = found["amount"]["currency_code"]
        amount = money_or_none(fields, "amount") or amount_in(currency, left)
        note = fields.text_or_none("note_to_payer", "Is too long.", NOTE)
        own = fields.text_or_none("custom_id", "Is too long.", TEXT)
        fields.finish()
        if found["status"] in {"DECLINED", "PENDING"}:
            issue = "PENDING_CAPTURE" if found["status"] == "PENDING" else "REFUND_NOT_ALLOWED"
            raise PayPalRefusedError(issue, "It took no money.")
        if left <= 0:
            raise PayPalRefusedError("CAPTURE_FULLY_REFUNDED", "Nothing is left.")
        if amount["currency_code"] != currency:
            raise PayPalRefusedError("REFUND_CAPTURE_CURRENCY_MISMATCH", "Another currency.")
        if Decimal(amount["value"]) > left:
            raise PayPalRefusedError("REFUND_AMOUNT_EXCEEDED", "More than is left.", "amount/value")
        up = f"{_HERE}/payments/captures/{identifier}"
        facts = {"_order": found["_order"], "_capture": identifier}
        given = self._part("refunds", amount, own or found["custom_id"], up, **facts)
        given["note_to_payer"] = note
        self._settle(found)
        total = amount_in(currency, self._given_back(identifier))
        given["seller_payable_breakdown"] = {"gross_amount": amount, "total_refunded_amount": total}
        self._ledger.record("refund", id=given["id"], capture=identifier, **amount)
        self._tell("PAYMENT.CAPTURE.REFUNDED", "refund", plain(given))
        return given["id"]

    def order(self, identifier: str) -> dict[str, Any]:
        """`GET /v2/checkout/orders/:id`."""
        order = self._order(identifier)
        payments = {
            kind: [one for one in found.values() if one["_order"] == identifier]
            for kind, found in self._parts.items()
        }
        unit = order["purchase_units"][0]
        shown = {kind: [plain(one) for one in found] for kind, found in payments.items() if found}
        page = "approve" if order["status"] == "CREATED" else "payer-action"
        rels = {"self": f"{_HERE}/checkout/orders/{identifier}"}
        if order["status"] in {"CREATED", "PAYER_ACTION_REQUIRED"}:
            rels[page] = f"https://www.paypal.example/checkoutnow?token={identifier}"
        links = [{"rel": rel, "href": href, "method": "GET"} for rel, href in rels.items()]
        units = [unit | ({"payments": shown} if shown else {})]
        return order | {"purchase_units": units, "links": links}

    def part(self, kind: str, identifier: str) -> dict[str, Any]:
        """`GET /v2/payments/:kind/:id`."""
        found = self._parts[kind].get(identifier)
        if found is None:
            raise PayPalRefusedError("INVALID_RESOURCE_ID", "There is none.", status=404)
        return found

    # What customers, banks and PayPal can do

    def approve(self, identifier: str, token: str = GOOD) -> None:
        """A customer approves an order on the page."""
        order = self._order(identifier)
        if order["status"] not in {"CREATED", "PAYER_ACTION_REQUIRED"}:
            raise PayPalRefusedError("ORDER_EXPIRED", "The page has ended.")
        self._means[identifier] = token
        order["status"] = "APPROVED"
        self._tell("CHECKOUT.ORDER.APPROVED", "checkout-order", self.order(identifier))

    def end_order(self, identifier: str) -> None:
        """Nobody has approved it in time."""
        self._order(identifier)["status"] = "VOIDED"

    def fail_refund(self, identifier: str) -> None:
        """The money of a refund comes back."""
        found = self.part("refunds", identifier)
        found["status"], found["status_details"] = "FAILED", {"reason": "ECHECK"}
        self._settle(self.part("captures", found["_capture"]))
        self._tell("PAYMENT.REFUND.FAILED", "refund", plain(found))

    def dispute(self, identifier: str, status: str, outcome: str | None = None) -> None:
        """A customer questions a capture, or PayPal has got so far with it."""
        found = self.part("captures", identifier)
        ended = {"dispute_outcome": {"outcome_code": outcome}} if outcome else {}
        event = "RESOLVED" if outcome else "CREATED"
        about = {
            "dispute_id": f"PP-D-{identifier}",
            "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
            "status": status,
            "dispute_amount": found["amount"],
            "dispute_life_cycle_stage": "CHARGEBACK",
            "seller_response_due_date": self._time(),
            "disputed_transactions": [{"seller_transaction_id": identifier}],
        }
        self._tell(f"CUSTOMER.DISPUTE.{event}", "dispute", about | ended)

    # How it comes about

    def _complete(self, identifier: str, fields: JsonFields, intent: str, done: str) -> str:
        fields.finish()
        order = self._order(identifier)
        if order["intent"] != intent:
            raise PayPalRefusedError("ACTION_DOES_NOT_MATCH_INTENT", "Another intent.")
        if order["status"] == "COMPLETED":
            raise PayPalRefusedError(done, "It is through.")
        if order["status"] != "APPROVED":
            raise PayPalRefusedError("ORDER_NOT_APPROVED", "Nobody has approved it.")
        if self._means[identifier] == REFUSED:
            order["status"] = "PAYER_ACTION_REQUIRED"
            raise PayPalRefusedError("INSTRUMENT_DECLINED", "The instrument was declined.")
        self._pay(order)
        return identifier

    def _pay(self, order: dict[str, Any]) -> None:
        """Take or reserve it by the means that were chosen."""
        token, unit = self._means[order["id"]], order["purchase_units"][0]
        if token not in {GOOD, *DECLINED}:
            raise PayPalRefusedError("TOKEN_NOT_FOUND", "No such token.", status=404)
        order["status"] = "COMPLETED"
        takes = order["intent"] == "CAPTURE"
        kind = "captures" if takes else "authorizations"
        up = f"{_HERE}/checkout/orders/{order['id']}"
        part = self._part(kind, unit["amount"], unit["custom_id"], up, _order=order["id"])
        part["supplementary_data"] = {"related_ids": {"order_id": order["id"]}}
        if code := DECLINED.get(token):
            part["status"] = "DECLINED" if takes else "DENIED"
            part["processor_response"] = {"response_code": code}
            self._ledger.record("decline", id=part["id"], code=code)
            if takes:
                self._tell("PAYMENT.CAPTURE.DECLINED", "capture", plain(part))
            return
        effect = "charge" if takes else "authorize"
        facts = {"id": part["id"], "reference": unit["custom_id"]}
        self._ledger.record(effect, **facts, **unit["amount"])
        event = "CAPTURE.COMPLETED" if takes else "AUTHORIZATION.CREATED"
        self._tell(f"PAYMENT.{event}", kind.removesuffix("s"), plain(part))

    def _part(
        self, kind: str, amount: dict[str, str], own: str | None, up: str, **facts: str
    ) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": self._id(kind[:3].upper()),
            "status": "CREATED" if kind == "authorizations" else "COMPLETED",
            "amount": amount,
            "custom_id": own,
            "invoice_id": None,
            "create_time": self._time(),
            "update_time": self._time(),
            **facts,
        }
        here = f"{_HERE}/payments/{kind}/{made['id']}"
        rels = {"self": here, "up": up}
        made["links"] = [{"rel": rel, "href": href, "method": "GET"} for rel, href in rels.items()]
        self._parts[kind][made["id"]] = made
        return made

    def _settle(self, capture: dict[str, Any]) -> None:
        """A capture's status is what was given back of it."""
        given, whole = self._given_back(capture["id"]), Decimal(capture["amount"]["value"])
        part = "PARTIALLY_REFUNDED" if given else "COMPLETED"
        capture["status"] = "REFUNDED" if given == whole else part

    def _given_back(self, capture_id: str) -> Decimal:
        found = self._parts["refunds"].values()
        return sum(
            (
                Decimal(one["amount"]["value"])
                for one in found
                if one["_capture"] == capture_id and one["status"] != "FAILED"
            ),
            Decimal(0),
        )

    def _order(self, identifier: str) -> dict[str, Any]:
        if identifier not in self._orders:
            raise PayPalRefusedError("INVALID_RESOURCE_ID", "There is none.", status=404)
        return self._orders[identifier]

    def _time(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{self._count:08d}FAKE{kind}"
