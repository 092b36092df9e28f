"""A hub that is loaded from a file with one source, `billing`, and what is asked of it."""

import asyncio
import base64
import contextlib
import time

import msgspec
import pytest

from hardpoint.hub.hub import Hub
from hardpoint.webhooks.verification import scheme

SIGNING = "whsec_" + base64.b64encode(b"f" * 32).decode()


CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.billing]
provider = "stripe"
secrets = ["file:stripe"]
"""


@pytest.fixture
def folder(tmp_path):
    for name, secret in [("stripe", "whsec_one"), ("signing", SIGNING), ("hook", "hook secret")]:
        keep(tmp_path / name, secret)
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    return tmp_path


def keep(path, secret):
    path.write_text(secret)
    path.chmod(0o600)


class Told(list):
    def of(self, kind):
        return [event for event in self if isinstance(event, kind)]

    def __call__(self, event):
        self.append(event)


def load(folder, configuration=None, **effects):
    if configuration is not None:
        (folder / "hardpoint.toml").write_text(configuration)
    told = Told()
    hub = Hub.load(folder / "hardpoint.toml", listeners=[told], **effects)
    return hub, told


def deliver(hub, vendor_id="evt_1", event_type="paid", secret="whsec_one"):
    body = msgspec.json.encode({"id": vendor_id, "type": event_type})
    headers = scheme("stripe", secrets=[secret]).sign(
        body, now=time.time(), event_id=vendor_id, event_type=event_type
    )
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    answered = asyncio.get_running_loop().create_future()
    hub.receiver.submit("billing", raw, body, answered.set_result)
    return answered


async def until(holds, seconds=10):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def read(hub, question):
    with contextlib.closing(hub.reader()) as reader:
        return question(reader)


def states(hub):
    return {event.vendor_id: event.state for event in read(hub, lambda reader: reader.events())}
