"""What the vendors' own packages sign is accepted by the running server, and handled once."""

import base64
import datetime as dt
import json
import subprocess
import sys
import time

import httpx2
import pytest
import stripe
from standardwebhooks import Webhook

from hardpoint.store.sqlite import SqliteReader
from hardpoint.store.views import State

STRIPE_SECRET = "whsec_" + "a" * 32
STANDARD_SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
CONFIGURATION = """
[store]
url = "sqlite:inbox.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:BILLING_SECRET"]
[webhooks.partner]
provider = "standard"
secrets = ["env:PARTNER_SECRET"]
"""


@pytest.fixture
def served(tmp_path, monkeypatch):
    monkeypatch.setenv("BILLING_SECRET", STRIPE_SECRET)
    monkeypatch.setenv("PARTNER_SECRET", STANDARD_SECRET)
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    command = [sys.executable, "-m", "hardpoint", "serve", "--json"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", "0", "--admin-port", "0"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    url = json.loads(process.stdout.readline())["data"]["url"]
    yield url, tmp_path / "inbox.db"
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0


def stored(database):
    reader = SqliteReader(database)
    try:
        return [(one.source, one.vendor_id, one.state) for one in reader.events()]
    finally:
        reader.close()


def test_what_the_official_stripe_package_signs_is_stored_once(served):
    url, database = served
    body = json.dumps({"id": "evt_1", "object": "event", "type": "payment_intent.succeeded"})
    header = stripe.WebhookSignature.generate_signature_header(body, STRIPE_SECRET)

    for _ in range(2):
        answer = httpx2.post(
            f"{url}/webhooks/billing",
            content=body,
            headers={"Stripe-Signature": header},
            trust_env=False,
        )
        assert answer.status_code == 200

    assert stored(database) == [("billing", "evt_1", State.SKIPPED)]


def test_what_the_official_standard_webhooks_package_signs_is_stored_once(served):
    url, database = served
    now = dt.datetime.fromtimestamp(int(time.time()), dt.UTC)
    body = json.dumps({"type": "order.shipped", "data": {"id": 1}})
    signature = Webhook(STANDARD_SECRET).sign("msg_1", now, body)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }

    for _ in range(2):
        answer = httpx2.post(
            f"{url}/webhooks/partner", content=body, headers=headers, trust_env=False
        )
        assert answer.status_code == 200

    assert stored(database) == [("partner", "msg_1", State.SKIPPED)]
