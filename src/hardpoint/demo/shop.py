"""The shop that the demo's gateway serves; it runs in the child process that gets killed."""

import asyncio
import os
import time
from pathlib import Path

from hardpoint.demo.orders import FLAKY_ORDER, HELD_ORDER
from hardpoint.hub.hub import Hub
from hardpoint.store.driver import Event, Transaction
from hardpoint.webhooks.job import Job

hub = Hub.load(os.environ["HARDPOINT_DEMO_CONFIG"])
_hold = Path(os.environ["HARDPOINT_DEMO_HOLD"])


@hub.on("billing", "payment_intent.succeeded", retry=(0.2, 0.4))
async def mark_paid(event: Event, job: Job) -> None:
    """Mark the order paid. One order's warehouse is down twice; one waits while it is told to."""
    order = _order(event)
    if order == FLAKY_ORDER and job.failures < 2:
        raise ConnectionError("the warehouse does not answer")
    if order == HELD_ORDER:
        await asyncio.to_thread(_wait_while_held)
    job.write(lambda transaction: _record(transaction, order, "paid"))


@hub.on("billing", "payment_intent.payment_failed")
async def mark_failed(event: Event, job: Job) -> None:
    """Remember that the customer has to pay another way."""
    order = _order(event)
    job.write(lambda transaction: _record(transaction, order, "failed"))


@hub.on("code", "push")
async def deploy(event: Event, job: Job) -> None:
    """Take note of a push; the demo deploys nothing."""
    del event, job


def _wait_while_held() -> None:
    while _hold.exists():
        time.sleep(0.02)


def _order(event: Event) -> str:
    return event.json()["data"]["object"]["metadata"]["order_id"]


def _record(transaction: Transaction, order: str, status: str) -> None:
    transaction.execute(
        "create table if not exists orders (id text primary key, status text, times integer)"
    )
    transaction.execute(
        "insert into orders values (?, ?, 1) on conflict (id) do update set times = times + 1",
        [order, status],
    )
