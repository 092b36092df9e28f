"""What the fake account refuses, and the tokens that say how a payment ends.

The names of declines are those of https://developer.paypal.com/tools/sandbox/card-testing/, where
they stand for the card holder's; here they are tokens of the vault.
"""

import re
from decimal import Decimal
from typing import Any

from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.vendors import Trigger
from hardpoint.providers.paypal.reading import MONEY

GOOD = "vault-good"
CHALLENGED = "vault-3ds"
"""The bank wants to ask the customer."""
REFUSED = "vault-refused"
"""Refused before there is a capture: 422."""
DECLINED = {
    "CCREJECT-REFUSED": "0500",
    "CCREJECT-SF": "9500",
    "CCREJECT-BANK_ERROR": "5100",
    "CCREJECT-CVV_F": "00N7",
    "CCREJECT-EC": "5400",
    "CCREJECT-IF": "5120",
    "CCREJECT-LS": "9520",
    "CCREJECT-IA": "1330",
}
"""A capture that is declined, in an answer of 201, and what the bank says."""
TRIGGERS = (
    Trigger(field="payment_method", value=f"card:{GOOD}", answer="succeeds"),
    Trigger(field="payment_method", value=f"card:{REFUSED}", answer="422 INSTRUMENT_DECLINED"),
    Trigger(field="payment_method", value=f"card:{CHALLENGED}", answer="201 PAYER_ACTION_REQUIRED"),
    *(
        Trigger(field="payment_method", value=f"card:{token}", answer=f"201 DECLINED {code}")
        for token, code in DECLINED.items()
    ),
)
TEXT = re.compile(r"(?s).{1,127}")
NOTE = re.compile(r"(?s).{1,255}")
URL = re.compile(r"https?://[!-~]{1,2040}", re.ASCII)
TOKEN = re.compile(r"[0-9a-zA-Z_-]{1,255}", re.ASCII)
_QUANTITY = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_VALUE = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_MEANS = ("card", "paypal", "venmo", "apple_pay")
_OF_A_PAGE = ("shipping_preference", "user_action", "brand_name", "locale", "landing_page")
_WITHOUT_EFFECT = ("attributes", "stored_credential")
_NAMES = {400: "INVALID_REQUEST", 404: "RESOURCE_NOT_FOUND", 415: "UNSUPPORTED_MEDIA_TYPE"}


class PayPalRefusedError(Exception):
    """What PayPal answers instead."""

    def __init__(self, issue: str, told: str, field: str = "", *, status: int = 422) -> None:
        super().__init__(told)
        self.status = status
        about = {"issue": issue, "description": told}
        self.body: dict[str, Any] = {
            "name": _NAMES.get(status, "UNPROCESSABLE_ENTITY"),
            "message": "The requested action could not be performed.",
            "debug_id": "fake-debug",
            "details": [about | ({"field": f"/{field}", "location": "body"} if field else {})],
            "links": [],
        }


def refuse(problem: str, field: str) -> PayPalRefusedError:
    """A field is not what it should be."""
    pointer = field.replace(".", "/")
    return PayPalRefusedError("INVALID_PARAMETER_VALUE", problem, pointer, status=400)


def money_or_none(fields: JsonFields, name: str) -> dict[str, str] | None:
    """An amount that is more than nothing; None where the field is missing."""
    inner = fields.inner_or_none(name)
    if inner is None:
        return None
    amount = money_of(inner, name)
    inner.finish()
    return amount


def money_of(fields: JsonFields, name: str) -> dict[str, str]:
    """The amount that these fields are, perhaps among others."""
    currency, value = fields.take("currency_code"), fields.take("value")
    exponent = MONEY.exponents.get(str(currency))
    if exponent is None:
        raise PayPalRefusedError("INVALID_CURRENCY_CODE", "Not taken.", f"{name}/currency_code")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise refuse("Not a decimal text.", f"{name}.value")
    if Decimal(value) <= 0:
        raise PayPalRefusedError("CANNOT_BE_ZERO_OR_NEGATIVE", "More, please.", f"{name}/value")
    if len(value.partition(".")[2]) > exponent:
        raise PayPalRefusedError("DECIMAL_PRECISION", "Too many decimals.", f"{name}/value")
    return amount_in(str(currency), Decimal(value))


def amount_in(currency: str, value: Decimal) -> dict[str, str]:
    """As PayPal writes it."""
    exponent = MONEY.exponents[currency]
    return {"currency_code": currency, "value": f"{value:.{exponent}f}"}


def unit_of(fields: JsonFields) -> dict[str, Any]:
    """A purchase unit, whose lines come to what it says."""
    whole = fields.inner("amount")
    amount = money_of(whole, "amount")
    breakdown = whole.inner_or_none("breakdown")
    total = breakdown and money_or_none(breakdown, "item_total")
    if breakdown is not None:
        breakdown.finish()
    if total is not None and total != amount:
        raise PayPalRefusedError("AMOUNT_MISMATCH", "Not the item total.", "amount/value")
    whole.finish()
    unit: dict[str, Any] = {
        "reference_id": "default",
        "amount": amount,
        "custom_id": fields.text_or_none("custom_id", "Is too long.", TEXT),
        "description": fields.text_or_none("description", "Is too long.", TEXT),
        "invoice_id": fields.text_or_none("invoice_id", "Is too long.", TEXT),
    }
    items = [_item(one) for one in fields.each("items")]
    if items and total is None:
        raise PayPalRefusedError("ITEM_TOTAL_REQUIRED", "A total is needed.", "amount/breakdown")
    come_to = sum(Decimal(one["unit_amount"]["value"]) * int(one["quantity"]) for one in items)
    if items and come_to != Decimal(amount["value"]):
        raise PayPalRefusedError("ITEM_TOTAL_MISMATCH", "They come to more or less.", "items")
    fields.finish()
    return unit | ({"items": items} if items else {})


def _item(fields: JsonFields) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": fields.text("name", "Is too long.", TEXT),
        "quantity": fields.text("quantity", "Not a number.", _QUANTITY),
        "unit_amount": money_or_none(fields, "unit_amount"),
    }
    fields.finish()
    return item


def source_of(fields: JsonFields) -> tuple[str, str | None]:
    """What is paid by, and the token of the vault if there is one."""
    for means in _MEANS:
        inner = fields.inner_or_none(means)
        if inner is None:
            continue
        token = inner.text_or_none("vault_id", "Not a token.", TOKEN)
        page = inner.inner_or_none("experience_context")
        if page is not None:
            for name in ("return_url", "cancel_url"):
                page.text_or_none(name, "Not a URL.", URL)
            for name in _OF_A_PAGE:
                page.take(name)
            page.finish()
        for name in _WITHOUT_EFFECT:
            inner.take(name)
        inner.finish()
        fields.finish()
        return means, token
    raise fields.refusal("One of them is needed.")


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """An object as JSON shows it."""
    return {name: one for name, one in found.items() if not name.startswith("_")}
