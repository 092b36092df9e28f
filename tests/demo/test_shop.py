import asyncio
import importlib
import json
import sys
import threading

import pytest

from hardpoint.store.driver import Event, Lease
from hardpoint.webhooks.job import Job


@pytest.fixture
def shop(tmp_path, monkeypatch):
    configuration = tmp_path / "hardpoint.toml"
    configuration.write_text(
        "[store]\nurl = 'sqlite:shop.db'\n"
        "[webhooks.billing]\nprovider = 'stripe'\nsecrets = ['env:DEMO_STRIPE']\n"
        "[webhooks.code]\nprovider = 'github'\nsecrets = ['env:DEMO_GITHUB']\n"
    )
    monkeypatch.setenv("DEMO_STRIPE", "whsec_demo")
    monkeypatch.setenv("DEMO_GITHUB", "demo")
    monkeypatch.setenv("HARDPOINT_DEMO_CONFIG", str(configuration))
    monkeypatch.setenv("HARDPOINT_DEMO_HOLD", str(tmp_path / "hold"))
    monkeypatch.delitem(sys.modules, "hardpoint.demo.shop", raising=False)
    return importlib.import_module("hardpoint.demo.shop")


def job_of(order, *, failures=0):
    payment = {"id": "pi", "metadata": {"order_id": order}}
    event = Event(
        id="018bcfe5-6800-7000-8000-000000000001",
        source="billing",
        vendor_id="evt_1",
        type="payment_intent.succeeded",
        account=None,
        received_at=0.0,
        correlation_id="c",
        headers={},
        body=json.dumps({"data": {"object": payment}}).encode(),
    )
    lease = Lease(event=event, handler="mark_paid", fence=1, failures=failures)
    return event, Job(lease, None, started_at=0.0)


class Statements:
    def __init__(self):
        self.parameters = []

    def execute(self, sql, parameters=()):
        self.parameters.append(parameters)


def written(job):
    statements = Statements()
    for write in job.writes:
        write(statements)
    return statements.parameters


def test_the_flaky_order_fails_twice_and_is_then_recorded(shop):
    for failures in (0, 1):
        event, job = job_of("1003", failures=failures)
        with pytest.raises(ConnectionError):
            asyncio.run(shop.mark_paid(event, job))
        assert job.writes == []
    event, job = job_of("1003", failures=2)

    asyncio.run(shop.mark_paid(event, job))

    assert written(job) == [(), ["1003", "paid"]]


def test_the_held_order_waits_for_the_hold_to_end(shop):
    shop._hold.touch()
    event, job = job_of("1004")
    threading.Timer(0.05, shop._hold.unlink).start()

    asyncio.run(shop.mark_paid(event, job))

    assert written(job) == [(), ["1004", "paid"]]


def test_a_failed_payment_and_a_push_are_noted(shop):
    event, job = job_of("1002")

    asyncio.run(shop.mark_failed(event, job))
    asyncio.run(shop.deploy(event, job))

    assert written(job) == [(), ["1002", "failed"]]
