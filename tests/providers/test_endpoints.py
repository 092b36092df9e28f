"""The fakes of webhook endpoints refuse what the vendors refuse; a list without end ends."""

import json
from typing import Any

import msgspec
import pytest

from hardpoint.fakes.messages import Received
from hardpoint.provider import BlockingTransport, FakeServer, load, provider
from hardpoint.providers.paypal.fake import FakePayPal
from hardpoint.providers.sendgrid.fake import FakeSendGrid
from hardpoint.providers.square.fake import FakeSquare
from hardpoint.providers.stripe.fake import FakeStripe
from hardpoint.runtime.blocking import run

STRIPE, SQUARE = "/v1/webhook_endpoints", "/v2/webhooks/subscriptions"
SENDGRID = "/v3/user/webhooks/event/settings"
PAYPAL = "/v1/notifications/webhooks"
URL = "https://shop.example/hook"
GOOD = {"url": URL, "event_types": [{"name": "*"}]}
NAMED = {"name": "n", "notification_url": URL, "event_types": ["a.b"]}
JSON = {"content-type": "application/json"}


@pytest.fixture
def paypal() -> Any:
    vendor = FakePayPal()
    vendor.webhooks.known["W1"] = {"id": "W1", **GOOD}
    return vendor


def status(vendor: Any, method: str, path: str, body: Any) -> int:
    headers = dict(JSON)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if isinstance(vendor, FakePayPal):
        pair = vendor._pair
        token = vendor.answer(
            Received(
                method="POST",
                target="/v1/oauth2/token",
                headers={"authorization": f"Basic {pair}"},
                body=b"grant_type=client_credentials",
            )
        )
        headers["authorization"] = f"Bearer {msgspec.json.decode(token.body)['access_token']}"
    elif isinstance(vendor, FakeSendGrid):
        headers["authorization"] = "Bearer SG.fake"
    elif isinstance(vendor, FakeSquare):
        settings, version = vendor.facts.settings, load("hardpoint.providers.square:API_VERSION")
        headers |= {
            "authorization": f"Bearer {settings['access_token']}",
            "square-version": version,
        }
    else:
        settings, version = vendor.facts.settings, load("hardpoint.providers.stripe:API_VERSION")
        headers = {
            "authorization": f"Bearer {settings['secret_key']}",
            "stripe-version": version,
            "idempotency-key": "k",
        }
    return vendor.answer(Received(method=method, target=path, headers=headers, body=content)).status


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("POST", STRIPE, b"url=https%3A%2F%2Fa.example&enabled_events[0]=*", 200),
        ("POST", STRIPE, b"url=https%3A%2F%2Fa.example", 400),
        ("POST", STRIPE, b"url=shop&enabled_events[0]=*", 400),
        ("POST", STRIPE, b"url=https%3A%2F%2Fa.example&enabled_events[0]=a.*", 400),
        ("POST", STRIPE, b"url=https%3A%2F%2Fa.example&enabled_events[0]=*&other=1", 400),
        ("POST", f"{STRIPE}/we_none", b"disabled=true", 404),
        ("POST", f"{STRIPE}/we_1", b"disabled=true", 200),
        ("POST", f"{STRIPE}/we_1", b"url=https%3A%2F%2Fb.example", 200),
        ("GET", f"{STRIPE}/we_1", b"", 404),
        ("GET", STRIPE, b"", 200),
        ("GET", f"{STRIPE}?other=1", b"", 400),
    ],
)
def test_stripes_fake_refuses_what_is_wrong(
    method: str, path: str, body: bytes, answer: int
) -> None:
    vendor = FakeStripe()
    vendor.endpoints.known["we_1"] = {"id": "we_1", "url": URL, "enabled_events": ["*"]}
    assert status(vendor, method, path, body) == answer


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("POST", SQUARE, {"idempotency_key": "k", "subscription": NAMED}, 200),
        ("POST", SQUARE, {"subscription": NAMED}, 400),
        ("POST", SQUARE, {"idempotency_key": "k", "subscription": {"name": "n"}}, 400),
        (
            "POST",
            SQUARE,
            {"idempotency_key": "k", "subscription": {**NAMED, "event_types": ["*"]}},
            400,
        ),
        ("PUT", f"{SQUARE}/none", {"subscription": NAMED}, 404),
        ("PUT", SQUARE, {"subscription": NAMED}, 404),
        ("PUT", "/v2/payments", {}, 400),
        ("GET", f"{SQUARE}?other=1", b"", 400),
    ],
)
def test_squares_fake_refuses_what_is_wrong(method: str, path: str, body: Any, answer: int) -> None:
    assert status(FakeSquare(), method, path, body) == answer


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("POST", PAYPAL, {**GOOD, "url": "https://other.example"}, 201),
        ("POST", PAYPAL, GOOD, 400),
        ("POST", PAYPAL, {**GOOD, "url": "shop"}, 400),
        ("POST", PAYPAL, {**GOOD, "url": f"{URL}2", "event_types": [{"name": "x"}]}, 400),
        ("POST", PAYPAL, b"{", 400),
        ("PATCH", f"{PAYPAL}/W2", [], 404),
        ("PUT", f"{PAYPAL}/W1", [], 404),
        ("PATCH", f"{PAYPAL}/W1", [{"op": "add", "path": "/url", "value": URL}], 400),
        ("PATCH", f"{PAYPAL}/W1", [{"op": "replace", "path": "/url", "value": f"{URL}2"}], 200),
    ],
)
def test_paypals_fake_refuses_what_is_wrong(
    paypal: Any, method: str, path: str, body: Any, answer: int
) -> None:
    assert status(paypal, method, path, body) == answer


def test_paypals_fake_takes_ten_and_refuses_what_changes_nothing(paypal: Any) -> None:
    urls = [f"{URL}{n}" for n in range(10)]
    made = [status(paypal, "POST", PAYPAL, {**GOOD, "url": url}) for url in urls]
    assert made == [201] * 9 + [400]
    same = [{"op": "replace", "path": "/url", "value": urls[0]}]
    its = next(name for name, one in paypal.webhooks.known.items() if one["url"] == urls[0])
    assert status(paypal, "PATCH", f"{PAYPAL}/{its}", same) == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("POST", SENDGRID, b"{", 400),
        ("POST", SENDGRID, {"url": "shop"}, 400),
        ("POST", SENDGRID, {"url": URL, "spamreport": True}, 400),
        ("POST", SENDGRID, {"url": URL, "spam_report": True}, 201),
        ("PATCH", f"{SENDGRID}/none", {"url": URL}, 404),
        ("PATCH", f"{SENDGRID}/a/b/c", {"url": URL}, 404),
        ("PUT", f"{SENDGRID}/w1", {"url": URL}, 404),
        ("PATCH", f"{SENDGRID}/signed/w1", {"enabled": False}, 400),
        ("PATCH", f"{SENDGRID}/signed/w1", {"enabled": True}, 200),
    ],
)
def test_sendgrids_fake_refuses_what_is_wrong(
    method: str, path: str, body: Any, answer: int
) -> None:
    vendor = FakeSendGrid()
    vendor.webhooks.known["w1"] = {"id": "w1", "url": URL, "enabled": True}
    assert status(vendor, method, path, body) == answer
    assert status(FakeSendGrid("SG.other"), method, path, body) == 401


@pytest.mark.parametrize("kind", [FakeStripe, FakeSquare])
def test_a_list_without_end_ends(kind: Any) -> None:
    vendor = kind()
    place = vendor.endpoints if isinstance(vendor, FakeStripe) else vendor.subscriptions
    row: dict[str, Any] = {
        "url": URL,
        "notification_url": URL,
        "enabled_events": [],
        "status": "enabled",
    }
    place.known.update({f"e{n}": {"id": f"e{n}", "enabled": True, **row} for n in range(1200)})
    manifest = provider(vendor.name)
    settings = load(manifest.settings or "")
    options = {
        key: load("hardpoint.core.secrets:Secret").value(text) if key != "location_id" else text
        for key, text in vendor.facts.settings.items()
    }
    with FakeServer(vendor) as server, BlockingTransport() as transport:
        own = settings(**options, base_url=server.url)
        setup = load(manifest.webhook_setup or "")(transport, own)
        assert len(run(setup.endpoints())) == 1000
