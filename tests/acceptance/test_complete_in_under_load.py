"""Handlers that write in transactions of their own, in the process that accepts under load."""

import asyncio
import contextlib
import sqlite3
import time

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

from hardpoint.store.views import State
from hardpoint.webhooks.answers import STORED

PER_KIND = 60
ADD = "insert into orders values (:id, 1) on conflict (id) do update set times = times + 1"


def by_connection(shop):
    def handle(event, job):
        with contextlib.closing(sqlite3.connect(shop.database)) as connection:
            with job.complete_in(connection):
                connection.execute(ADD, {"id": event.json()["order"]})
            if connection.in_transaction:
                raise AssertionError("left in a transaction")

    return handle, lambda: None


def by_session(shop):
    engine = create_engine(f"sqlite:///{shop.database}")
    sessions = sessionmaker(engine)

    def handle(event, job):
        with sessions() as session, job.complete_in(session):
            session.execute(text(ADD), {"id": event.json()["order"]})

    return handle, engine.dispose


def by_async_session(shop):
    engine = create_async_engine(f"sqlite+aiosqlite:///{shop.database}")
    sessions = async_sessionmaker(engine)

    async def handle(event, job):
        async with sessions() as session, job.complete_in(session):
            await session.execute(text(ADD), {"id": event.json()["order"]})

    return handle, engine.dispose


@pytest.mark.parametrize("kind", [by_connection, by_session, by_async_session])
def test_every_order_is_written_once_and_no_request_starves(shop, kind):
    shop.sql("create table orders (id text primary key, times integer)")
    handle, dispose = kind(shop)
    failed_once = set()

    def failing_first(event, job):
        order = event.json()["order"]
        if int(order) % 10 == 0 and order not in failed_once:
            failed_once.add(order)
            raise ConnectionError("the warehouse does not answer")
        return handle(event, job)

    async def failing_first_awaited(event, job):
        await failing_first(event, job)

    wanted = failing_first_awaited if asyncio.iscoroutinefunction(handle) else failing_first
    shop.hub.on("billing", "paid", name="own", retry=[0.01, 0.01])(wanted)
    waits = []

    async def pay(number):
        began = time.monotonic()
        assert await shop.pay(str(number)) == STORED
        waits.append(time.monotonic() - began)

    async def noise(number):
        body = b'{"n": %d}' % number
        headers = shop.sign("code", body, event_id=f"d-{number}", event_type="push")
        began = time.monotonic()
        assert await shop.post("code", headers, body) == STORED
        waits.append(time.monotonic() - began)

    async def scenario():
        for start in range(0, PER_KIND, 10):
            numbers = range(start, start + 10)
            noises = range(start * 10, start * 10 + 100)
            await asyncio.gather(*map(pay, numbers), *map(noise, noises))
        await shop.until(
            lambda: shop.sql("select count(*) from hardpoint_job") == [(0,)], seconds=60
        )
        with contextlib.suppress(TypeError):
            await dispose()

    shop.open(scenario)
    assert shop.sql("select count(*), min(times), max(times) from orders") == [(PER_KIND, 1, 1)]
    counts = shop.read(lambda reader: reader.counts())
    assert counts[State.DONE.value] == PER_KIND
    assert counts[State.SKIPPED.value] == PER_KIND * 10
    assert len(failed_once) == PER_KIND // 10
    assert max(waits) < 5


def test_all_kinds_at_once_in_one_process(shop):
    shop.sql("create table orders (id text primary key, times integer)")
    kinds = [kind(shop) for kind in (by_connection, by_session, by_async_session)]
    for number, (handle, _) in enumerate(kinds):
        shop.hub.on("billing", "paid", name=f"own{number}")(handle)

    async def scenario():
        answers = await asyncio.gather(*(shop.pay(str(number)) for number in range(PER_KIND)))
        assert all(answer == STORED for answer in answers)
        await shop.until(
            lambda: shop.sql("select count(*) from hardpoint_job") == [(0,)], seconds=60
        )
        for _, dispose in kinds:
            with contextlib.suppress(TypeError):
                await dispose()

    shop.open(scenario)
    assert shop.sql("select count(*), min(times), max(times) from orders") == [(PER_KIND, 3, 3)]
    assert {attempt.outcome.value for attempt in shop.attempts()} == {"done"}
