"""A Square location that behaves as documented, without HTTP."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, final

from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.ledger import Ledger
from hardpoint.providers.square.fake_objects import (
    GOOD,
    LOCATION,
    SquarePayment,
    SquareRefusedError,
    declined_by,
    found_in,
    money_of,
    plain,
    refuse,
)

Announce = Callable[[str, str, str, dict[str, Any]], None]
"""Takes an event's type, what it is about, its id, and the object."""
_WITHOUT_EFFECT = (
    "customer_details",
    "buyer_email_address",
    "statement_description_identifier",
    "team_member_id",
)
_TEXT = re.compile(r"(?s).{1,500}")
_REFERENCE = re.compile(r"(?s).{1,40}")
_NAME = re.compile(r"(?s).{1,512}")
_QUANTITY = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_URL = re.compile(r"https?://[!-~]{1,2040}", re.ASCII)
_REASON = re.compile(r"(?s).{1,192}")


@final
class SellerAccount:
    """The state of one location. Unlike a real one it takes every currency.

    Args:
        ledger: told every movement of money.
        now: Unix seconds.
        tell: told every event.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float], tell: Announce) -> None:
        self._ledger = ledger
        self._now = now
        self._tell = tell
        self._payments: dict[str, SquarePayment] = {}
        self._refunds: dict[str, dict[str, Any]] = {}
        self._links: dict[str, dict[str, Any]] = {}
        self._orders: dict[str, dict[str, Any]] = {}
        self._customers: dict[str, dict[str, Any]] = {}
        self._cards: dict[str, tuple[str, str]] = {}
        self._count = 0

    # What the API can do

    def create(self, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/payments`."""
        source = fields.text("source_id", "A source is needed.", _TEXT)
        amount = money_of(fields, "amount_money")
        autocomplete = fields.take("autocomplete")
        verified = fields.take("verification_token")
        self._check_location(fields)
        facts: dict[str, Any] = {
            "customer_id": fields.text_or_none("customer_id", "Not an ID.", _TEXT),
            "reference_id": fields.text_or_none("reference_id", "Is too long.", _REFERENCE),
            "note": fields.text_or_none("note", "Is too long.", _TEXT),
        }
        for name in _WITHOUT_EFFECT:
            fields.take(name)
        fields.finish()
        source, owner = self._cards.get(source, (source, facts["customer_id"]))
        if owner != facts["customer_id"]:
            raise refuse("The card is of another customer.", "customer_id")
        order = self._order({"location_id": LOCATION}, amount)
        return self._pay(source, order, facts, autocomplete is not False, verified)

    def complete(self, identifier: str, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/payments/:id/complete`."""
        payment = self._approved(identifier, fields)
        self._complete(payment)
        self._ledger.record("capture", payment=payment.id, **payment.total_money)
        return {"payment": plain(payment)}

    def cancel(self, identifier: str, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/payments/:id/cancel`."""
        payment = self._approved(identifier, fields)
        payment.status = "CANCELED"
        self._ledger.record("void", payment=payment.id)
        self._say("payment.updated", payment)
        return {"payment": plain(payment)}

    def get(self, identifier: str) -> dict[str, Any]:
        """`GET /v2/payments/:id`."""
        return {"payment": plain(self._payment(identifier))}

    def list(self, query: dict[str, str]) -> dict[str, Any]:
        """`GET /v2/payments`."""
        fields = JsonFields(query, refuse)
        since = str(fields.take("begin_time") or "")
        descending = fields.take("sort_order") != "ASC"
        start, limit = int(fields.take("cursor") or 0), min(int(fields.take("limit") or 100), 100)
        self._check_location(fields)
        fields.finish()
        moment = datetime.fromisoformat(since or "1970-01-01T00:00:00+00:00")
        found = [
            one
            for one in self._payments.values()
            if datetime.fromisoformat(one.created_at) >= moment
        ]
        if descending:
            found.reverse()
        page = {"payments": [plain(one) for one in found[start : start + limit]]}
        return page | ({"cursor": str(start + limit)} if len(found) > start + limit else {})

    def refund(self, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/refunds`: it is pending at first, and through a moment later."""
        amount = money_of(fields, "amount_money")
        payment = self._payment(fields.text("payment_id", "A payment is needed.", _TEXT))
        reason = fields.text_or_none("reason", "Is too long.", _REASON)
        fields.finish()
        if payment.status == "APPROVED":
            code = "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION"
            raise SquareRefusedError(code, "Complete it first.", category="REFUND_ERROR")
        if payment.status != "COMPLETED":
            raise SquareRefusedError(
                "PAYMENT_NOT_REFUNDABLE", "It took no money.", category="REFUND_ERROR"
            )
        gone = payment.refunded_money["amount"] if payment.refunded_money else 0
        if gone + amount["amount"] > payment.total_money["amount"]:
            raise SquareRefusedError(
                "REFUND_AMOUNT_INVALID", "More than is left.", category="REFUND_ERROR"
            )
        if amount["currency"] != payment.total_money["currency"]:
            raise refuse("Another currency.", "amount_money.currency")
        refund: dict[str, Any] = {
            "id": f"{payment.id}_{self._id('refund')}",
            "status": "PENDING",
            "amount_money": amount,
            "payment_id": payment.id,
            "order_id": payment.order_id,
            "location_id": LOCATION,
            "reason": reason,
            "created_at": self._time(),
            "updated_at": self._time(),
        }
        self._refunds[refund["id"]] = refund
        self._ledger.record("refund", id=refund["id"], payment=payment.id, **amount)
        answer = {"refund": dict(refund)}
        self._tell("refund.created", "refund", refund["id"], dict(refund))
        payment.refunded_money = amount | {"amount": gone + amount["amount"]}
        payment.refund_ids = [*(payment.refund_ids or []), refund["id"]]
        self._refunded(refund, "COMPLETED")
        self._say("payment.updated", payment)
        return answer

    def get_refund(self, identifier: str) -> dict[str, Any]:
        """`GET /v2/refunds/:id`."""
        return {"refund": found_in(self._refunds, identifier)}

    def create_link(self, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/online-checkout/payment-links`."""
        asked = fields.inner("order")
        self._check_location(asked)
        order: dict[str, Any] = {
            "location_id": LOCATION,
            "reference_id": asked.text_or_none("reference_id", "Is too long.", _REFERENCE),
            "customer_id": asked.text_or_none("customer_id", "Not an ID.", _TEXT),
        }
        total = _total(asked)
        asked.finish()
        options = fields.inner_or_none("checkout_options")
        redirect = options and options.text_or_none("redirect_url", "Not a URL.", _URL)
        if options is not None:
            options.finish()
        link: dict[str, Any] = {
            "id": self._id("link"),
            "version": 1,
            "order_id": self._order(order, total)["id"],
            "description": fields.text_or_none("description", "Is too long.", _TEXT),
            "payment_note": fields.text_or_none("payment_note", "Is too long.", _TEXT),
            "checkout_options": {"redirect_url": redirect},
            "created_at": self._time(),
        }
        link["url"] = f"https://square.link.example/u/{link['id']}"
        fields.finish()
        self._links[link["id"]] = link
        reference = order["reference_id"]
        self._ledger.record("checkout", id=link["id"], reference=reference, **total)
        orders = [self._orders[link["order_id"]]]
        return {"payment_link": link, "related_resources": {"orders": orders}}

    def get_link(self, identifier: str) -> dict[str, Any]:
        """`GET /v2/online-checkout/payment-links/:id`."""
        return {"payment_link": found_in(self._links, identifier)}

    def get_order(self, identifier: str) -> dict[str, Any]:
        """`GET /v2/orders/:id`."""
        return {"order": found_in(self._orders, identifier)}

    def create_customer(self, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/customers`."""
        customer: dict[str, Any] = {"id": self._id("customer")}
        for name in ("email_address", "given_name", "reference_id"):
            customer[name] = fields.text_or_none(name, "Is too long.", _TEXT)
        fields.finish()
        self._customers[customer["id"]] = customer
        return {"customer": customer}

    def create_card(self, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/cards`: the card is checked with the bank."""
        source = fields.text("source_id", "A source is needed.", _TEXT)
        card = fields.inner("card")
        customer = card.text("customer_id", "A customer is needed.", _TEXT)
        card.finish()
        fields.finish()
        if customer not in self._customers:
            raise SquareRefusedError("CUSTOMER_NOT_FOUND", "There is none.", status=404)
        if declined := declined_by(source, None):
            raise SquareRefusedError(declined, "Declined.", category="PAYMENT_METHOD_ERROR")
        identifier = f"ccof:{self._id('card')}"
        self._cards[identifier] = (source, customer)
        kept = {"id": identifier, "customer_id": customer, "enabled": True}
        return {"card": kept | {"card_brand": "VISA", "last_4": "1111"}}

    def disable_card(self, identifier: str, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/cards/:id/disable`: nobody can charge it any more."""
        fields.finish()
        source, owner = found_in(self._cards, identifier)
        self._cards[identifier] = (source, owner if owner.startswith("-") else f"-{owner}")
        card = {"id": identifier, "customer_id": owner.removeprefix("-"), "enabled": False}
        return {"card": card}

    # What customers, sellers and banks can do

    def pay_on_page(self, link_id: str, source: str = GOOD) -> None:
        """A customer pays on a page.

        Raises:
            SquareRefusedError: the card is declined, or nobody can pay on the page any more.
        """
        link = found_in(self._links, link_id)
        order = self._orders[link["order_id"]]
        if order["state"] != "DRAFT":
            raise SquareRefusedError("CHECKOUT_EXPIRED", "The page has ended.")
        facts = {"customer_id": order.get("customer_id"), "note": link["payment_note"]}
        paid = self._pay(source, order, facts, True, None)["payment"]
        order["state"] = "OPEN"  # until the goods are on their way
        order["tenders"] = [{"id": paid["id"], "payment_id": paid["id"], "type": "CARD"}]

    def cancel_page(self, link_id: str) -> None:
        """The seller cancels the order of a page."""
        self._orders[found_in(self._links, link_id)["order_id"]]["state"] = "CANCELED"

    def fail_refund(self, identifier: str) -> None:
        """The customer's bank does not take a refund."""
        refund = self._refunds[identifier]
        payment = self._payment(refund["payment_id"])
        before = payment.refunded_money or {}
        left = before["amount"] - refund["amount_money"]["amount"]
        payment.refunded_money = before | {"amount": left}
        self._refunded(refund, "REJECTED")
        self._say("payment.updated", payment)

    def dispute(self, identifier: str, state: str = "EVIDENCE_REQUIRED") -> None:
        """A customer's bank questions a payment, or has got so far with it."""
        payment = self._payment(identifier)
        dispute: dict[str, Any] = {
            "id": f"dispute{payment.id}",
            "amount_money": payment.total_money,
            "reason": "NOT_RECEIVED",
            "state": state,
            "due_at": self._time(),
            "disputed_payment": {"payment_id": payment.id},
            "location_id": LOCATION,
        }
        event = "created" if state == "EVIDENCE_REQUIRED" else "state.updated"
        self._tell(f"dispute.{event}", "dispute", dispute["id"], dispute)

    # How it comes about

    def _pay(
        self,
        source: str,
        order: dict[str, Any],
        facts: dict[str, Any],
        autocomplete: bool,
        verified: str | None,
    ) -> dict[str, Any]:
        amount, declined = order["total_money"], declined_by(source, verified)
        payment = SquarePayment(
            id=self._id("payment"),
            created_at=self._time(),
            updated_at=self._time(),
            amount_money=amount,
            total_money=amount,
            status="FAILED" if declined else "APPROVED",
            order_id=order["id"],
            approved_money=None if declined else amount,
            card_details={"status": "FAILED" if declined else "AUTHORIZED"},
            **facts,
        )
        self._payments[payment.id] = payment
        if declined:
            error = {"category": "PAYMENT_METHOD_ERROR", "code": declined, "detail": "Declined."}
            payment.card_details = {"status": "FAILED", "errors": [error]}
            self._ledger.record("decline", payment=payment.id, code=declined)
            self._say("payment.updated", payment)
            category = "PAYMENT_METHOD_ERROR"
            shown = plain(payment)
            raise SquareRefusedError(declined, "Declined.", category=category, payment=shown)
        reference = payment.reference_id or payment.note
        self._ledger.record("charge", id=payment.id, reference=reference, **amount)
        self._say("payment.created", payment)
        if autocomplete:
            self._complete(payment)
        return {"payment": plain(payment)}

    def _complete(self, payment: SquarePayment) -> None:
        payment.status, payment.receipt_number = "COMPLETED", payment.id[-4:]
        payment.card_details = {"status": "CAPTURED"}
        self._say("payment.updated", payment)

    def _refunded(self, refund: dict[str, Any], status: str) -> None:
        refund["status"] = status
        self._tell("refund.updated", "refund", refund["id"], dict(refund))

    def _order(self, facts: dict[str, Any], total: dict[str, Any]) -> dict[str, Any]:
        order: dict[str, Any] = {
            "id": self._id("order"),
            "state": "DRAFT",
            "total_money": total,
            **facts,
        }
        self._orders[order["id"]] = order
        return order

    def _approved(self, identifier: str, fields: JsonFields) -> SquarePayment:
        fields.take("version_token")
        fields.finish()
        payment = self._payment(identifier)
        if payment.status != "APPROVED":
            raise SquareRefusedError("BAD_REQUEST", f"The payment is {payment.status}.")
        return payment

    def _payment(self, identifier: str) -> SquarePayment:
        return found_in(self._payments, identifier)

    def _check_location(self, fields: JsonFields) -> None:
        if fields.take("location_id") not in {None, LOCATION}:
            raise refuse("Not a location of this seller.", "location_id")

    def _say(self, event_type: str, payment: SquarePayment) -> None:
        payment.updated_at = self._time()
        self._tell(event_type, "payment", payment.id, plain(payment))

    def _time(self) -> str:
        moment = datetime.fromtimestamp(self._now(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}FAKE{self._count:06d}"


def _total(order: JsonFields) -> dict[str, Any]:
    """What the lines of an order come to, all in one currency."""
    totals: dict[str, int] = {}
    for line in order.each("line_items"):
        line.text("name", "Is too long.", _NAME)
        quantity = int(line.text("quantity", "Not a number.", _QUANTITY))
        price = money_of(line, "base_price_money")
        line.finish()
        totals[price["currency"]] = totals.get(price["currency"], 0) + price["amount"] * quantity
    if len(totals) != 1:
        raise order.refusal("Lines of one currency are needed.", "line_items")
    ((currency, amount),) = totals.items()
    return {"amount": amount, "currency": currency}
