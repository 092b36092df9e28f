"""The fake is as strict as PayPal: what it does not take, it names."""

import json
from base64 import b64encode

import pytest

from hardpoint.fakes.messages import Received
from hardpoint.providers.paypal.fake import CLIENT_ID, CLIENT_SECRET, TOKEN_SECONDS, FakePayPal
from hardpoint.providers.paypal.fake_objects import PayPalRefusedError

EUR = {"currency_code": "EUR", "value": "10.00"}
ORDERS = "/v2/checkout/orders"
CARD = {"card": {"vault_id": "vault-good"}}
PAIR = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


def order(source=CARD, *, intent="CAPTURE", amount=EUR, **unit):
    made = {"intent": intent, "purchase_units": [{"amount": amount} | unit]}
    return made | ({"payment_source": source} if source else {})


class Clock:
    now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vendor(clock):
    made = FakePayPal(now=clock)
    yield made
    made.emitter.close()


def sent(vendor, method, path, document=None, *, raw=None, **headers):
    body = json.dumps(document).encode() if raw is None else raw
    given = {
        "content-type": "application/json",
        "prefer": "return=representation",
        "paypal-request-id": "k",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    given = {name: value for name, value in given.items() if value is not None}
    reply = vendor.answer(Received(method=method, target=path, headers=given, body=body))
    return reply.status, json.loads(reply.body)


def token(vendor, **changed):
    headers = {"authorization": f"Basic {PAIR}"} | changed
    return sent(vendor, "POST", "/v1/oauth2/token", raw=b"grant_type=client_credentials", **headers)


@pytest.fixture
def ask(vendor):
    bearer = token(vendor)[1]["access_token"]

    def asked(method, path, document=None, **headers):
        headers = {"authorization": f"Bearer {bearer}"} | headers
        return sent(vendor, method, path, document, **headers)

    return asked


def issue(body):
    return body["details"][0]["issue"]


def test_tokens_are_for_whom_they_are_for_and_end(vendor, clock, ask):
    assert token(vendor, authorization="Basic wrong") == (
        401,
        {"error": "invalid_client", "error_description": "Client Authentication failed"},
    )
    status, body = sent(
        vendor, "POST", "/v1/oauth2/token", raw=b"a=b", authorization=f"Basic {PAIR}"
    )
    assert (status, body["error"]) == (400, "unsupported_grant_type")
    assert ask("GET", f"{ORDERS}/none")[0] == 404
    clock.now += TOKEN_SECONDS
    assert ask("GET", f"{ORDERS}/none")[0] == 401


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], "INVALID_PARAMETER_VALUE"),
        ({}, "INVALID_PARAMETER_VALUE"),
        ({"intent": "CAPTURE"}, "INVALID_PARAMETER_VALUE"),
        (order() | {"odd": 1}, "INVALID_PARAMETER_VALUE"),
        (order({"iou": {}}), "INVALID_PARAMETER_VALUE"),
        (order(amount={"currency_code": "XXX", "value": "1"}), "INVALID_CURRENCY_CODE"),
        (order(amount={"currency_code": "EUR", "value": 10}), "INVALID_PARAMETER_VALUE"),
        (order(amount={"currency_code": "EUR", "value": "0"}), "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (order(amount={"currency_code": "JPY", "value": "1.5"}), "DECIMAL_PRECISION"),
        (
            order(amount=EUR | {"breakdown": {"item_total": EUR | {"value": "9"}}}),
            "AMOUNT_MISMATCH",
        ),
        (order(items=[{"name": "a", "quantity": "1", "unit_amount": EUR}]), "ITEM_TOTAL_REQUIRED"),
        (
            order(
                amount=EUR | {"breakdown": {"item_total": EUR}},
                items=[{"name": "a", "quantity": "2", "unit_amount": EUR}],
            ),
            "ITEM_TOTAL_MISMATCH",
        ),
        (order(custom_id="x" * 128), "INVALID_PARAMETER_VALUE"),
    ],
)
def test_what_it_does_not_take_is_named(vendor, ask, document, code):
    status, body = ask("POST", ORDERS, document)
    assert (status in {400, 422}, issue(body)) == (True, code)
    assert [one.kind for one in vendor.ledger.entries()] == ["token"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content_type": "text/plain"}, "UNSUPPORTED_MEDIA_TYPE"),
        ({"prefer": None}, "INVALID_PARAMETER_VALUE"),
        ({"paypal_request_id": None}, "PAYPAL_REQUEST_ID_REQUIRED"),
        ({"paypal_request_id": "k" * 109}, "INVALID_PARAMETER_VALUE"),
        ({"raw": b"{"}, "MALFORMED_REQUEST_JSON"),
    ],
)
def test_headers_are_needed_and_a_body_in_json(ask, headers, code):
    assert issue(ask("POST", ORDERS, order(), **headers)[1]) == code


def test_paths_that_are_none_are_not_found(ask):
    for method, path in (
        ("GET", "/v2/x"),
        ("POST", "/v2/x"),
        ("POST", "/v2/payments/refunds/a/void"),
    ):
        assert ask(method, path, {})[0] == 404


def test_an_order_is_taken_once_it_is_approved_and_as_it_was_meant(vendor, ask):
    made = ask("POST", ORDERS, order(None), paypal_request_id=None)[1]
    assert [one["rel"] for one in made["links"]] == ["self", "approve"]
    path = f"{ORDERS}/{made['id']}"
    assert issue(ask("POST", f"{path}/capture", {})[1]) == "ORDER_NOT_APPROVED"
    vendor.account.approve(made["id"])
    assert issue(ask("POST", f"{path}/authorize", {})[1]) == "ACTION_DOES_NOT_MATCH_INTENT"
    taken = ask("POST", f"{path}/capture", {})[1]
    assert ask("POST", f"{path}/capture", {}) == (200, taken)
    again = ask("POST", f"{path}/capture", {}, paypal_request_id="other")[1]
    assert issue(again) == "ORDER_ALREADY_CAPTURED"
    with pytest.raises(PayPalRefusedError):
        vendor.account.approve(made["id"])
    assert vendor.ledger.count("charge") == 1


def test_a_reservation_is_captured_up_to_so_much_or_voided(vendor, ask):
    made = ask("POST", ORDERS, order(None, intent="AUTHORIZE"))[1]
    vendor.account.approve(made["id"])
    held = ask("POST", f"{ORDERS}/{made['id']}/authorize", {})[1]
    held = held["purchase_units"][0]["payments"]["authorizations"][0]["id"]
    path = f"/v2/payments/authorizations/{held}"

    def capture(value, currency="EUR", key="c", **more):
        document = {"amount": {"currency_code": currency, "value": value}} | more
        return ask("POST", f"{path}/capture", document, paypal_request_id=key)

    assert issue(capture("10", "USD")[1]) == "AUTH_CAPTURE_CURRENCY_MISMATCH"
    assert issue(capture("11.51")[1]) == "MAX_CAPTURE_AMOUNT_EXCEEDED"
    taken = capture("11.50")[1]
    assert issue(capture("1", key="d")[1]) == "AUTHORIZATION_ALREADY_CAPTURED"
    assert issue(ask("POST", f"{path}/void", {})[1]) == "PREVIOUSLY_CAPTURED"
    refund = f"/v2/payments/captures/{taken['id']}/refund"
    dollars = {"amount": {"currency_code": "USD", "value": "1"}}
    assert issue(ask("POST", refund, dollars)[1]) == "REFUND_CAPTURE_CURRENCY_MISMATCH"
    vendor.account.part("captures", taken["id"])["status"] = "PENDING"
    assert issue(ask("POST", refund, {})[1]) == "PENDING_CAPTURE"
    vendor.account.part("captures", taken["id"])["status"] = "DECLINED"
    assert issue(ask("POST", refund, {})[1]) == "REFUND_NOT_ALLOWED"


def test_a_page_says_where_it_leads(ask):
    source = {"paypal": {"experience_context": {"return_url": "shop"}}}
    assert issue(ask("POST", ORDERS, order(source))[1]) == "INVALID_PARAMETER_VALUE"
