"""One source, `shop`, and what is delivered to it."""

import time

import pytest
from tests.hub.loaded import folder as folder  # noqa: PLC0414 - a fixture, for the tests here

from hardpoint.hub.hub import Hub
from hardpoint.webhooks.verification import scheme

CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]
"""
BODY = b'{"id": "evt_1", "type": "paid"}'


@pytest.fixture
def told():
    return []


@pytest.fixture
def hub(tmp_path, monkeypatch, told):
    """A hub of one source, not started; what it tells goes to `told`."""
    monkeypatch.setenv("HOOK", "whsec_one")
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    return Hub.load(tmp_path / "hardpoint.toml", listeners=[told.append])


@pytest.fixture
def deliver(hub):
    """Delivers an event to it, whose answer nobody hears."""

    def deliver():
        headers = scheme("stripe", secrets=["whsec_one"]).sign(
            BODY, now=time.time(), event_id="evt_1", event_type="paid"
        )
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        hub.receiver.submit("shop", raw, BODY, lambda _: None)

    return deliver
