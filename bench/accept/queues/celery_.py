"""Celery over the database, so that what is acknowledged is as durable as elsewhere.

`uvicorn bench.accept.queues.celery_:app`, which starts a worker.
"""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from celery import Celery
from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, text

from bench.accept.queues import ALCHEMY, PAID, Delivery, delivery

jobs = Celery("bench", broker=f"sqla+{ALCHEMY}")
jobs.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=4)
engine = create_engine(ALCHEMY)


@jobs.task
def mark_paid(event: str, order: str, body: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(PAID.replace("$1", ":order")), {"order": order})


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    with jobs.connection() as connection:  # its tables
        connection.default_channel.queue_declare("celery")
    command = [sys.executable, "-m", "celery", "-A", f"{__name__}:jobs", "worker", "--pool", "solo"]
    worker = subprocess.Popen([*command, "--loglevel", "warning", "--without-mingle"])
    yield
    worker.terminate()
    worker.wait(30)


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/billing")
def receive(told: Annotated[Delivery, Depends(delivery)]) -> dict[str, str]:
    mark_paid.apply_async((told.id, told.order, told.body.decode()), task_id=told.id)
    return {"status": "stored"}
