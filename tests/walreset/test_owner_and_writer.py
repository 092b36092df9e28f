"""An owner that copies the log all the time, and connections of guests that write meanwhile."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from functools import partial

import pytest

SECONDS = int(os.environ.get("HARDPOINT_KILLS", "50")) / 5
PLAIN = """
import os
import sqlite3
import threading
import time

first, second = (
    sqlite3.connect("plain.db", isolation_level=None, check_same_thread=False) for _ in "ab"
)
first.execute("pragma journal_mode = wal")
for one in (first, second):
    one.execute("pragma wal_autocheckpoint = 0")
first.execute("create table note (id integer primary key, text)")
for _ in range(300):
    first.execute("insert into note (text) values (?)", ["x" * 2000])
first.execute("pragma wal_checkpoint(passive)").fetchall()  # all of it is copied
os.environ["HARDPOINT_PAUSE_MS"] = "1000"
copying = threading.Thread(
    target=lambda: first.execute("pragma wal_checkpoint(passive)").fetchall()
)
copying.start()
time.sleep(0.3)
for _ in range(50):
    second.execute("insert into note (text) values (?)", ["y" * 2000])
copying.join()
try:
    print(sqlite3.connect("plain.db").execute("pragma integrity_check").fetchone()[0])
except sqlite3.DatabaseError as error:
    print(error)
"""
OWNER = """
import asyncio
import sys
from pathlib import Path

from hardpoint.store.driver import NewEvent
from hardpoint.store.guests import Rank, SharedStore
from hardpoint.store.sqlite import SqliteStore, StatementLimits
from hardpoint.store.sqlite.database import Checkpoints

if sys.argv[1:] == ["careless"]:  # it copies whenever nothing waits, whoever wrote last
    Checkpoints._write_frame = lambda self: None
    Checkpoints.due = lambda self, *, quiet: quiet


class Crew:
    rank, home, public = Rank.WORKER, None, ""

    def matching(self, source, event_type):
        return ()


def event(number):
    return NewEvent(
        id=f"0192-{number}", source="billing", vendor_id=f"evt_{number}", type="paid",
        account=None, asserted=False, received_at=1.5, signed_at=None, correlation_id="c",
        headers=b"{}", body=b"b" * 3000, body_sha256=bytes(32), lease=False,
    )


async def main():
    limits = StatementLimits(wal_pages=0, quiet=0.005, tick=0.005)
    store = SqliteStore("shop.db", limits=limits, retention=None)
    shared = SharedStore(store)
    await shared.start(Crew())
    stored = 0
    Path("owns").touch()
    while not Path("enough").exists():
        answer = asyncio.get_running_loop().create_future()
        shared.accept(event(stored), answer.set_result)
        stored += not isinstance(await answer, Exception)
        await asyncio.sleep(0.2)
    await shared.stop()
    print(stored)


asyncio.run(main())
"""
WRITER = """
import random
import time
from contextlib import closing
from pathlib import Path

from hardpoint.sync import Hub

with Hub.load("hardpoint.toml") as hub, closing(hub.connect()) as shop:
    assert hub.once("key", str, 1, returns=str) == "1"  # as a guest
    shop.execute("create table mine (id integer primary key, text)")
    written = 0
    while not Path("enough").exists():
        with shop:
            shop.execute("insert into mine (text) values (?)", ["x" * 3000])
        written += 1
        time.sleep(random.uniform(0, 0.06))  # the owner copies all of the log now and then
print(written)
"""


@pytest.fixture
def start(tmp_path, paused_library):
    """Starts a script on that library."""

    def start(script, *words, pause_ms=None, folder=tmp_path):
        (folder / "hardpoint.toml").write_text('[store]\nurl = "sqlite:shop.db"\n')
        paused = {} if pause_ms is None else {"HARDPOINT_PAUSE_MS": str(pause_ms)}
        return subprocess.Popen(
            [sys.executable, "-c", script, *words],
            cwd=folder,
            env={**os.environ, "LD_PRELOAD": str(paused_library), **paused},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def sound(database):
    try:
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute("pragma integrity_check").fetchone()[0] == "ok"
    except sqlite3.DatabaseError:
        return False


def together(folder, start, *words):
    """What both have written, and what they complain of."""
    owner = start(OWNER, *words, pause_ms=20)
    deadline = time.monotonic() + 60
    while not (folder / "owns").exists():
        assert owner.poll() is None, owner.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    writer = start(WRITER)
    with suppress(subprocess.TimeoutExpired):
        writer.wait(SECONDS)
    (folder / "enough").touch()
    return [one.communicate(timeout=60) for one in (owner, writer)]


def test_the_library_has_the_defect(start):
    told, _ = start(PLAIN).communicate(timeout=60)
    assert told.strip() != "ok"


def test_an_owner_that_follows_the_rule_damages_nothing(start, tmp_path):
    stored, written = (int(told) for told, _ in together(tmp_path, start))
    assert min(stored, written) > 10
    assert sound(tmp_path / "shop.db")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("select count(*) from hardpoint_event").fetchone() == (stored,)
        assert connection.execute("select count(*) from mine").fetchone() == (written,)


def test_one_that_does_not_would_be_noticed(start, tmp_path):
    assert any(careless_damages(start, tmp_path / str(turn)) for turn in range(8))


def careless_damages(start, folder):
    """It takes a commit in the middle of a copy that has nothing left to copy."""
    folder.mkdir()
    told = together(folder, partial(start, folder=folder), "careless")
    return not sound(folder / "shop.db") or any("malformed" in one for _, one in told)
