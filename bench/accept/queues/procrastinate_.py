"""Procrastinate: `uvicorn bench.accept.queues.procrastinate_:app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from psycopg_pool import AsyncConnectionPool

from bench.accept.queues import CONCURRENCY, PAID, STORE, Delivery, delivery

connector = PsycopgConnector(conninfo=STORE, min_size=2, max_size=CONCURRENCY)
jobs = App(connector=connector)
orders = AsyncConnectionPool(STORE, min_size=2, max_size=CONCURRENCY, open=False)


@jobs.task(queue="billing")
async def mark_paid(event: str, order: str, body: str) -> None:
    async with orders.connection() as connection:
        await connection.execute(PAID.replace("$1", "%s"), [order])


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with orders, jobs.open_async():
        await jobs.schema_manager.apply_schema_async()
        working = asyncio.create_task(
            jobs.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=False)
        )
        yield
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/billing")
async def receive(told: Annotated[Delivery, Depends(delivery)]) -> dict[str, str]:
    job = mark_paid.configure(queueing_lock=told.id)
    try:
        await job.defer_async(event=told.id, order=told.order, body=told.body.decode())
    except AlreadyEnqueued:
        return {"status": "duplicate"}
    return {"status": "stored"}
