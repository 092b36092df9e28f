"""Stripe's hosted pages: https://docs.stripe.com/api/checkout/sessions/create, read 2026-12-01."""

from collections.abc import Callable
from typing import Any, final

import msgspec

from hardpoint.fakes.fields import Fields
from hardpoint.fakes.ledger import Ledger
from hardpoint.providers.stripe.fake_account import Account, Tell
from hardpoint.providers.stripe.fake_objects import (
    ObjectRefusedError,
    amount_of,
    currency_of,
    finish,
    plain,
)

PAGE_SECONDS = 24 * 3600
_NAME_CHARACTERS_MAX = 250


class FakeSession(msgspec.Struct):
    """A page."""

    id: str
    amount_total: int
    currency: str
    created: int
    expires_at: int
    success_url: str
    cancel_url: str | None
    customer: str | None
    metadata: dict[str, str]
    url: str | None
    object: str = "checkout.session"
    mode: str = "payment"
    status: str = "open"
    payment_status: str = "unpaid"
    payment_intent: str | None = None
    livemode: bool = False


@final
class Pages:
    """The pages of one account.

    Args:
        account: whose payments come of them.
        ledger: told every page that is made.
        now: Unix seconds.
        tell: told every event.
    """

    def __init__(
        self, account: Account, ledger: Ledger, now: Callable[[], float], tell: Tell
    ) -> None:
        self._account = account
        self._ledger = ledger
        self._now = now
        self._tell = tell
        self._sessions: dict[str, FakeSession] = {}
        self._intents: dict[str, dict[str, Any]] = {}

    def create(self, fields: Fields) -> dict[str, Any]:
        """`POST /v1/checkout/sessions`."""
        if fields.take("mode") != "payment":
            raise ObjectRefusedError(None, "This fake takes payments only.", param="mode")
        total, currency = _total(fields.texts("line_items"))
        intent = Fields(fields.take("payment_intent_data") or {})
        own = {"description": intent.take("description"), "metadata": intent.texts("metadata")}
        finish(intent)
        identifier = f"cs_test_fake{len(self._sessions) + 1:06d}"
        session = FakeSession(
            id=identifier,
            amount_total=total,
            currency=currency,
            created=int(self._now()),
            expires_at=int(self._now()) + PAGE_SECONDS,
            success_url=_address(fields, "success_url") or "",
            cancel_url=_address(fields, "cancel_url"),
            customer=fields.take("customer"),
            metadata=fields.texts("metadata"),
            url=f"https://checkout.stripe.example/c/pay/{identifier}",
        )
        finish(fields)
        if not session.success_url:
            raise ObjectRefusedError(
                "parameter_missing", "Missing required param.", param="success_url"
            )
        self._sessions[identifier], self._intents[identifier] = session, own
        reference = session.metadata.get("reference")
        self._ledger.record(
            "checkout", id=identifier, amount=total, currency=currency, reference=reference
        )
        return plain(session)

    def get(self, identifier: str, fields: Fields) -> dict[str, Any]:
        """`GET /v1/checkout/sessions/:id`."""
        finish(fields)
        return plain(self._session(identifier))

    def pay(self, identifier: str, payment_method: str = "pm_card_visa") -> None:
        """A customer pays on a page; who is declined may try again there.

        Raises:
            ObjectRefusedError: the card is declined, or the page is not open any more.
        """
        session = self._session(identifier)
        if session.status != "open":
            raise ObjectRefusedError(None, f"The session is {session.status}.")
        if session.payment_intent is None:
            intent = {
                "amount": str(session.amount_total),
                "currency": session.currency,
                "customer": session.customer,
                **self._intents[identifier],
            }
            session.payment_intent = self._account.create(Fields(intent))["id"]
        form = {"payment_method": payment_method, "return_url": session.success_url}
        self._account.confirm(session.payment_intent or "", Fields(form))
        self._end(session, "complete", "paid", "completed")

    def expire(self, identifier: str) -> None:
        """Nobody has paid in time."""
        self._end(self._session(identifier), "expired", "unpaid", "expired")

    def _end(self, session: FakeSession, status: str, payment_status: str, told: str) -> None:
        session.status, session.payment_status, session.url = status, payment_status, None
        self._tell(f"checkout.session.{told}", plain(session), {})

    def _session(self, identifier: str) -> FakeSession:
        session = self._sessions.get(identifier)
        if session is None:
            raise ObjectRefusedError(
                "resource_missing", "No such checkout.session.", status=404, param="session"
            )
        return session


def _total(lines: dict[str, Any]) -> tuple[int, str]:
    """What the lines come to, all in one currency."""
    total, currencies = 0, set[str]()
    for line in lines.values():
        fields = Fields(line)
        price = Fields(fields.take("price_data") or {})
        quantity = fields.take("quantity") or ""
        currency = currency_of(price.take("currency"))
        amount = price.take("unit_amount") or ""
        name = price.texts("product_data").get("name", "")
        finish(price)
        finish(fields)
        if not (quantity.isdecimal() and amount.isdecimal() and int(quantity)):
            raise ObjectRefusedError("parameter_invalid_integer", "Not one.", param="line_items")
        if not 0 < len(name) <= _NAME_CHARACTERS_MAX:
            raise ObjectRefusedError(None, "Invalid name.", param="line_items")
        total += int(amount) * int(quantity)
        currencies.add(currency)
    if len(currencies) != 1:
        raise ObjectRefusedError(None, "All lines need one currency.", param="line_items")
    (currency,) = currencies
    return amount_of(str(total), currency), currency


def _address(fields: Fields, name: str) -> str | None:
    address = fields.take(name)
    if address is not None and not address.startswith(("https://", "http://")):
        raise ObjectRefusedError("url_invalid", "Not a valid URL", param=name)
    return address
