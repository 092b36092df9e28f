"""Stripe's customers, and means that are kept with them: customers and SetupIntents.

https://docs.stripe.com/api/setup_intents/create, read 2026-12-01.
"""

from typing import Any, final

from hardpoint.fakes.fields import Fields
from hardpoint.providers.stripe.fake_account import Account, Tell
from hardpoint.providers.stripe.fake_cards import DECLINES, check_card, declined_card
from hardpoint.providers.stripe.fake_objects import ObjectRefusedError, expanded, finish


@final
class Customers:
    """Those of one account.

    Args:
        account: where their means are charged.
        tell: told every event.
    """

    def __init__(self, account: Account, tell: Tell) -> None:
        self._account = account
        self._tell = tell
        self._customers: dict[str, dict[str, Any]] = {}

    def create(self, fields: Fields) -> dict[str, Any]:
        """`POST /v1/customers`."""
        identifier = f"cus_fake{len(self._customers) + 1:06d}"
        customer: dict[str, Any] = {
            "id": identifier,
            "object": "customer",
            "email": fields.take("email"),
            "name": fields.take("name"),
            "metadata": fields.texts("metadata"),
        }
        finish(fields)
        self._customers[identifier] = customer
        self._tell("customer.created", customer, {})
        return customer

    def method(self, identifier: str) -> dict[str, Any]:
        """`GET /v1/payment_methods/:id`."""
        if identifier not in self._account.saved:
            raise ObjectRefusedError("resource_missing", "No such PaymentMethod.", status=404)
        owner = self._account.saved[identifier][1] or None
        kept = {"id": identifier, "object": "payment_method", "type": "card"}
        return kept | {"card": {"brand": "visa", "last4": "4242"}, "customer": owner}

    def detach(self, identifier: str, fields: Fields) -> dict[str, Any]:
        """`POST /v1/payment_methods/:id/detach`."""
        finish(fields)
        if self.method(identifier)["customer"] is None:
            raise ObjectRefusedError(None, "It is not attached, so detachment is impossible.")
        self._account.saved[identifier] = (self._account.saved[identifier][0], "")
        found = self.method(identifier)
        self._tell("payment_method.detached", found, {})
        return found

    def save(self, fields: Fields) -> dict[str, Any]:
        """`POST /v1/setup_intents`, confirmed at once."""
        customer, method = fields.take("customer"), fields.take("payment_method") or ""
        on_page = fields.texts("automatic_payment_methods").get("allow_redirects") == "never"
        confirmed = fields.take("confirm") == "true" and on_page
        fields.take("usage")
        whole = "payment_method" in expanded(fields)
        finish(fields)
        if customer not in self._customers:
            raise ObjectRefusedError(
                "resource_missing", "No such customer.", status=404, param="customer"
            )
        check_card(method)
        if not confirmed:
            raise ObjectRefusedError(None, "This fake confirms at once.", param="confirm")
        if declined := DECLINES.get(method):
            raise declined_card(declined)
        count = len(self._account.saved) + 1
        identifier = f"pm_fake{count:06d}"
        self._account.saved[identifier] = (method, customer)
        card = {"brand": "visa", "last4": "4242"}
        kept = {"id": identifier, "object": "payment_method", "type": "card", "card": card}
        setup = {
            "id": f"seti_fake{count:06d}",
            "object": "setup_intent",
            "status": "succeeded",
            "customer": customer,
            "payment_method": kept if whole else identifier,
        }
        self._tell("setup_intent.succeeded", setup | {"payment_method": identifier}, {})
        return setup
