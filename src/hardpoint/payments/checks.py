"""What the payments port refuses before anything is sent, each by the name of its argument."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from hardpoint.core.arguments import NUMBER, PAIRS, TEXT, expect
from hardpoint.core.capabilities import Capabilities
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import MinorUnits, Money
from hardpoint.http.extras import text_pairs
from hardpoint.payments.driver import PaymentCapability, PaymentDriver
from hardpoint.payments.types import Capture, CheckoutItem, NewCustomer, NewPayment

ITEMS_MAX = 100
"""How many lines a hosted page may have."""
QUANTITY_MAX = 10_000
ITEM_NAME_CHARACTERS_MAX = 250
_EMAIL_CHARACTERS_MAX = 254
_NAME_CHARACTERS_MAX = 256
_URL_CHARACTERS_MAX = 2048
_TOKEN = re.compile(r"[!-~]{1,255}", re.ASCII)
_ANY_URL = re.compile(r"[a-z][a-z0-9+.-]*://[!-~]+", re.ASCII)
_WEB_URL = re.compile(r"https?://[!-~]+", re.ASCII)
_METADATA_KEY = re.compile(r"[\w.-]+")
_MONEY = 'Money("19.99", "EUR")'


def check_new_payment(driver: PaymentDriver, new: NewPayment) -> None:
    """Refuse a payment that this provider cannot take."""
    check_amount(driver.money, new.amount)
    check_token("payment_method", new.payment_method)
    check_url("return_url", new.return_url)
    check_whose(driver, new.customer, new.reference, new.description, new.metadata)
    if new.capture is Capture.MANUAL:
        check_can(driver, PaymentCapability.MANUAL_CAPTURE)
    if new.return_url is not None:
        check_can(driver, PaymentCapability.REDIRECT)
    if new.off_session:
        check_can(driver, PaymentCapability.SAVED_METHODS)
        check_there("payment_method", new.payment_method)
        check_there("customer", new.customer)
    elif new.payment_method is None:
        check_can(driver, PaymentCapability.UNCONFIRMED)


def check_confirming(driver: PaymentDriver, method: str | None, return_url: str | None) -> None:
    """Refuse to confirm where nothing can wait for it, or the customer has chosen the means."""
    check_token("payment_method", method)
    check_url("return_url", return_url)
    given = method is not None or return_url is not None
    if given or PaymentCapability.APPROVAL not in driver.capabilities.flags:
        check_can(driver, PaymentCapability.UNCONFIRMED)


def check_new_customer(driver: PaymentDriver, new: NewCustomer) -> None:
    """Refuse a customer whom nobody could find again."""
    most = driver.capabilities.limits["reference_characters"]
    check_label("reference", new.reference, most)
    check_label("email", new.email, _EMAIL_CHARACTERS_MAX)
    check_label("name", new.name, _NAME_CHARACTERS_MAX)
    if not (new.email or new.name or new.reference):
        raise InvalidRequestError("or name or reference must be given", field="email")
    check_can(driver, PaymentCapability.SAVED_METHODS)


def check_saving(driver: PaymentDriver, customer: str, payment_method: str) -> None:
    """Refuse to keep means that are none, or of nobody."""
    check_there("customer", customer)
    check_there("payment_method", payment_method)
    check_token("customer", customer)
    check_token("payment_method", payment_method)
    check_can(driver, PaymentCapability.SAVED_METHODS)


def check_forgetting(driver: PaymentDriver, payment_method: str) -> None:
    """Refuse to forget what cannot be means that are kept."""
    check_there("payment_method", payment_method)
    check_token("payment_method", payment_method)
    check_can(driver, PaymentCapability.SAVED_METHODS)


def check_part(driver: PaymentDriver, amount: Money | None, capability: PaymentCapability) -> None:
    """Refuse a part of a payment that is none, or where the provider knows no parts."""
    if amount is not None:
        check_amount(driver.money, amount)
        check_can(driver, capability)


def check_search(
    driver: PaymentDriver, since: float, reference: str | None, metadata: Mapping[str, str]
) -> None:
    """Refuse to look for anything and everything."""
    check_can(driver, PaymentCapability.FIND)
    expect(since, (int, float), "since", NUMBER)
    check_pairs(metadata)
    expect(reference or "", str, "reference", TEXT)
    if metadata:
        check_can(driver, PaymentCapability.METADATA)
    if reference is None and not metadata:
        raise InvalidRequestError("or metadata must be given", field="reference")


def check_can(driver: PaymentDriver, capability: PaymentCapability) -> None:
    """Refuse what the provider cannot do."""
    driver.capabilities.require(capability, driver.provider)


def check_amount(money: MinorUnits, amount: Money, field: str = "amount") -> int:
    """Refuse what is not more than nothing, in whole minor units; their number."""
    expect(amount, Money, field, _MONEY)
    try:
        count = money.of(amount)
    except InvalidRequestError as error:
        if field != "amount":  # a line of several
            error.field = field
        raise
    if count <= 0:
        raise InvalidRequestError("is not more than zero", field=field)
    return count


def check_token(field: str, text: str | None) -> None:
    """Refuse what cannot be a provider's token or id."""
    if text is None:
        return
    expect(text, str, field, TEXT)
    if not _TOKEN.fullmatch(text):
        raise InvalidRequestError("is not 1 to 255 visible ASCII characters", field=field)


def check_there(field: str, text: str | None) -> None:
    """Refuse what is missing."""
    if text is None:
        raise InvalidRequestError("is missing", field=field)


def check_label(field: str, text: str | None, most: int) -> None:
    """Refuse what people cannot read, or what is too long."""
    if text is None:
        return
    expect(text, str, field, TEXT)
    if not (text.strip() and text.isprintable() and len(text) <= most):
        raise InvalidRequestError(f"is not 1 to {most} printable characters", field=field)


def check_metadata(metadata: Mapping[str, str], capabilities: Capabilities) -> None:
    """Refuse what the provider would cut or lose."""
    limits = capabilities.limits
    if len(metadata) > limits["metadata_keys"]:
        raise InvalidRequestError(f"has more than {limits['metadata_keys']} keys", field="metadata")
    for key, value, field in text_pairs(metadata, field="metadata"):
        if not _METADATA_KEY.fullmatch(key) or len(key) > limits["metadata_key_characters"]:
            raise InvalidRequestError("is not a usable key", field=field)
        if key == "reference":
            raise InvalidRequestError("is the argument of that name", field=field)
        if len(value) > limits["metadata_value_characters"]:
            raise InvalidRequestError("is too long", field=field)


def check_whose(
    driver: PaymentDriver,
    customer: str | None,
    reference: str | None,
    description: str | None,
    metadata: Mapping[str, str],
) -> None:
    """Refuse what cannot be yours in a payment, or not at this provider."""
    capabilities = driver.capabilities
    check_token("customer", customer)
    check_label("reference", reference, capabilities.limits["reference_characters"])
    check_label("description", description, capabilities.limits["description_characters"])
    check_pairs(metadata)
    if metadata:
        check_can(driver, PaymentCapability.METADATA)
        check_metadata(metadata, capabilities)
    if customer is not None:
        check_can(driver, PaymentCapability.CUSTOMER)


def check_pairs(metadata: Mapping[str, str]) -> None:
    """Refuse what is no mapping."""
    expect(metadata, Mapping, "metadata", PAIRS)


def check_url(field: str, url: str | None, *, web: bool = False) -> None:
    """Refuse what is no absolute URL; `web`: of http or https, with a host."""
    if url is None:
        return
    expect(url, str, field, TEXT)
    form = _WEB_URL if web else _ANY_URL
    if len(url) > _URL_CHARACTERS_MAX or not form.fullmatch(url) or (web and not _hosted(url)):
        raise InvalidRequestError("is not a URL", field=field)


def _hosted(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def checked_items(
    money: MinorUnits, amount: Money | None, items: Sequence[CheckoutItem], name: str
) -> tuple[tuple[CheckoutItem, ...], Money]:
    """The lines of a page, and what they come to.

    Args:
        money: how the provider counts.
        amount: for one line that is called `name`.
        items: or the lines.
        name: see above.

    Raises:
        InvalidRequestError: both or none are given, or one of them cannot be sold.
    """
    expect(items, Sequence, "items", "a list of CheckoutItem")
    if (amount is None) is not bool(items):
        raise InvalidRequestError("or items must be given, and not both", field="amount")
    if amount is not None:
        check_amount(money, amount)
        return (CheckoutItem(name=name[:ITEM_NAME_CHARACTERS_MAX], amount=amount),), amount
    if len(items) > ITEMS_MAX:
        raise InvalidRequestError(f"are more than {ITEMS_MAX}", field="items")
    count, currency = 0, None
    for place, item in enumerate(items):
        field = f"items[{place}]"
        expect(item, CheckoutItem, field, 'CheckoutItem(name="A book", amount=...)')
        check_label(f"{field}.name", item.name, ITEM_NAME_CHARACTERS_MAX)
        expect(item.quantity, int, f"{field}.quantity", "a whole number")
        if not 1 <= item.quantity <= QUANTITY_MAX:
            raise InvalidRequestError(f"is not 1 to {QUANTITY_MAX}", field=f"{field}.quantity")
        count += check_amount(money, item.amount, f"{field}.amount") * item.quantity
        if currency not in {None, item.amount.currency}:
            raise InvalidRequestError("is of another currency", field=f"{field}.amount")
        currency = item.amount.currency
    total = money.money(count, currency or "")
    check_amount(money, total, "items")
    return tuple(items), total
