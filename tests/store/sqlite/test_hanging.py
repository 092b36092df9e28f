"""A disk that hangs: whoever asks the store gets an answer in time, and nothing is lost by it."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import contextmanager

import msgspec
import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.runtime.blocking import run
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.journalling import StoreJournal

SILENT = r"did not answer within 0\.05 s; look at its disk"


@pytest.fixture(autouse=True)
def patient(stage):
    stage.limits |= {"gate": 60.0}


@contextmanager
def impatient(store, seconds=0.05):
    """Those who ask wait for an instant only."""
    limits = store.limits, store._writer._limits
    store.limits = store._writer._limits = msgspec.structs.replace(store.limits, answer=seconds)
    yield
    store.limits, store._writer._limits = limits


@contextmanager
def hanging(store, seconds=0.05):
    """The writer's thread stands still between two groups."""
    turn = store.gate.acquire()
    with impatient(store, seconds):
        yield
    store.gate.release(turn)


def test_who_asks_is_told_in_time_and_what_was_not_begun_is_not_done(stage):
    async def story(desk):
        await desk.accept("evt_1")
        with hanging(desk.store):
            with pytest.raises(StoreUnavailableError, match=SILENT):
                await desk.store.next_due(["mark_paid"])
            with pytest.raises(StoreUnavailableError, match=SILENT):
                await desk.claim()
        await desk.settled()
        assert len(await desk.claim()) == 1

    stage.play(story)


def test_who_goes_in_the_moment_its_time_is_up_is_told_nothing_more(stage):
    async def story(desk):
        with hanging(desk.store, seconds=0.0):
            asking = asyncio.ensure_future(desk.store.next_due([]))
            await asyncio.sleep(0)  # it asks
            await asyncio.sleep(0)  # and is to be told in this turn of the loop
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    stage.play(story)


def test_a_thread_that_asks_is_told_in_time(stage):
    store = stage.build()
    store.open_blocking()
    journal = StoreJournal(store, blocking=True)
    asked = Intent(scope="texts:send", key="k", fingerprint=b"f")
    with hanging(store), pytest.raises(StoreUnavailableError, match=SILENT):
        run(journal.begin(asked))
    assert run(journal.begin(asked)).standing is Standing.NEW
    store.close_blocking()


@pytest.mark.parametrize("suspect", [False, True])
def test_what_is_leased_too_late_is_given_back(stage, suspect):
    async def story(desk):
        await desk.accept("evt_1")
        if suspect:
            (lease,) = await desk.claim()
            await desk.store.close(clean=False)
            await desk.store.open()
        over = threading.Event()
        turn = desk.store.gate.acquire()
        desk.store.post(bool)
        with impatient(desk.store):
            claim = asyncio.ensure_future(desk.suspect() if suspect else desk.claim())
            await asyncio.sleep(0)
            desk.store.post(over.wait, 30)  # in its group, after it
            desk.store.gate.release(turn)
            with pytest.raises(StoreUnavailableError, match=SILENT):
                await claim
        over.set()
        await desk.settled()
        await desk.settled()  # by now it has been given back
        lease = await desk.suspect() if suspect else (await desk.claim())[0]
        assert lease.event.vendor_id == "evt_1"
        assert lease.failures == lease.crashes == 0
        assert await desk.claim() == []
        assert await desk.suspect() is None
        await desk.complete(lease)

    stage.play(story)


def test_a_store_that_cannot_be_opened_or_closed_in_time_says_so(stage):
    stage.limits |= {"answer": 0.05}
    store = stage.build()
    turn = store.gate.acquire()
    with pytest.raises(StoreUnavailableError, match=r"was not opened within 0\.05 s"):
        store.open_blocking()
    with pytest.raises(StoreUnavailableError, match=r"is open already"):
        store.open_blocking()  # it is about to be
    with pytest.raises(StoreUnavailableError, match=r"was not opened within 0\.05 s"):
        asyncio.run(store.ensure_open())
    writer = store._writer
    with pytest.raises(StoreUnavailableError, match=r"was not closed within 0\.05 s"):
        asyncio.run(store.close())
    store.gate.release(turn)
    writer._thread.join(30)
    assert not writer._thread.is_alive()


def test_an_answer_that_comes_in_the_last_moment_is_taken(stage):
    class Late(Future):
        def done(self):
            return True

        def result(self, timeout=None):
            if timeout is not None:
                raise TimeoutError
            return "answer"

    writer = stage.build()._begin()[0]
    assert run(writer._result(Late(), "opened", 0.0)) == "answer"
    run(writer.stop())


UNSTOPPED = """
import asyncio, sys, time
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
for _ in range(2):
    asyncio.run(store.ensure_open())
{more}
print("done", flush=True)
"""
FORKED = """
import os
pid = os.fork()
if not pid:
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert store.is_open
"""


@pytest.mark.parametrize("more", ["", FORKED], ids=["alone", "with a child that ends first"])
def test_a_store_that_nobody_stops_is_closed_when_the_interpreter_ends(stage, tmp_path, more):
    path = tmp_path / "unstopped.db"
    ended = subprocess.run(
        [sys.executable, "-c", UNSTOPPED.format(more=more), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "done\n"), ended.stderr
    assert not path.with_name("unstopped.db-wal").exists(), "its log was copied, and it is gone"
