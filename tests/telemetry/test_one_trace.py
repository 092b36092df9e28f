"""One trace from the webhook to the handler and its call, though the process dies."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hardpoint.testing import FakeRest, FakeServer, status

from .collector import collecting

SHOP = Path(__file__).with_name("traced_shop.py")
CONFIGURATION = """
[store]
url = "sqlite:events.db"

[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]

[connections.crm]
provider = "rest"
base_url = "{url}"
key = "env:CRM_KEY"
idempotency_header = "Idempotency-Key"
"""
SECRETS = {"HOOK": "whsec_one", "CRM_KEY": "sk_crm_123456"}


@pytest.fixture
def vendor():
    with FakeServer(FakeRest()) as running:
        running.app.on("POST /deals", {"id": 8}, headers=(("x-request-id", "req_vendor"),))
        yield running


def play(action: str, folder: Path, collector: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SHOP), action, str(folder), collector]
    return subprocess.run(
        command, env=SECRETS, capture_output=True, text=True, timeout=60, check=False
    )


def test_one_trace_covers_webhook_handler_and_call_across_a_restart(tmp_path, vendor):
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION.format(url=vendor.url))
    vendor.faults.next(status(503))
    with collecting() as collector:
        died = play("receive", tmp_path, collector.url)
        assert (died.returncode, died.stdout) == (9, "200\n"), died.stderr
        went_on = play("resume", tmp_path, collector.url)
        assert went_on.returncode == 0, went_on.stderr

    (request,) = collector.named("POST /webhooks/{source}")
    (commit,) = collector.named("INSERT hardpoint_event")
    (handled,) = collector.named("handle shop")
    (call,) = collector.named("crm POST /deals")
    first, second = collector.named("POST /deals")
    assert {one.trace for one in collector.spans} == {request.trace}
    assert [request.parent, commit.parent, handled.parent] == ["", request.id, request.id]
    assert [call.parent, first.parent, second.parent] == [handled.id, call.id, call.id]
    assert request.resource["process.pid"] != handled.resource["process.pid"]
    kinds = [one.kind for one in (request, commit, handled, call, first)]
    assert kinds == ["server", "client", "consumer", "internal", "client"]
    assert (first.failed, first.links) == (True, [])
    assert (second.failed, second.links) == (False, [first.id])
    assert second.facts["http.response.status_code"] == 200
    assert second.facts["http.request.resend_count"] == 1
    assert second.facts["hardpoint.request_id"] == "req_vendor"
    assert handled.facts["messaging.message.conversation_id"] == "order-7"

    sent = [one.headers for one in vendor.app.received]
    assert [one["x-request-id"] for one in sent] == ["order-7"]  # the 503 never reached it
    assert sent[-1]["traceparent"].startswith(f"00-{request.trace}-{second.id}-0")
    assert "sk_crm" not in json.dumps([one.facts for one in collector.spans])
