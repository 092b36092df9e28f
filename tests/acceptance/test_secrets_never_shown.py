"""Promise 9 and E43: no secret, signature or credential in any log, repr, traceback or row."""

import io
import time
import traceback

import httpx2
import pytest
import structlog

from hardpoint.core.errors import HardpointError
from hardpoint.hub.hub import Hub
from hardpoint.telemetry import logs
from hardpoint.webhooks.answers import STORED, UNAUTHORIZED

CANARY = "canary0f5e1d"
SECRET = f"whsec_{CANARY}"


@pytest.fixture
def stream():
    yield io.StringIO()
    logs.reset()


def test_promise_9_a_canary_shows_up_nowhere(shop, stream):
    shop.keep("billing", SECRET)
    told = logs.configure(stream, json=True)
    hub = Hub.load(shop.folder / "hardpoint.toml", listeners=[shop.told.append, told])
    shop.hub = hub
    shop.live["billing"] = [SECRET]
    shown = []

    @hub.on("billing", retry=[0.0])
    async def leaky(event, job):
        """Prints whatever it was handed, as a careless handler would."""
        secret = hub.settings.webhooks["billing"].secrets[0]
        structlog.get_logger().info("handling", event_facts=event, job=job, secret=secret, hub=hub)
        shown.extend([repr(event), repr(job), repr(secret), f"{secret}", str(hub.settings)])
        raise ValueError(f"failed with {secret}")

    signatures = []

    def leaks(text):
        return [one for one in (CANARY, *signatures, "Bearer", "session=") if one in text]

    async def scenario():
        transport = httpx2.ASGITransport(hub.asgi())
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
            statuses = []
            for at, tampered in [(0, False), (0, True), (-9999, False)]:
                body = b'{"id": "evt_%d", "type": "paid"}' % (time.time_ns() % 10**9)
                headers = dict(shop.sign("billing", body, at=time.time() + at))
                signatures.append(headers["Stripe-Signature"].partition("v1=")[2])
                headers |= {"Authorization": f"Bearer {CANARY}", "Cookie": f"session={CANARY}"}
                answer = await client.post(
                    "/webhooks/billing", headers=headers, content=body + b" " * tampered
                )
                statuses.append(answer.status_code)
                shown.append(answer.text)
            await shop.until(lambda: len(shop.attempts()) == 2)
            await hub.receiver.flush()
        return statuses

    assert shop.open(scenario) == [STORED.status, UNAUTHORIZED.status, UNAUTHORIZED.status]

    log = stream.getvalue()
    for line in ("event_received", "handler_finished", "requests_refused", "handling"):
        assert line in log
    assert "failed with ****" in log
    assert leaks(log) == []
    assert leaks("".join(shown)) == []
    assert leaks("".join(map(repr, [*shop.told, hub, hub.settings, hub.receiver._sources]))) == []
    for file in shop.folder.glob("shop.db*"):
        assert leaks(file.read_bytes().decode("latin-1")) == [], file


@pytest.mark.parametrize(
    "secret",
    [f"sk_live_{CANARY}", f"we_{CANARY}", CANARY, f"whsec_{CANARY} ", f"whsec_{CANARY}é"],
)
def test_a_secret_of_the_wrong_shape_is_refused_without_being_shown(shop, secret):
    shop.keep("billing", secret)

    with pytest.raises(HardpointError) as caught:
        Hub.load(shop.folder / "hardpoint.toml")

    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_literal_secret_in_the_configuration_is_refused_without_being_shown(shop):
    configuration = shop.folder / "hardpoint.toml"
    configuration.write_text(configuration.read_text().replace("file:billing.secret", SECRET))

    with pytest.raises(HardpointError) as caught:
        Hub.load(configuration)

    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_defect_while_verifying_is_logged_without_what_it_was_about(shop, stream):
    told = logs.configure(stream, json=True)
    shop.hub.listeners.add(told)

    class Defect:
        stored_headers = frozenset()
        refusal_us = 0.0

        def verify(self, request, *, now):
            raise RuntimeError(f"cannot compare {CANARY}")

    async def scenario():
        source = shop.hub.receiver._sources["billing"]
        shop.hub.receiver.configure(
            {"billing": type(source)(name="billing", scheme=Defect(), body_bytes_max=9)}
        )
        return (await shop.pay("1001")).status

    assert shop.open(scenario) == 503
    assert "reception_fault" in stream.getvalue()
    assert CANARY not in stream.getvalue()
