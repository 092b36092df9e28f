"""Promises 2 and 4: what was acknowledged is there, and each write has happened once."""

import asyncio
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from hardpoint.store.driver import Completed, Completion, Lease, Outcome
from hardpoint.store.sqlite import SqliteReader, SqliteStore, StatementLimits

VICTIM = Path(__file__).with_name("store_victim.py")
ROUNDS = int(os.environ.get("HARDPOINT_KILLS", "20"))
HANDLERS = ("apply", "count")


def killed_at_random(path: Path, round_: int, chance: random.Random) -> set[str]:
    """Let a process work on the store and kill it; gives what it had acknowledged."""
    victim = subprocess.Popen(
        [sys.executable, str(VICTIM), str(path), str(round_)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with victim.stdout, victim.stderr:
        heard = victim.stdout.readline()
        assert heard == b"open\n", victim.stderr.read().decode()
        told, until = b"", time.monotonic() + chance.uniform(0.0, 0.4)
        while (left := until - time.monotonic()) > 0:
            if select.select([victim.stdout], [], [], left)[0]:
                told += os.read(victim.stdout.fileno(), 1 << 16)
        victim.send_signal(signal.SIGKILL)
        told += victim.stdout.read()
        assert victim.wait() == -signal.SIGKILL, victim.stderr.read().decode()
    whole = told[: told.rfind(b"\n") + 1]
    return {line.removeprefix("ack ") for line in whole.decode().splitlines()}


async def everything(store: SqliteStore) -> list[Lease]:
    leases = list((await store.claim(dict.fromkeys(HANDLERS, 200))).leases)
    while (suspect := await store.claim_suspect(HANDLERS)) is not None:
        leases.append(suspect)
    return leases


async def finish_everything(path: Path) -> int:
    """Do what the killed ones have left; gives how much it was."""
    store = SqliteStore(path, limits=StatementLimits(lock_wait=10))
    await store.open()
    left = 0
    while leases := await everything(store):
        for lease in leases:
            row = (lease.event.id, lease.handler)
            ended = await store.complete(
                Completion(
                    event=lease.event.id,
                    handler=lease.handler,
                    fence=lease.fence,
                    started_at=0.0,
                    ended_at=0.0,
                    outcome=Outcome.DONE,
                    writes=(
                        lambda tx, row=row: tx.execute(
                            "insert into applied (event, handler) values (?, ?)", row
                        ),
                    ),
                )
            )
            assert ended is Completed.RECORDED
            left += 1
    await store.close()
    return left


def rows(path: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_no_acknowledged_event_is_lost_and_every_write_happens_once(tmp_path):
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.execute("create table applied (event text, handler text)")
    connection.close()
    seed = random.SystemRandom().randrange(1 << 32)
    chance, acknowledged = random.Random(seed), set()
    for round_ in range(ROUNDS):
        acknowledged |= killed_at_random(path, round_, chance)
        assert rows(path, "pragma quick_check") == [("ok",)], seed
        doubled = rows(path, "select 1 from applied group by event, handler having count(*) > 1")
        assert doubled == [], seed
    asyncio.run(finish_everything(path))

    stored = [name for (name,) in rows(path, "select vendor_id from hardpoint_event")]
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored), (seed, acknowledged - set(stored))
    assert len(acknowledged) > 10 * ROUNDS
    applied = rows(path, "select event, handler from applied")
    assert len(applied) == len(set(applied)) == 2 * len(stored), seed
    reader = SqliteReader(path)
    assert reader.counts()["done"] == len(stored)
    reader.close()
    assert rows(path, "pragma integrity_check") == [("ok",)]
