"""A primary whose standby is waited for: it stalls, it goes on, it takes over.

A commit whose wait is broken off stays, seen by all, on the primary alone. Nobody may be told of
it.
"""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from tests.store.conftest import EventMaker
from tests.store.postgres.own_server import PATIENCE, OwnServer
from tests.store.postgres.test_kills import Crowd, drain

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.driver import Stored
from hardpoint.store.events import BatchStalled
from hardpoint.store.postgres.checks import findings
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.store import PostgresStore

pytestmark = pytest.mark.usefixtures("unmeasured")
LONG = "HARDPOINT_KILLS" in os.environ
STALLS = 20 if LONG else 1
PROCESSES = 4 if LONG else 1
WAITS = "its commit waits for a standby (synchronous_standby_names), which does not answer"
LIMITS = PostgresLimits(pending_seconds=0.2, expires=60.0)


class Pair:
    """A primary and its standby, which can be stalled."""

    def __init__(self, folder):
        self.primary = OwnServer(folder)
        self.primary.start()
        self.standby = OwnServer(folder, follows=self.primary)
        self.standby.start()

    def wait_for_it(self, *, named="walreceiver"):
        """From now on a commit waits for the standby."""
        self.primary.asked(f"alter system set synchronous_standby_names = '{named}'")
        self.primary.asked("select pg_reload_conf()")
        self._until("select count(*) from pg_stat_replication where sync_state = 'sync'")

    def stall(self):
        """It hears the primary no more, and says nothing; its connection stays."""
        ((self._receiver,),) = self.standby.asked("select pid from pg_stat_wal_receiver")
        os.kill(self._receiver, signal.SIGSTOP)

    def go_on(self):
        os.kill(self._receiver, signal.SIGCONT)

    def break_off(self):
        """Whatever waits for the standby is ended; what it has committed stays."""
        self.primary.asked(
            "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
        )

    def take_over(self):
        """The primary dies, and what the standby has not read with it."""
        self.primary.kill()
        os.kill(self._receiver, signal.SIGTERM)  # it ends before it reads on
        self.go_on()
        self.standby.promote()

    def _until(self, sql):
        until = time.monotonic() + PATIENCE
        while not self.primary.asked(sql)[0][0]:
            assert time.monotonic() < until, sql
            time.sleep(0.02)

    def stop(self):
        self.primary.stop()
        self.standby.stop()


@pytest.fixture
def pair():
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: it holds sockets
    folder.chmod(0o755)
    made = Pair(folder)
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


async def accepted(store, event):
    answer = asyncio.get_running_loop().create_future()
    store.accept(event, answer.set_result)
    return await answer


async def refused(pair, store, event):
    """Whoever waits for the standby meanwhile waits in vain."""
    answer = asyncio.ensure_future(accepted(store, event))
    while not answer.done():
        await asyncio.to_thread(pair.break_off)
        await asyncio.wait([answer], timeout=0.05)
    assert isinstance(answer.result(), StoreUnavailableError)


def test_nobody_is_told_of_what_the_standby_has_not(pair):
    """Not at the first try, nor when the vendor comes again and finds it there, unless the standby
    has gone on."""
    make = EventMaker(SystemClock())
    pair.wait_for_it()

    async def before():
        store = PostgresStore(pair.primary.url, limits=LIMITS, retention=None)
        await store.open()
        pair.stall()
        await refused(pair, store, make("evt_1"))
        pair.go_on()
        answers = [await accepted(store, make("evt_1")) for _ in range(2)]
        assert [one.stored for one in answers] == [Stored.DUPLICATE] * 2
        pair.stall()
        asserted = {"asserted": True, "body_sha256": b"3" * 32}
        for _ in range(2):
            for vendor_id, changes in (("evt_2", {}), ("evt_3", asserted)):
                await refused(pair, store, make(vendor_id, **changes))
            seen = pair.primary.asked("select vendor_id from hardpoint.event order by 1")
            assert [vendor_id for (vendor_id,) in seen] == ["evt_1", "evt_2", "evt_3"]
        with psycopg.connect(pair.primary.url, row_factory=psycopg.rows.dict_row) as connection:
            told = {one.check: one for one in findings(connection, SystemClock())}
        assert told["standbys"].detail == "a commit waits for a standby (walreceiver)"
        await asyncio.to_thread(pair.take_over)
        await store.close(clean=False)

    async def after():
        store = PostgresStore(pair.standby.url, limits=LIMITS, retention=None)
        await store.open()
        told = [(await accepted(store, make(f"evt_{n}"))).stored for n in (1, 2, 3)]
        assert told == [Stored.DUPLICATE, Stored.NEW, Stored.NEW]
        await store.close()

    asyncio.run(before())
    asyncio.run(after())


def test_while_the_standby_is_silent_it_is_told_who_waits_for_it(pair):
    """A stalled accept fails after half a minute; nobody need wait so long to know of it."""
    make, told, limits = EventMaker(SystemClock()), [], PostgresLimits(stalled=0.2, expires=60.0)
    pair.wait_for_it()

    async def scene():
        listeners = Listeners(told.append)
        store = PostgresStore(pair.primary.url, limits=limits, retention=None, listeners=listeners)
        await store.open()
        pair.stall()
        answer = asyncio.ensure_future(accepted(store, make("evt_1")))
        until = asyncio.get_running_loop().time() + PATIENCE
        while "fail" not in doctors_word(pair):
            assert asyncio.get_running_loop().time() < until, "doctor says nothing"
            await asyncio.sleep(0.1)
        assert not answer.done()
        pair.go_on()
        assert (await answer).stored is Stored.NEW
        before = len(told)
        await asyncio.sleep(2 * limits.stalled)
        assert not [one for one in told[before:] if isinstance(one, BatchStalled)]
        await store.close()

    asyncio.run(scene())
    stalls = [one for one in told if isinstance(one, BatchStalled)]
    assert {(one.kind, one.rows) for one in stalls} == {("accept", 1)}
    assert stalls[-1].reason == WAITS, (
        "a busy machine may come to the wait later than the first look"
    )
    assert (stalls[0].seconds, stalls[0].severity) == (limits.stalled, "warning")
    assert {one.severity for one in stalls[1:]} == {"debug"}


def doctors_word(pair):
    with psycopg.connect(pair.primary.url, row_factory=psycopg.rows.dict_row) as connection:
        (standbys,) = (
            one for one in findings(connection, SystemClock()) if one.check == "standbys"
        )
        return f"{standbys.result}: {standbys.detail}"


def test_under_load_what_was_acknowledged_is_there_after_the_fail_over(pair, tmp_path):
    """Without waiting for the standby the stall loses what was acknowledged meanwhile."""
    pair.primary.asked("create table effects (event text)")
    pair.wait_for_it()
    log = tmp_path / "acknowledged"
    crowd = Crowd(pair.primary.url, log, PROCESSES)
    try:
        for _ in range(STALLS):
            known = lines(log)
            until = time.monotonic() + PATIENCE
            while lines(log) < known + 50:
                assert time.monotonic() < until, "nothing is acknowledged"
                time.sleep(0.05)
            pair.stall()
            time.sleep(0.5)
            stalled = lines(log)
            time.sleep(0.5)
            assert lines(log) == stalled, "acknowledged while the standby was stalled"
            pair.go_on()
        pair.stall()
        time.sleep(0.5)
        pair.take_over()
    finally:
        crowd.end()
    beside = psycopg.connect(pair.standby.url, autocommit=True)
    with beside:
        drain(pair.standby, beside)
    acknowledged = set(log.read_text().split())
    handled = [event for (event,) in pair.standby.asked("select event from effects")]
    stored = {str(event) for (event,) in pair.standby.asked("select id from hardpoint.event")}
    assert len(acknowledged) > 20
    assert acknowledged <= stored
    assert len(handled) == len(set(handled))
    assert set(handled) == stored


def lines(path):
    return path.read_text().count("\n") if path.exists() else 0
