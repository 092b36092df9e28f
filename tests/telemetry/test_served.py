"""`hardpoint serve --otel`, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from hardpoint.webhooks import scheme

from .collector import collecting

CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:HOOK"]
"""
SERVE = (sys.executable, "-m", "hardpoint", "serve", "--port", "0", "--admin-port", "0", "--json")
BODY = b'{"id": "evt_1", "type": "paid"}'


@pytest.fixture
def serve(tmp_path):
    """Starts a server with options; gives it and its addresses."""
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    running = []

    def started(*options, **environment):
        process = subprocess.Popen(
            [*SERVE, *options],
            cwd=tmp_path,
            env={**os.environ, "HOOK": "whsec_one", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        running.append(process)
        return process, json.loads(process.stdout.readline())["data"]

    yield started
    for one in running:
        if one.poll() is None:
            one.kill()
        one.communicate()


def deliver(url):
    """A signed event, acknowledged."""
    signed = scheme("stripe", secrets=["whsec_one"]).sign(
        BODY, now=time.time(), event_id="evt_1", event_type="paid"
    )
    request = urllib.request.Request(f"{url}/webhooks/billing", BODY, dict(signed))
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def test_with_otel_its_spans_go_where_the_environment_says(serve):
    with collecting() as collector:
        process, ready = serve("--otel", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        deliver(ready["url"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    (request,) = collector.named("POST /webhooks/{source}")
    assert request.resource["service.name"] == "hardpoint"
    assert request.facts["hardpoint.source"] == "billing"
    assert "db.client.operation.duration" in collector.metrics
