"""Promise 11: nothing that failed is told to nobody, however the library is used."""

import asyncio
import io
import json
import logging
import time

import httpx2
import msgspec
import pytest
import structlog
from starlette.applications import Starlette
from starlette.routing import Mount

from hardpoint import Breaker, Hub, Policy, Retry
from hardpoint.core.events import Listeners
from hardpoint.sync import Hub as BlockingHub
from hardpoint.telemetry import logs

CANARY = "canary0f5e1d"


@pytest.fixture
def hub(shop):
    """Of an application that asked for no telemetry."""
    shop.hub = Hub.load(shop.folder / "hardpoint.toml")
    return shop.hub


async def until(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def named(caplog, event):
    return [record for record in caplog.records if getattr(record, "event", None) == event]


async def post(app, shop, path="/webhooks/billing", **changes):
    """One signed webhook of Stripe's, over ASGI and without lifespan."""
    body = b'{"id": "evt_1", "type": "paid"}'
    headers = dict(shop.sign("billing", body))
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
        answer = await client.post(path, headers=headers | changes, content=body)
    return answer.status_code


def test_a_handler_that_fails_under_a_mounted_hub_is_in_the_log(shop, hub, caplog, capsys):
    app = Starlette(routes=[Mount("/hooks", hub.asgi())])

    @hub.on("billing")
    async def mark_paid(event, job):
        return event.json()["no such key"]

    async def scenario():
        assert await post(app, shop, "/hooks/billing") == 200
        await until(lambda: named(caplog, "handler_finished"))
        await hub.stop()

    asyncio.run(scenario())

    (record,) = named(caplog, "handler_finished")
    assert (record.name, record.levelname) == ("hardpoint", "WARNING")
    assert record.place["function"].endswith("mark_paid")
    assert record.exc_info[0] is KeyError
    assert 'event.json()["no such key"]' in caplog.text
    assert "mark_paid" in record.getMessage()
    assert not structlog.is_configured()
    assert capsys.readouterr() == ("", "")


def test_requests_that_are_refused_under_a_mounted_hub_are_in_the_log(shop, hub, caplog):
    app = Starlette(routes=[Mount("/hooks", hub.asgi())])

    async def scenario():
        forged = {"Stripe-Signature": f"t={time.time():.0f},v1={'0' * 64}"}
        assert await post(app, shop, "/hooks/billing", **forged) == 401
        await until(lambda: named(caplog, "requests_refused"))
        await hub.stop()

    asyncio.run(scenario())

    (record,) = named(caplog, "requests_refused")
    assert (record.source, record.reason) == ("billing", "signature_mismatch")


def test_a_hub_that_cannot_start_says_why_in_the_log(shop, hub, caplog):
    (shop.folder / "shop.db").write_bytes(b"no database" * 999)

    assert asyncio.run(post(hub.asgi(), shop)) == 503

    (record,) = named(caplog, "door_failed")
    assert (record.levelname, record.doing) == ("ERROR", "start")
    assert "shop.db" in record.error
    assert "Traceback" in caplog.text


def test_a_policy_alone_tells_of_a_circuit_that_opens(caplog):
    crm = Policy("crm", breaker=Breaker(failures=1))

    def fails():
        raise ConnectionError

    with pytest.raises(ConnectionError):
        crm.call(fails)

    (record,) = named(caplog, "circuit_changed")
    assert (record.policy, record.after, record.levelname) == ("crm", "open", "WARNING")


def test_a_policy_alone_tells_of_a_predicate_that_raises_with_its_traceback(caplog):
    def mistaken(error):
        return error.status == 503

    def fails():
        raise ConnectionError

    crm = Policy("crm", retry=Retry(attempts=2, on=mistaken), deadline=5)
    with pytest.raises(ConnectionError):
        crm.call(fails)

    assert named(caplog, "option_failed")[0].exc_info[0] is AttributeError
    assert "return error.status == 503" in caplog.text


@pytest.mark.parametrize("when", ["it failed", "its circuit is open"])
def test_a_fallback_hides_no_failure_that_nobody_was_told_of(caplog, when):
    crm = Policy("crm", breaker=Breaker(failures=9), fallback="unknown")

    def fails():
        raise ConnectionError

    if when == "its circuit is open":
        crm.breaker.force_open()
    assert crm.call(fails) == "unknown"

    told = [record.event for record in caplog.records]
    assert told == (["fell_back"] if when == "it failed" else ["circuit_changed"])


def test_a_blocking_hub_tells_the_log(shop, caplog):
    (shop.folder / "files").mkdir()
    configuration = shop.folder / "hardpoint.toml"
    configuration.write_text(
        configuration.read_text() + '[connections.files]\nprovider = "filesystem"\npath = "files"\n'
    )
    with BlockingHub.load(configuration) as hub:
        hub.policy("files").breaker.force_open()

    assert named(caplog, "circuit_changed")[0].policy == "files"


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    severity = "error"
    exception: Exception


def raised():
    try:
        raise ValueError("no such order")
    except ValueError as error:
        return error


def test_what_a_service_writes_is_written_once_whatever_the_application_does(caplog):
    stream = io.StringIO()
    listeners = Listeners(logs.configure(stream, json=True))
    printing = logging.StreamHandler(stream)
    logging.getLogger().addHandler(printing)
    try:
        listeners.emit(failure := Failed(exception=raised()))
        Listeners().emit(failure)  # of a policy used alone, say
        logging.getLogger("hardpoint").warning("of %s", "somebody else's")
    finally:
        logging.getLogger().removeHandler(printing)
        logs.reset()

    own, other, foreign = map(json.loads, stream.getvalue().splitlines())
    assert own["event"] == other["event"] == "failed"
    assert own["level"] == other["level"] == "error"
    assert own["exception"] == other["exception"]
    assert own["exception"].startswith("Traceback")
    assert foreign["event"] == "of somebody else's"
    assert named(caplog, "failed") == []


def test_no_secret_reaches_the_standard_logger(shop, caplog):
    shop.keep("billing", f"whsec_{CANARY}")
    shop.live["billing"] = [f"whsec_{CANARY}"]
    shop.hub = hub = Hub.load(shop.folder / "hardpoint.toml")

    @hub.on("billing")
    async def leaky(event, job):
        secret = hub.settings.webhooks["billing"].secrets[0]
        raise ValueError(f"failed with {secret}")

    async def scenario():
        app = hub.asgi()
        assert await post(app, shop, Authorization=f"Bearer {CANARY}") == 200
        assert await post(app, shop, **{"Stripe-Signature": f"t=1,v1={CANARY}"}) == 401
        await until(lambda: named(caplog, "handler_finished"))
        await until(lambda: named(caplog, "requests_refused"))
        await hub.stop()

    asyncio.run(scenario())

    shown = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "failed with ****" in shown
    assert CANARY not in shown
