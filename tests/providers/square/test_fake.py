"""The fake is as strict as Square: what it does not take, it names."""

import json

import pytest

from hardpoint.fakes.messages import Received
from hardpoint.providers.square import API_VERSION
from hardpoint.providers.square.fake import ACCESS_TOKEN, FakeSquare
from hardpoint.providers.square.fake_objects import SquareRefusedError
from hardpoint.webhooks import WebhookRequest, scheme

MONEY = {"amount": 1000, "currency": "EUR"}
PAY = {"source_id": "cnon:card-nonce-ok", "idempotency_key": "k", "amount_money": MONEY}
LINE = {"name": "A", "quantity": "2", "base_price_money": MONEY}
LINK = {"idempotency_key": "k", "order": {"line_items": [LINE]}}
LINKS = "/v2/online-checkout/payment-links"


def asked(vendor, method, path, document=None, *, raw=None, **headers):
    body = json.dumps(document).encode() if raw is None else raw
    given = {
        "authorization": f"Bearer {ACCESS_TOKEN}",
        "square-version": API_VERSION,
        "content-type": "application/json",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    reply = vendor.answer(Received(method=method, target=path, headers=given, body=body))
    return reply.status, json.loads(reply.body)


@pytest.fixture
def vendor():
    made = FakeSquare()
    yield made
    made.emitter.close()


@pytest.mark.rows
def test_what_it_does_not_take_is_named(vendor, request_of, headers, code):
    _, body = asked(vendor, *request_of, **headers)
    assert body["errors"][0]["code"] == code
    assert not vendor.ledger.entries()


def test_what_is_no_json_is_said_to_be_none(vendor):
    _, body = asked(vendor, "POST", "/v2/payments", raw=b"{")
    assert body["errors"][0]["code"] == "EXPECTED_JSON_BODY"


def test_a_declined_payment_comes_with_its_refusal(vendor):
    declined = PAY | {"source_id": "cnon:card-nonce-declined"}
    status, body = asked(vendor, "POST", "/v2/payments", declined)
    assert (status, body["payment"]["status"]) == (400, "FAILED")
    assert [one.kind for one in vendor.ledger.entries()] == ["decline"]


def test_a_reservation_is_voided_and_neither_refunded_nor_captured(vendor):
    reserved = asked(vendor, "POST", "/v2/payments", PAY | {"autocomplete": False})[1]["payment"]
    refund = {"idempotency_key": "r", "payment_id": reserved["id"], "amount_money": MONEY}
    _, body = asked(vendor, "POST", "/v2/refunds", refund)
    assert body["errors"][0]["code"] == "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION"
    assert asked(vendor, "POST", f"/v2/payments/{reserved['id']}/cancel", {})[0] == 200
    assert asked(vendor, "POST", f"/v2/payments/{reserved['id']}/complete", {})[0] == 400
    _, body = asked(vendor, "POST", "/v2/refunds", refund)
    assert body["errors"][0]["code"] == "PAYMENT_NOT_REFUNDABLE"


def test_a_refund_is_of_the_payments_currency_and_no_more_than_is_left(vendor):
    paid = asked(vendor, "POST", "/v2/payments", PAY)[1]["payment"]["id"]
    for money, code in (({"amount": 5, "currency": "USD"}, "INVALID_VALUE"), (None, None)):
        refund = {"idempotency_key": "r", "payment_id": paid, "amount_money": money or MONEY}
        _, body = asked(vendor, "POST", "/v2/refunds", refund)
        assert body.get("errors", [{"code": None}])[0]["code"] == code
    refund = {"idempotency_key": "s", "payment_id": paid, "amount_money": MONEY}
    _, body = asked(vendor, "POST", "/v2/refunds", refund)
    assert body["errors"][0]["code"] == "REFUND_AMOUNT_INVALID"


def test_nobody_pays_on_a_page_twice_and_who_is_declined_may_try_again(vendor):
    page = asked(vendor, "POST", LINKS, LINK)[1]["payment_link"]["id"]
    pay = vendor.account.pay_on_page
    with pytest.raises(SquareRefusedError):
        pay(page, "cnon:card-nonce-declined")
    pay(page)
    with pytest.raises(SquareRefusedError):
        pay(page)
    assert vendor.ledger.count("charge", amount=2000) == 1


def test_lists_are_paged_and_come_either_way_round(vendor):
    made = [
        asked(vendor, "POST", "/v2/payments", PAY | {"idempotency_key": key})[1]["payment"]["id"]
        for key in "abc"
    ]
    first = asked(vendor, "GET", "/v2/payments?limit=2")[1]
    assert [one["id"] for one in first["payments"]] == made[:0:-1]
    rest = asked(vendor, "GET", f"/v2/payments?limit=2&cursor={first['cursor']}")[1]
    assert ([one["id"] for one in rest["payments"]], rest.get("cursor")) == (made[:1], None)
    ascending = asked(vendor, "GET", "/v2/payments?sort_order=ASC")[1]
    assert [one["id"] for one in ascending["payments"]] == made


def test_events_are_signed_for_the_address_that_they_go_to(vendor):
    asked(vendor, "POST", "/v2/payments", PAY)
    created, updated = vendor.emitter.pending()
    for emission, url in ((created, "http://127.0.0.1:9/hooks"), (updated, None)):
        secret = vendor.facts.webhook_secret
        bound = scheme(
            "square", secrets=[secret], url=url or "https://shop.example/webhooks/square"
        )
        headers = vendor.emitter.headers(emission, url=url)
        request = WebhookRequest(headers=headers, body=emission.body)
        assert bound.verify(request, now=0).events[0].type == emission.event_type


def test_a_card_is_charged_to_whose_it_is(vendor):
    customers = [
        asked(vendor, "POST", "/v2/customers", {"idempotency_key": key})[1]["customer"]["id"]
        for key in "ab"
    ]
    keep = {"idempotency_key": "c", "source_id": PAY["source_id"]}
    keep["card"] = {"customer_id": customers[0]}
    card = asked(vendor, "POST", "/v2/cards", keep)[1]["card"]["id"]
    for customer, status in zip(customers, (200, 400), strict=True):
        pay = PAY | {"idempotency_key": customer, "source_id": card, "customer_id": customer}
        assert asked(vendor, "POST", "/v2/payments", pay)[0] == status
