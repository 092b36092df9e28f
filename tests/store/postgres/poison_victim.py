"""A worker of which one event ends the process: `poison_victim.py URL`.

Whoever is handled otherwise leaves a row in `effects`, after a moment.
"""

import asyncio
import os
import random
import sys

from hardpoint.core.events import Listeners
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.opening import PostgresEngine
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.worker import Worker

LIMITS = PostgresLimits(expires=1.0, poll=0.1)


async def handle(event, job):
    if event.vendor_id == "poison":
        os._exit(7)
    await asyncio.sleep(random.random() * 0.1)  # so that some are in flight
    job.execute("insert into effects (event) values ($1)", [event.id])


async def main(url):
    store = PostgresEngine(url, limits=LIMITS, retention=None)
    handlers = Handlers()
    handlers.add("billing", "*", handle, name="mark_paid")
    worker = Worker(
        store,
        handlers,
        complete_in=store.complete_in,
        clock=SystemClock(),
        random=random.random,
        listeners=Listeners(),
        concurrency=8,
    )
    await store.open()
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
