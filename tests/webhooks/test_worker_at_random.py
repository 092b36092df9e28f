"""Everything at once: handlers that fail in every way, a store that comes and goes, time in jumps.

Whatever the order, each event ends as its kind must, and each write is made exactly once.
"""

import asyncio
import random
import sqlite3
import threading

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.views import State
from hardpoint.webhooks.answers import STORED
from hardpoint.webhooks.handlers import Permanent, RetryAfter, Skip

EVENTS = 120
ENDS = {
    "fine": State.DONE,
    "flaky": State.DONE,
    "later": State.DONE,
    "slow": State.DONE,
    "plain": State.DONE,
    "sloppy": State.DONE,
    "hopeless": State.DEAD,
    "dull": State.SKIPPED,
}
WRITTEN = {kind for kind, end in ENDS.items() if end is State.DONE}
FAULTY = ("claim", "complete", "waiting", "accept")


def handle_everything(rig):
    def write(event, job, *more):
        job.write(lambda tx: tx.execute("insert into written values (?)", [event.vendor_id]))
        for one in more:
            job.write(one)

    def fail(tx):
        raise ValueError("the write failed")

    @rig.on("fine")
    async def fine(event, job):
        write(event, job)

    @rig.on("flaky", retry=[1, 1, 1])
    async def flaky(event, job):
        write(event, job)
        if job.failures < 2:
            raise ConnectionError

    @rig.on("later", retry=[500])
    async def later(event, job):
        if job.failures == 0:
            raise RetryAfter(2)
        write(event, job)

    @rig.on("slow", retry=[1] * 50, timeout=0.01)
    async def slow(event, job):
        if job.failures == 0:
            await asyncio.sleep(60)
        write(event, job)

    @rig.on("plain", retry=[1] * 50, timeout=0.01)
    def plain(event, job):
        if job.failures == 0:
            threading.Event().wait(0.03)
        write(event, job)

    @rig.on("sloppy", retry=[1])
    async def sloppy(event, job):
        write(event, job, *([fail] if job.failures == 0 else []))

    @rig.on("hopeless")
    async def hopeless(event, job):
        write(event, job)
        raise Permanent

    @rig.on("dull")
    async def dull(event, job):
        write(event, job)
        raise Skip


async def vendor(rig, chance, number):
    kind = chance.choice(list(ENDS))
    await asyncio.sleep(chance.uniform(0, 0.5))
    while await rig.deliver(f"evt_{number}", kind) != STORED:
        await asyncio.sleep(0.05)
    if chance.random() < 0.3:
        await rig.deliver(f"evt_{number}", kind)
    return f"evt_{number}", kind


async def trouble(rig, chance, over):
    while not over():
        for name in FAULTY:
            if chance.random() < 0.2:
                rig.faults.raising[name] = StoreUnavailableError("not now")
        await asyncio.sleep(chance.uniform(0, 0.1))
        rig.faults.raising.clear()
        await rig.advance(chance.choice([0.0, 0.5, 5.0, 70.0]))
        await asyncio.sleep(chance.uniform(0, 0.2))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_in_whatever_order_every_event_ends_as_it_must(rig, seed):
    chance = random.Random(seed)
    one = rig(concurrency=5, threads=3)
    handle_everything(one)

    async def scenario():
        with sqlite3.connect(one.store.path) as connection:
            connection.execute("create table written (id text)")
        connection.close()
        ended = False
        troubling = asyncio.create_task(trouble(one, chance, lambda: ended))
        kinds = dict(await asyncio.gather(*(vendor(one, chance, n) for n in range(EVENTS))))
        await one.until(lambda: pending(one) == 0, seconds=60)
        ended = True
        await troubling
        await one.until(lambda: [shares.held for shares in one.worker._shares] == [0, 0])
        return kinds

    kinds = one.play(scenario)
    events = one.read(lambda reader: reader.events(limit=EVENTS * 2))
    assert {e.vendor_id: e.state for e in events} == {
        event: ENDS[kind] for event, kind in kinds.items()
    }
    with sqlite3.connect(one.store.path) as connection:
        rows = connection.execute("select id from written order by id").fetchall()
    connection.close()
    assert [event for (event,) in rows] == sorted(
        event for event, kind in kinds.items() if kind in WRITTEN
    )


def pending(rig):
    return rig.read(lambda reader: reader.counts())[State.PENDING.value]
