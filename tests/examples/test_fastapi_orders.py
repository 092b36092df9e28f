import importlib.util
import json
import shutil
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hardpoint.webhooks import scheme

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_orders"
SECRET = "whsec_example"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    folder = shutil.copytree(EXAMPLE, tmp_path / "shop")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    spec = importlib.util.spec_from_file_location("fastapi_orders_app", folder / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with TestClient(module.app) as client:
        yield client


def deliver(client, event_id, event_type, order):
    payment = {"id": f"pi_{order}", "metadata": {"order_id": order}}
    body = json.dumps({"id": event_id, "type": event_type, "data": {"object": payment}}).encode()
    headers = scheme("stripe", secrets=[SECRET]).sign(
        body, now=time.time(), event_id=event_id, event_type=event_type
    )
    return client.post("/webhooks/billing", content=body, headers=dict(headers)).status_code


def order(client, order_id):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        response = client.get(f"/orders/{order_id}")
        if response.status_code == 200:
            return response.json()
    raise AssertionError(f"order {order_id} was not handled in time")


def test_an_order_is_paid_once_although_stripe_says_so_twice(shop):
    assert deliver(shop, "evt_1", "payment_intent.succeeded", "1001") == 200
    assert deliver(shop, "evt_1", "payment_intent.succeeded", "1001") == 200

    assert order(shop, "1001") == {"id": "1001", "status": "paid", "paid_times": 1}


def test_a_failed_payment_is_recorded_in_the_shops_own_transaction(shop):
    assert deliver(shop, "evt_2", "payment_intent.payment_failed", "1002") == 200

    assert order(shop, "1002")["status"] == "failed"


def test_an_order_nobody_spoke_of_is_not_found(shop):
    assert shop.get("/orders/999").status_code == 404
