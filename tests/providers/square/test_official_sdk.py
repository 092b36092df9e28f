"""Square's own package as an oracle: it signs as we do, sends what we send, and takes our fake."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from square import Square
from square.core.api_error import ApiError
from square.utils.webhooks_helper import verify_signature

from hardpoint.core.money import Money
from hardpoint.fakes.messages import FakeReply
from hardpoint.payments.types import (
    Capture,
    CheckoutItem,
    NewCheckout,
    NewCustomer,
    NewPayment,
    RefundReason,
)
from hardpoint.providers.square import API_VERSION
from hardpoint.providers.square.fake import ACCESS_TOKEN
from hardpoint.providers.square.fake_objects import LOCATION
from hardpoint.webhooks import WebhookRequest, scheme

TEN = Money("10", "EUR")
MONEY = {"amount": 1000, "currency": "EUR"}
URL = "https://shop.example/webhooks/square"
KEY = "asdf1234"
GOOD = "cnon:card-nonce-ok"
ONCE = {"max_retries": 0}
VECTORS = [
    (
        "signature-key",
        "https://webhook.site/webhooks",
        '{"data":{"type":"webhooks","id":">id<"}}',
        "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=",
    ),
    (
        "Ibxx_5AKakO-3qeNVR61Dw",
        "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9",
        (
            '{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification",'
            '"event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f",'
            '"created_at":"2022-07-13T20:30:59.037339943Z",'
            '"data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}'
        ),
        "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=",
    ),
]
"""What the package's own tests hold it to."""


@pytest.fixture
def sdk():
    with httpx.Client(trust_env=False) as client:
        yield lambda url: Square(
            token=ACCESS_TOKEN, base_url=url, version=API_VERSION, httpx_client=client
        )


@pytest.mark.parametrize(("key", "url", "body", "signature"), VECTORS)
def test_the_published_examples_are_signed_as_they_are(key, url, body, signature):
    bound = scheme("square", secrets=[key], url=url)
    signed = bound.sign(body.encode(), now=0, event_id="", event_type="")
    assert list(signed) == [("x-square-hmacsha256-signature", signature)]


@given(st.text(min_size=1, max_size=60))
def test_it_verifies_what_we_sign(body):
    bound = scheme("square", secrets=[KEY], url=URL)
    ((_, signature),) = bound.sign(body.encode(), now=0, event_id="", event_type="")
    assert verify_signature(
        request_body=body, signature_header=signature, signature_key=KEY, notification_url=URL
    )
    request = WebhookRequest(
        headers=[("X-Square-HmacSha256-Signature", signature)], body=body.encode()
    )
    bound.verify(request, now=0)


def test_it_sends_what_we_send(scripted, sdk):
    payment = {
        "id": "p1",
        "status": "COMPLETED",
        "created_at": "2026-12-01T00:00:00Z",
        "amount_money": MONEY,
    }
    refund = {"id": "r1", "status": "PENDING", "payment_id": "p1", "amount_money": MONEY}
    scripted.vendor.reply = FakeReply.json({"payment": payment, "refund": refund})
    client, driver = sdk(scripted.server.url), scripted.driver()
    new = NewPayment(
        amount=TEN,
        payment_method=GOOD,
        capture=Capture.MANUAL,
        customer="C1",
        reference="order 1&2",
        description="Größe",
        extra={"verification_token": "verf:1"},
    )
    client.payments.create(
        source_id=GOOD,
        idempotency_key="k",
        amount_money=MONEY,
        autocomplete=False,
        location_id=LOCATION,
        customer_id="C1",
        reference_id="order 1&2",
        note="Größe",
        verification_token="verf:1",
        request_options=ONCE,
    )
    scripted.do(driver.create_payment(new, idempotency_key="k"))
    client.payments.complete("p1", request_options=ONCE)
    scripted.do(driver.capture("p1", None, idempotency_key="k"))
    client.payments.cancel("p1", request_options=ONCE)
    scripted.do(driver.void("p1", idempotency_key="k"))
    client.payments.get("p1", request_options=ONCE)
    scripted.do(driver.get_payment("p1"))
    client.refunds.refund_payment(
        idempotency_key="k",
        amount_money=MONEY,
        payment_id="p1",
        reason="requested by customer",
        request_options=ONCE,
    )
    reason = RefundReason.REQUESTED_BY_CUSTOMER
    scripted.do(driver.refund("p1", TEN, reason=reason, idempotency_key="k"))
    client.refunds.get("r1", request_options=ONCE)
    scripted.do(driver.get_refund("r1"))
    for theirs, ours in zip(*[iter(scripted.vendor.received)] * 2, strict=True):
        assert (ours.method, ours.target) == (theirs.method, theirs.target)
        assert document(ours) == document(theirs)
        for name in ("authorization", "square-version"):
            assert ours.headers[name] == theirs.headers[name]


def document(request):
    return request.json() if request.body else {}


def test_its_page_is_ours(scripted, sdk):
    link = {"id": "l1", "order_id": "o1", "version": 1}
    order = {"id": "o1", "location_id": LOCATION, "state": "DRAFT", "total_money": MONEY}
    scripted.vendor.reply = FakeReply.json({"payment_link": link, "order": order})
    sdk(scripted.server.url).checkout.payment_links.create(
        idempotency_key="k",
        description="Two",
        order={
            "location_id": LOCATION,
            "reference_id": "order-1",
            "line_items": [{"name": "A", "quantity": "2", "base_price_money": MONEY}],
        },
        checkout_options={"redirect_url": "https://shop.example/back?a=1"},
        payment_note="Reference order-1",
        request_options=ONCE,
    )
    new = NewCheckout(
        items=(CheckoutItem(name="A", amount=TEN, quantity=2),),
        amount=Money("20", "EUR"),
        success_url="https://shop.example/back?a=1",
        cancel_url="https://shop.example/cart",
        reference="order-1",
        description="Two",
    )
    scripted.do(scripted.driver().create_checkout(new, idempotency_key="k"))
    theirs, ours, read = scripted.vendor.received
    assert (ours.target, ours.json()) == (theirs.target, theirs.json())
    assert read.target == "/v2/orders/o1"


def test_it_works_against_the_fake(account, sdk):
    client, vendor = sdk(account.server.url), account.vendor
    made = client.payments.create(
        source_id=GOOD,
        idempotency_key="k",
        amount_money=MONEY,
        reference_id="order-1",
        autocomplete=False,
        request_options=ONCE,
    ).payment
    assert (made.status, made.amount_money.amount) == ("APPROVED", 1000)
    assert client.payments.complete(made.id, request_options=ONCE).payment.status == "COMPLETED"
    refund = client.refunds.refund_payment(
        idempotency_key="r", amount_money=MONEY, payment_id=made.id, request_options=ONCE
    ).refund
    assert refund.status == "PENDING"
    assert client.refunds.get(refund.id, request_options=ONCE).refund.status == "COMPLETED"
    read = client.payments.get(made.id, request_options=ONCE).payment
    assert (read.refunded_money.amount, read.refund_ids) == (1000, [refund.id])
    assert [one.id for one in client.payments.list(sort_order="ASC", limit=1)] == [made.id]
    with pytest.raises(ApiError) as caught:
        client.payments.create(
            source_id="cnon:card-nonce-declined",
            idempotency_key="d",
            amount_money=MONEY,
            request_options=ONCE,
        )
    assert caught.value.status_code == 400
    assert caught.value.body["errors"][0]["code"] == "GENERIC_DECLINE"
    page = client.checkout.payment_links.create(
        idempotency_key="p",
        order={
            "location_id": LOCATION,
            "line_items": [{"name": "A", "quantity": "1", "base_price_money": MONEY}],
        },
        request_options=ONCE,
    )
    assert page.related_resources.orders[0].state == "DRAFT"
    vendor.account.pay_on_page(page.payment_link.id)
    order = client.orders.get(page.payment_link.order_id, request_options=ONCE).order
    assert vendor.ledger.count("charge", id=order.tenders[0].payment_id) == 1


def test_it_keeps_cards_as_we_do(scripted, sdk):
    customer = {"id": "C1", "email_address": "ann@customer.example"}
    card = {"id": "ccof:1", "customer_id": "C1", "card_brand": "VISA", "last_4": "1111"}
    scripted.vendor.reply = FakeReply.json({"customer": customer, "card": card})
    client, driver = sdk(scripted.server.url), scripted.driver()
    client.customers.create(
        idempotency_key="k",
        email_address="ann@customer.example",
        given_name="Ann Lee",
        reference_id="7",
        request_options=ONCE,
    )
    new = NewCustomer(email="ann@customer.example", name="Ann Lee", reference="7")
    scripted.do(driver.create_customer(new, idempotency_key="k"))
    client.cards.create(
        idempotency_key="k", source_id=GOOD, card={"customer_id": "C1"}, request_options=ONCE
    )
    kept = scripted.do(driver.save_method("C1", GOOD, idempotency_key="k"))
    assert (kept.id, kept.customer, kept.hint) == ("ccof:1", "C1", "visa 1111")
    for theirs, ours in zip(*[iter(scripted.vendor.received)] * 2, strict=True):
        assert (ours.target, ours.json()) == (theirs.target, theirs.json())
