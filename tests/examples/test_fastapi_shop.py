"""The shop at its edges; the demo plays its story from end to end."""

import asyncio

import httpx2
import pytest

from hardpoint.demo.customer import EMPTY_CARD, PHONE
from hardpoint.demo.shop import Shop
from hardpoint.demo.vendors import Vendors
from hardpoint.fakes.faults import commit_then_drop, status


@pytest.fixture(scope="module")
def vendors():
    with Vendors() as vendors:
        yield vendors


@pytest.fixture(scope="module")
def shop(vendors, tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"), vendors.facts, vendors.secrets)
    asyncio.run(shop.start())
    with httpx2.Client(base_url=shop.url, trust_env=False, timeout=30) as client:
        yield client
    shop.stop()


def place(shop, order, **changes):
    new = {"item": "mug", "email": "ann@customer.example", "phone": PHONE} | changes
    return shop.put(f"/orders/{order}", json=new)


def pay(shop, order, card="pm_card_visa"):
    return shop.post(f"/orders/{order}/pay", json={"payment_method": card})


def charges(vendors, order):
    return vendors.stripe.app.ledger.count("charge", reference=order)


def test_an_order_is_paid_once_however_often_one_clicks(shop, vendors):
    assert place(shop, "1").status_code == place(shop, "1").status_code == 201
    answers = [pay(shop, "1") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["payment"] for answer in answers}) == 1
    assert charges(vendors, "1") == 1


def test_another_card_cannot_pay_what_is_paid(shop, vendors):
    place(shop, "2")
    assert pay(shop, "2").status_code == 200
    assert pay(shop, "2", "pm_card_mastercard").status_code == 409
    assert charges(vendors, "2") == 1


def test_a_decline_is_said_in_words_for_the_customer_and_another_card_may_pay(shop, vendors):
    place(shop, "3")
    declined = pay(shop, "3", EMPTY_CARD)
    assert (declined.status_code, "not enough money" in declined.json()["detail"]) == (402, True)
    assert pay(shop, "3").status_code == 200
    assert charges(vendors, "3") == 1


def test_a_lost_answer_is_asked_for_again_under_the_same_key(shop, vendors):
    place(shop, "4")
    vendors.stripe.faults.next(status(503))
    vendors.stripe.faults.next(commit_then_drop(), on="POST *confirm")
    assert pay(shop, "4").status_code == 200
    assert charges(vendors, "4") == 1


def test_what_nobody_knows_is_said_to_be_unknown(shop, vendors):
    place(shop, "5")
    vendors.stripe.faults.next(status(500), times=3, on="POST *confirm")
    assert pay(shop, "5").status_code == 202
    assert pay(shop, "5").status_code == 200
    assert charges(vendors, "5") == 1


def test_what_the_customer_may_not_do(shop):
    assert place(shop, "6", item="yacht").status_code == 422
    assert pay(shop, "unknown").status_code == 404
    place(shop, "6", phone="017012345678")
    refused = shop.post("/orders/6/text", json={"body": "hello"})
    assert (refused.status_code, refused.json()["detail"]) == (422, "to is not usable")


def test_a_text_whose_answer_is_lost_is_not_sent_again(shop, vendors):
    place(shop, "7")
    before = vendors.twilio.app.ledger.count("message")
    sent = shop.post("/orders/7/text", json={"body": "on its way"})
    assert sent.status_code == 200
    assert sent.json()["message"].startswith("texts:")
    vendors.twilio.faults.next(commit_then_drop())
    assert shop.post("/orders/7/text", json={"body": "is there"}).status_code == 202
    assert vendors.twilio.app.ledger.count("message") == before + 2


def test_a_file_is_kept_and_fetched_by_a_signed_address_alone(shop):
    place(shop, "8")
    content = bytes(range(256)) * 1000
    kept = shop.put("/orders/8/files/a.bin", files={"file": ("a.bin", content)})
    assert (kept.status_code, kept.json()["size"]) == (201, len(content))
    url = shop.get("/orders/8/files/a.bin").json()["url"]
    assert shop.get(url).content == content
    assert shop.get(url.replace("a.bin", "b.bin")).status_code == 403
    assert shop.get("/orders/8/files/missing").status_code == 404
    hostile = shop.put("/orders/8/files/%2e%2e", files={"file": ("x", b"x")})
    assert not hostile.is_success


def test_the_state_of_each_vendors_circuit_is_shown(shop):
    assert set(shop.get("/vendors").json()) == {"billing", "texts", "mail", "files"}
