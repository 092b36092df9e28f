"""A handler that writes in another database: `fence_victim.py STORE BUSINESS dies|lives`.

STORE is a file, BUSINESS a URL of SQLAlchemy's. One that dies is killed between the commit there
and the end of its job. One that lives says what `write_in` gave it.
"""

import asyncio
import hashlib
import os
import signal
import sys

import sqlalchemy

from hardpoint.core.identifiers import Uuid7
from hardpoint.store.driver import Completion, NewEvent, Outcome
from hardpoint.store.sqlite.opening import SqliteEngine
from hardpoint.webhooks.job import Job

EVENT = NewEvent(
    id=Uuid7()(),
    source="billing",
    vendor_id="evt_1",
    type="paid",
    account=None,
    asserted=False,
    received_at=0.0,
    signed_at=None,
    correlation_id="c",
    headers=b"{}",
    body=b"{}",
    body_sha256=hashlib.sha256(b"{}").digest(),
    handlers=("pay",),
    lease=False,
)


async def main(path, business, end):
    store = SqliteEngine(path)
    await store.open()
    if end == "dies":
        stored = asyncio.get_running_loop().create_future()
        store.accept(EVENT, stored.set_result)
        await stored
        (lease,) = (await store.claim({"pay": 1})).leases
    else:
        lease = await store.claim_suspect(["pay"])
    job = Job(lease, store.complete_in, started_at=1.0)
    engine = sqlalchemy.create_engine(business)
    with engine.connect() as connection:
        pay = sqlalchemy.text("insert into orders values (1)")
        wrote = job.write_in(connection, lambda target: target.execute(pay))
    if end == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    ending = Completion(
        event=job.event_id,
        handler=job.handler,
        fence=job.attempt,
        started_at=1.0,
        ended_at=2.0,
        outcome=Outcome.DONE,
    )
    sys.stdout.write(f"{wrote} {await store.complete(ending)}\n")
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
