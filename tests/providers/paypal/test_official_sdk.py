"""PayPal's own library as an oracle: it sends what we send, and takes our fake.

It has no address but PayPal's own, so its configuration is told another.
"""

import json
from importlib import import_module

import pytest

from hardpoint.core.money import Money
from hardpoint.fakes.messages import FakeReply
from hardpoint.payments.types import CheckoutItem, NewCheckout, RefundReason
from hardpoint.providers.paypal.fake import CLIENT_ID, CLIENT_SECRET

client = import_module("paypalserversdk.paypal_serversdk_client")
configuration = import_module("paypalserversdk.configuration")
credentials = import_module("paypalserversdk.http.auth.o_auth_2")

TEN = Money("10", "EUR")
AMOUNT = {"currency_code": "EUR", "value": "10.00"}
WHOLE = "return=representation"


def sdk(url):
    class Elsewhere(configuration.Configuration):
        def get_base_uri(self, server=None):
            return url

    pair = credentials.ClientCredentialsAuthCredentials(CLIENT_ID, CLIENT_SECRET)
    return client.PaypalServersdkClient(config=Elsewhere(client_credentials_auth_credentials=pair))


def ask(verb, **options):
    """What the library answers, as a document."""
    return json.loads(verb(options | {"prefer": WHOLE}).text)


def order(intent="CAPTURE", **unit):
    page = {"return_url": "https://shop.example/back", "user_action": "PAY_NOW"}
    return {
        "intent": intent,
        "purchase_units": [{"amount": AMOUNT, **unit}],
        "payment_source": {"paypal": {"experience_context": page}},
    }


def sent(scripted):
    """The two requests, as far as they say what is wanted."""
    names = ("prefer", "paypal-request-id", "content-type")
    return [
        (
            one.method,
            one.target,
            json.loads(one.body or b"{}"),
            [one.headers[name].partition(";")[0] for name in names],
        )
        for one in scripted.vendor.received
    ]


def test_it_makes_orders_as_we_do(scripted):
    unit = {"amount": AMOUNT, "custom_id": "order-7"}
    shown = {"id": "o1", "status": "PAYER_ACTION_REQUIRED", "purchase_units": [unit]}
    scripted.vendor.reply = FakeReply.json(shown, 201)
    new = NewCheckout(
        items=(CheckoutItem(name="Mug", amount=Money("5", "EUR"), quantity=2),),
        amount=TEN,
        success_url="https://shop.example/back",
        cancel_url="https://shop.example/out",
        reference="order-7",
    )
    scripted.do(scripted.driver().create_checkout(new, idempotency_key="k1"))
    ours = json.loads(scripted.vendor.received[0].body)
    ask(sdk(scripted.server.url).orders.create_order, body=ours, paypal_request_id="k1")
    one, other = sent(scripted)
    assert one == other


def test_it_captures_and_refunds_as_we_do(scripted):
    part = {"id": "c1", "status": "COMPLETED", "amount": AMOUNT}
    part["create_time"] = "2026-12-01T00:00:00Z"
    scripted.vendor.reply = FakeReply.json(part, 201)
    driver, payments = scripted.driver(), sdk(scripted.server.url).payments
    scripted.do(driver.capture("auth-a1", None, idempotency_key="k1"))
    ask(
        payments.capture_authorized_payment,
        authorization_id="a1",
        body={"final_capture": True},
        paypal_request_id="k1",
    )
    why = RefundReason.DUPLICATE
    scripted.do(driver.refund("c1", TEN, reason=why, idempotency_key="k2"))
    ask(
        payments.refund_captured_payment,
        capture_id="c1",
        body={"amount": AMOUNT, "note_to_payer": "duplicate"},
        paypal_request_id="k2",
    )
    ours, theirs, our_refund, their_refund = sent(scripted)
    assert ours == theirs
    assert our_refund == their_refund


def test_it_works_against_the_fake(account):
    paypal = sdk(account.server.url)
    made = ask(paypal.orders.create_order, body=order(custom_id="7"), paypal_request_id="k1")
    assert made["status"] == "PAYER_ACTION_REQUIRED"
    again = ask(paypal.orders.create_order, body=order(custom_id="7"), paypal_request_id="k1")
    assert again["id"] == made["id"]
    account.vendor.account.approve(made["id"])
    taken = ask(paypal.orders.capture_order, id=made["id"], paypal_request_id="k2")
    (capture,) = taken["purchase_units"][0]["payments"]["captures"]
    assert (taken["status"], capture["status"]) == ("COMPLETED", "COMPLETED")
    back = ask(
        paypal.payments.refund_captured_payment,
        capture_id=capture["id"],
        body={"amount": {"currency_code": "EUR", "value": "4.00"}},
        paypal_request_id="k3",
    )
    assert (back["status"], back["amount"]["value"]) == ("COMPLETED", "4.00")
    read = ask(paypal.orders.get_order, id=made["id"])
    assert read["status"] == "COMPLETED"
    ours = account.do(account.driver().get_payment(capture["id"]))
    assert (ours.captured, ours.refunded, ours.reference) == (TEN, Money("4", "EUR"), "7")


def test_it_reserves_captures_and_voids_against_the_fake(account):
    paypal = sdk(account.server.url)
    held = []
    for key in ("k1", "k2"):
        made = ask(paypal.orders.create_order, body=order("AUTHORIZE"), paypal_request_id=key)
        account.vendor.account.approve(made["id"])
        done = ask(paypal.orders.authorize_order, id=made["id"], paypal_request_id=f"{key}a")
        held += [one["id"] for one in done["purchase_units"][0]["payments"]["authorizations"]]
    taken = ask(
        paypal.payments.capture_authorized_payment, authorization_id=held[0], paypal_request_id="c"
    )
    assert taken["status"] == "COMPLETED"
    void = ask(paypal.payments.void_payment, authorization_id=held[1], paypal_request_id="v")
    assert void["status"] == "VOIDED"
    assert account.vendor.ledger.count("void") == 1
    with pytest.raises(Exception, match=r"(?i)unprocessable|previously"):
        ask(paypal.payments.void_payment, authorization_id=held[1], paypal_request_id="w")
