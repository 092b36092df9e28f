"""Run with `python -m bench.store`: each row beside its floor, the same rows written bare.

CPU time is what to trust on a shared machine; rates are of this run only.
"""

import argparse
import asyncio
import hashlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.store.driver import Accepted, Completion, NewEvent, Outcome
from hardpoint.store.engine import InboxStore
from hardpoint.store.events import BatchCommitted, Checkpointed
from hardpoint.store.sqlite import SqliteStore, library_finding

ids = Uuid7()
HEADERS = b'{"content-type":"application/json","user-agent":"Stripe/1.0"}'
HANDLER = "shop.handlers.mark_paid"
IN_FLIGHT = 64
BODY = os.urandom(2048)
WAL_PAGES = 4_000
ORDERS = "create table orders (id text primary key, paid integer)"


def event(number: int, *, lease: bool) -> NewEvent:
    body = number.to_bytes(8, "big") + BODY
    return NewEvent(
        id=ids(),
        source="billing",
        vendor_id="evt_" + hashlib.sha256(body).hexdigest()[:24],
        type="payment_intent.succeeded",
        account=None,
        asserted=False,
        received_at=time.time(),
        signed_at=int(time.time()),
        correlation_id=f"{number:032x}",
        headers=HEADERS,
        body=body,
        body_sha256=hashlib.sha256(body).digest(),
        handlers=(HANDLER,),
        lease=lease,
    )


class Row:
    """One line of the result."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        self.note = ""

    def end(self, count: int) -> None:
        self.wall = (time.perf_counter() - self.wall) / count
        self.cpu = (time.process_time() - self.cpu) / count

    def show(self, floor: "Row | None" = None) -> None:
        ratio = "" if floor is None else f"{self.cpu / floor.cpu:5.2f} x"
        print(
            f"{self.name:<38} {1 / self.wall:9,.0f}/s {self.cpu * 1e6:7.1f} us CPU {ratio:>9}"
            f"  {self.note}"
        )


def floor_of_accepts(
    folder: Path, events: list[NewEvent], batch: int, *, handled: bool = False
) -> Row:
    """The same rows into the same tables: executemany and commit, nothing else.

    When handled, each batch is followed by one that writes its orders, ends its jobs and records
    its attempts.
    """
    path = folder / f"floor{handled}.db"

    async def make() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.close()

    asyncio.run(make())
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma synchronous = full")
    connection.execute("pragma wal_autocheckpoint = 0")
    connection.execute("pragma secure_delete = fast")
    connection.execute("pragma cache_size = -16000")
    connection.execute(ORDERS)
    rows = [
        (
            *(one.id, one.source, f"i{one.vendor_id}", one.vendor_id, one.type, None, 0),
            *(one.received_at, one.signed_at, one.correlation_id, one.body_sha256, 2056),
            *(None, 1, n),
        )
        for n, one in enumerate(events)
    ]
    contents = [(n, one.id, one.headers, one.body) for n, one in enumerate(events)]
    jobs = [(one.id, HANDLER, HANDLER, one.received_at, 1, 1) for one in events]
    orders = [(one.vendor_id,) for one in events]
    ends = [(one.id, HANDLER, 1, 1) for one in events]
    attempts = [(one.id, HANDLER, 1, 0.0, 0.0, "done", None) for one in events]
    what = "accept + complete + write" if handled else "accept"
    row, pages = Row(f"bare {what}, {batch} a batch"), 0
    for start in range(0, len(rows), batch):
        part = slice(start, start + batch)
        connection.execute("begin immediate")
        connection.executemany(
            f"insert into hardpoint_event values ({', '.join('?' * 15)})", rows[part]
        )
        connection.executemany("insert into hardpoint_content values (?, ?, ?, ?)", contents[part])
        connection.executemany(
            "insert into hardpoint_job (event, handler, lane, run_at, boot, fence)"
            " values (?, ?, ?, ?, ?, ?)",
            jobs[part],
        )
        connection.execute("commit")
        if handled:
            connection.execute("begin immediate")
            connection.executemany("insert into orders values (?, 1)", orders[part])
            connection.executemany(
                "delete from hardpoint_job where event = ? and handler = ? and fence = ?"
                " and boot = ?",
                ends[part],
            )
            connection.executemany(
                "insert into hardpoint_attempt values (?, ?, ?, ?, ?, ?, ?, null)", attempts[part]
            )
            connection.execute("commit")
        pages += (8 if handled else 4) * batch
        if pages > WAL_PAGES:
            pages = 0
            connection.execute("pragma wal_checkpoint(passive)").fetchall()
    row.end(len(rows))
    connection.close()
    return row


async def drive(
    store: InboxStore,
    events: list[NewEvent],
    then: Callable[[NewEvent], None] | None = None,
    *,
    in_flight: int = IN_FLIGHT,
) -> list[float]:
    """Keep so many accepts under way until all are answered; gives each one's seconds."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    pending = iter(events)
    left = len(events)
    took: list[float] = []
    clock = time.perf_counter

    def submit() -> None:
        one = next(pending, None)
        if one is None:
            return
        began = clock()

        def done(result: Accepted | Exception) -> None:
            nonlocal left
            took.append(clock() - began)
            if isinstance(result, Exception):
                ended.set_exception(result)
                return
            if then is not None:
                then(one)
            left -= 1
            if left == 0:
                ended.set_result(None)
            else:
                submit()

        store.accept(one, done)

    for _ in range(in_flight):
        submit()
    await ended
    return took


def latency(took: list[float]) -> str:
    took.sort()
    return f"p50 {took[len(took) // 2] * 1e3:.1f} p99 {took[len(took) * 99 // 100] * 1e3:.1f} ms"


async def accepts(path: Path, events: list[NewEvent]) -> tuple[Row, int]:
    batches: list[int] = []
    stalls: list[float] = []

    def listen(news: object) -> None:
        if isinstance(news, BatchCommitted):
            batches.append(news.rows)
        elif isinstance(news, Checkpointed):
            stalls.append(news.seconds)

    store = SqliteStore(path, listeners=Listeners(listen))
    await store.open()
    row = Row(f"accept, {IN_FLIGHT} in flight, 2 KB")
    took = await drive(store, events)
    row.end(len(events))
    mean = sum(batches) / len(batches)
    row.note = f"{latency(took)}, batch {mean:.0f}, checkpoint max {max(stalls) * 1e3:.0f} ms"
    await store.close()
    return row, round(mean)


async def handled(path: Path, events: list[NewEvent]) -> Row:
    """Accept, hand over from memory, complete with a business write."""
    store = SqliteStore(path)
    await store.open()
    setup = sqlite3.connect(path)
    setup.execute(ORDERS)
    setup.close()
    running: set[asyncio.Task[object]] = set()

    def then(one: NewEvent) -> None:
        now = time.time()
        completion = Completion(
            event=one.id,
            handler=HANDLER,
            fence=1,
            started_at=now,
            ended_at=now,
            outcome=Outcome.DONE,
            writes=(lambda tx: tx.execute("insert into orders values (?, 1)", (one.vendor_id,)),),
        )
        task = asyncio.ensure_future(store.complete(completion))
        running.add(task)
        task.add_done_callback(running.discard)

    row = Row("accept + complete with a write")
    took = await drive(store, events, then)
    while running:
        await asyncio.gather(*running)
    row.end(len(events))
    row.note = latency(took)
    await store.close()
    return row


async def claims(path: Path, events: list[NewEvent], batch: int) -> Row:
    store = SqliteStore(path)
    await store.open()
    await drive(store, events)
    row, left = Row(f"claim + complete, {batch} a batch"), len(events)
    while left:
        now = time.time()
        leases = (await store.claim({HANDLER: batch})).leases
        left -= len(leases)
        await asyncio.gather(
            *(
                store.complete(
                    Completion(
                        event=lease.event.id,
                        handler=lease.handler,
                        fence=lease.fence,
                        started_at=now,
                        ended_at=now,
                        outcome=Outcome.DONE,
                    )
                )
                for lease in leases
            )
        )
    row.end(len(events))
    await store.close()
    return row


def floor_of_claims(folder: Path, count: int, batch: int) -> Row:
    """Update, delete and record with executemany, in two transactions a batch."""
    connection = sqlite3.connect(folder / "claims.db", isolation_level=None)
    for setting in ("journal_mode = wal", "synchronous = full", "cache_size = -16000"):
        connection.execute(f"pragma {setting}")
    connection.execute(
        "create table job (event text, handler text, run_at real, boot integer, fence integer,"
        " primary key (event, handler)) without rowid"
    )
    connection.execute("create index run_at on job (run_at)")
    connection.execute(
        "create table attempt (event text, handler text, number integer, primary key"
        " (event, handler, number)) without rowid"
    )
    names = [(ids(), HANDLER) for _ in range(count)]
    connection.executemany("insert into job values (?, ?, 0, null, 0)", names)
    row = Row(f"bare claim + complete, {batch} a batch")
    for start in range(0, count, batch):
        part = names[start : start + batch]
        connection.execute("begin immediate")
        connection.executemany(
            "update job set run_at = 1, boot = 1, fence = 1 where event = ? and handler = ?", part
        )
        connection.execute("commit")
        connection.execute("begin immediate")
        connection.executemany("delete from job where event = ? and handler = ?", part)
        connection.executemany("insert into attempt values (?, ?, 1)", part)
        connection.execute("commit")
    row.end(count)
    connection.close()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    count = parser.parse_args().events
    finding = library_finding()
    print(finding or f"SQLite {sqlite3.sqlite_version}", end="\n\n")
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as name:
        folder = Path(name)
        events = [event(n, lease=True) for n in range(count)]
        row, batch = asyncio.run(accepts(folder / "accepts.db", events))
        floor = floor_of_accepts(folder, events, batch)
        floor.show()
        row.show(floor)
        floor = floor_of_accepts(folder, events, batch, handled=True)
        floor.show()
        asyncio.run(handled(folder / "handled.db", events)).show(floor)
        due = [event(n, lease=False) for n in range(count)]
        for size in (50, 200):
            floor = floor_of_claims(folder, count, size)
            (folder / "claims.db").unlink()
            floor.show()
            asyncio.run(claims(folder / f"claims{size}.db", due, size)).show(floor)


if __name__ == "__main__":
    main()
