"""A process that accepts and handles as fast as it can until it is killed.

Run as `python store_victim.py DATABASE ROUND`. It prints `open` when it has begun, and `ack ID`
when an event was acknowledged, never before.
"""

import asyncio
import hashlib
import os
import random
import sqlite3
import sys
import time

from hardpoint.core.identifiers import Uuid7
from hardpoint.store.driver import Completion, Lease, NewEvent, Outcome, Stored
from hardpoint.store.sqlite import SqliteStore, StatementLimits, complete_in

HANDLERS = ("apply", "count")
APPLIED = "insert into applied (event, handler) values (?, ?)"

ids = Uuid7()
chance = random.Random()


def an_event(name: str) -> NewEvent:
    body = name.encode() * (1 + len(name) * 37 % 200)
    return NewEvent(
        id=ids(),
        source="billing",
        vendor_id=name,
        type="payment.succeeded",
        account=None,
        asserted=False,
        received_at=time.time(),
        signed_at=None,
        correlation_id=name,
        headers=b"{}",
        body=body,
        body_sha256=hashlib.sha256(body).digest(),
        handlers=HANDLERS,
        lease=False,
    )


def told(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def accept_for_ever(store: SqliteStore, round_: str, lane: int) -> None:
    number = 0
    while True:
        name = f"{round_}-{lane}-{number}"
        # A vendor's redelivery comes at times, of the same event.
        number += chance.random() < 0.9
        answer = asyncio.get_running_loop().create_future()
        store.accept(an_event(name), answer.set_result)
        result = await answer
        assert result.stored in (Stored.NEW, Stored.DUPLICATE), result
        told(f"ack {name}")


async def handle(store: SqliteStore, lease: Lease) -> None:
    if lease.suspect:
        assert await store.mark_started(lease)
    row = (lease.event.id, lease.handler)
    dice = chance.random()
    if dice < 0.2:
        await asyncio.to_thread(in_my_own_transaction, store, lease, row)
        return
    now = time.time()
    await store.complete(
        Completion(
            event=lease.event.id,
            handler=lease.handler,
            fence=lease.fence,
            started_at=now,
            ended_at=now,
            outcome=Outcome.FAILED if dice < 0.3 else Outcome.DONE,
            writes=() if dice < 0.3 else (lambda tx: tx.execute(APPLIED, row),),
        )
    )


def in_my_own_transaction(store: SqliteStore, lease: Lease, row: tuple[str, str]) -> None:
    connection = sqlite3.connect(store.path)
    try:
        with complete_in(store, lease, connection):
            connection.execute(APPLIED, row)
    finally:
        connection.close()


async def work_for_ever(store: SqliteStore) -> None:
    while True:
        leases = list((await store.claim(dict.fromkeys(HANDLERS, 10))).leases)
        suspect = await store.claim_suspect(HANDLERS)
        leases += [] if suspect is None else [suspect]
        await asyncio.gather(*(handle(store, lease) for lease in leases))
        if not leases:
            await asyncio.sleep(0.001)


async def main(path: str, round_: str) -> None:
    store = SqliteStore(path, limits=StatementLimits(wal_pages=200, quiet=0.01))
    await store.open()
    told("open")
    await asyncio.gather(
        *(accept_for_ever(store, round_, lane) for lane in range(8)), work_for_ever(store)
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
