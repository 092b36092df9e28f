"""PgQueuer: `uvicorn bench.accept.queues.pgqueuer_:app`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI
from pgqueuer import PgQueuer
from pgqueuer.errors import DuplicateJobError
from pgqueuer.models import Job

from bench.accept.queues import CONCURRENCY, PAID, STORE, Delivery, delivery


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(STORE, min_size=2, max_size=CONCURRENCY) as pool:
        queue = PgQueuer.from_asyncpg_pool(pool)
        await queue.queries.install()

        @queue.entrypoint("mark_paid")
        async def mark_paid(job: Job) -> None:
            order = json.loads(job.payload)["data"]["object"]["metadata"]["order"]
            await pool.execute(PAID, order)

        app.state.queue = queue
        working = asyncio.create_task(
            queue.run(batch_size=CONCURRENCY, max_concurrent_tasks=2 * CONCURRENCY)
        )
        yield
        queue.shutdown.set()
        await working


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/billing")
async def receive(told: Annotated[Delivery, Depends(delivery)]) -> dict[str, str]:
    try:
        await app.state.queue.queries.enqueue("mark_paid", told.body, dedupe_key=told.id)
    except DuplicateJobError:
        return {"status": "duplicate"}
    return {"status": "stored"}
