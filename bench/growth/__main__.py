"""Run with `python -m bench.growth`: what a full store costs more than one that is almost empty.

Two stores of each engine are filled, and then measured in turns, so that whatever else the machine
does is the same for both: accepting, claiming with completing, the first page of the list. The
target is that the larger one takes at most 1.3 times as long.
"""

import argparse
import asyncio
import hashlib
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench import database
from bench.store.__main__ import HANDLER, HEADERS, drive, event, ids
from hardpoint.store.driver import Completion, Outcome
from hardpoint.store.postgres.opening import PostgresEngine
from hardpoint.store.sqlite.opening import SqliteEngine

TARGET = 1.3
CHUNK = 20_000
EVENTS = 1_000
"""Accepted, and then handled, in one turn."""
PAGES = 50
CLAIMED = 100
BODY_BYTES = 256
SECONDS_APART = 0.01

_POSTGRES_ROWS = f"""
with
    e as (
        insert into hardpoint.event (
            id, dedupe, source, vendor_id, type, asserted, received_at, signed_at, correlation_id,
            body_sha256, body_bytes, handlers
        )
        select uuidv7(-make_interval(secs => %(left)s * {SECONDS_APART})
                + make_interval(secs => n * {SECONDS_APART})),
            sha256(convert_to('dedupe' || %(left)s - n, 'utf8')), 'billing',
            'evt_' || md5((%(left)s - n)::text), 'payment_intent.succeeded', false,
            extract(epoch from now()) - (%(left)s - n) * {SECONDS_APART}, 1, md5(n::text),
            sha256(convert_to((%(left)s - n)::text, 'utf8')), {BODY_BYTES}, 1
        from generate_series(1, %(count)s) n
        returning id, received_at
    ),
    bodies as (
        insert into hardpoint.content
        select id, %(headers)s, decode(repeat(md5(id::text), {BODY_BYTES // 16}), 'hex') from e
    )
insert into hardpoint.attempt (event, handler, number, started_at, ended_at, outcome)
select id, %(handler)s, 1, received_at, received_at, 'done' from e
"""


def fill_postgres(url: str, count: int) -> None:
    """So many events that were handled long ago."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        for left, size in chunks("PostgreSQL", count):
            values = {"left": left, "count": size, "headers": HEADERS, "handler": HANDLER}
            connection.execute(_POSTGRES_ROWS, values)
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def fill_sqlite(path: Path, count: int) -> None:
    """The same in a file."""
    now = time.time()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = off")  # until it is measured
        for left, size in chunks("SQLite", count):
            events, contents, attempts = [], [], []
            for number in range(left, left - size, -1):
                at = now - number * SECONDS_APART
                name, digest = ids(), hashlib.sha256(number.to_bytes(8, "big")).digest()
                vendor = f"evt_{digest.hex()[:24]}"
                events.append(
                    (
                        *(name, "billing", f"i{vendor}", vendor, "payment_intent.succeeded"),
                        *(None, 0, at, 1, name, digest, BODY_BYTES, None, 1, number),
                    )
                )
                contents.append((number, name, HEADERS, os.urandom(BODY_BYTES)))
                attempts.append((name, HANDLER, 1, at, at, "done"))
            connection.execute("begin immediate")
            connection.executemany(
                f"insert into hardpoint_event values ({', '.join('?' * 15)})", events
            )
            connection.executemany("insert into hardpoint_content values (?, ?, ?, ?)", contents)
            connection.executemany(
                "insert into hardpoint_attempt (event, handler, number, started_at, ended_at,"
                " outcome) values (?, ?, ?, ?, ?, ?)",
                attempts,
            )
            connection.execute("commit")
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()


def chunks(engine: str, count: int) -> Iterator[tuple[int, int]]:
    """How many are left, and how many to make now; says how far it is."""
    for left in range(count, 0, -CHUNK):
        yield left, min(CHUNK, left)
        done = count - max(0, left - CHUNK)
        print(f"\r{engine}: {done:,} of {count:,} events", end="", file=sys.stderr)
    print(file=sys.stderr)


class Measured:
    """A store that was filled, and what each kind of work takes there, in micro-seconds."""

    def __init__(self, store: Any, count: int) -> None:
        self.store = store
        self.count = count
        self.took: dict[str, list[float]] = {}

    async def turn(self, number: int) -> None:
        """Do each kind once."""
        first = time.time_ns()  # no event is the same in two runs
        events = [event(first + n, lease=False) for n in range(EVENTS)]
        with self._noted("accept, 64 in flight", EVENTS):
            await drive(self.store, events)
        with self._noted(f"claim + complete, {CLAIMED} at a time", EVENTS):
            await self._handle()
        with self._noted("first page of the list", PAGES), closing(self.store.reader()) as reader:
            for _ in range(PAGES):
                assert len(reader.events()) == 50

    async def _handle(self) -> None:
        left = EVENTS
        while left:
            leases = (await self.store.claim({HANDLER: CLAIMED})).leases
            left -= len(leases)
            now = time.time()
            endings = [
                Completion(
                    event=lease.event.id,
                    handler=lease.handler,
                    fence=lease.fence,
                    started_at=now,
                    ended_at=now,
                    outcome=Outcome.DONE,
                )
                for lease in leases
            ]
            await asyncio.gather(*map(self.store.complete, endings))

    @contextmanager
    def _noted(self, what: str, count: int) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.took.setdefault(what, []).append(seconds / count * 1e6)


async def compared(
    name: str,
    open_one: Callable[[int], Any],
    fill: Callable[[Any, int], None],
    sizes: list[int],
    rounds: int,
) -> bool:
    """Fill both, measure both in turns, show both; whether the target is met."""
    both = []
    for size in sizes:
        store = open_one(size)
        await store.open()
        await store.close()
        fill(store, size)
        await store.open()
        both.append(Measured(store, size))
    for number in range(rounds + 1):
        for one in both if number % 2 else both[::-1]:
            await one.turn(number)
        if number == 0:  # it filled the caches
            for one in both:
                one.took.clear()
        print(f"\r{name}: round {number} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    for one in both:
        await one.store.close()
    met = True
    for what in both[0].took:
        small, large = (statistics.median(one.took[what]) for one in both)
        ratio = large / small
        met = met and ratio <= TARGET
        verdict = "met" if ratio <= TARGET else "MISSED"
        print(
            f"{name:<11} {what:<34} {small:8.1f} us {large:8.1f} us {ratio:6.2f} x"
            f"  (<= {TARGET}: {verdict})"
        )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="in the larger store")
    parser.add_argument("--base", type=int, default=10_000, help="in the smaller one")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    options = parser.parse_args()
    sizes = [options.base, options.events]
    print(f"{'':<11} {'':<34} {sizes[0]:>8,}    {sizes[1]:>8,}    larger / smaller")
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="growth-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        met = asyncio.run(
            compared(
                "SQLite",
                lambda size: SqliteEngine(folder / f"{size}.db", retention=None),
                lambda store, count: fill_sqlite(folder / f"{count}.db", count),
                sizes,
                options.rounds,
            )
        )
        with database.server(folder) as address:
            urls = {size: database.made(address, f"growth_{size}") for size in sizes}
            met &= asyncio.run(
                compared(
                    "PostgreSQL",
                    lambda size: PostgresEngine(urls[size], retention=None),
                    lambda _, count: fill_postgres(urls[count], count),
                    sizes,
                    options.rounds,
                )
            )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
