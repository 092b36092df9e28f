"""Promise 2 in bad moments: nothing is acknowledged that is not committed, and none is lost."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Completed, Refusals, Stored
from hardpoint.store.events import BatchCommitted, BatchFailed, StoreBroken
from hardpoint.store.sqlite import SqliteStore

FULL = sqlite3.SQLITE_FULL


def test_a_full_disk_is_told_to_every_caller_and_passes(stage):
    class Small(sqlite3.Connection):
        pages = 0

        def execute(self, sql, *arguments):
            if "begin immediate" in sql:
                super().execute(f"pragma max_page_count = {self.pages or 4_294_967_294}")
            return super().execute(sql, *arguments)

    stage.settings["kind"] = Small

    async def story(desk):
        kept = await desk.accept("evt_0")
        Small.pages = 1
        answers = await asyncio.gather(
            *(desk.accept(f"evt_{n}", b"%d" % n + bytes(9_000)) for n in range(1, 30)),
            return_exceptions=True,
        )
        assert {type(answer) for answer in answers} == {StoreUnavailableError}
        assert "full" in str(answers[0])
        (lease,) = await desk.claim()
        with pytest.raises(StoreUnavailableError, match="full"):
            await desk.complete(
                lease,
                writes=(lambda tx: tx.execute("create table big as select zeroblob(99999) as x"),),
            )
        assert desk.store.broken is None
        Small.pages = 0
        assert (await desk.accept("evt_1", bytes(9_000))).stored is Stored.NEW
        assert await desk.complete(lease) is Completed.RECORDED
        assert (await desk.accept("evt_0")).id == kept.id

    stage.play(story)
    assert stage.heard(BatchFailed)


def test_a_lock_from_outside_is_told_to_every_caller_and_passes(stage):
    async def story(desk):
        outside = sqlite3.connect(desk.store.path, isolation_level=None)
        outside.execute("begin immediate")
        with pytest.raises(StoreUnavailableError, match="locked"):
            await desk.accept("evt_1")
        with pytest.raises(StoreUnavailableError, match="locked"):
            await desk.claim()
        outside.execute("rollback")
        outside.close()
        assert (await desk.accept("evt_1")).stored is Stored.NEW

    stage.play(story)


def test_a_read_only_store_is_told_to_every_caller_and_passes(stage):
    class Guarded(sqlite3.Connection):
        query_only = 0

        def execute(self, sql, *arguments):
            if "begin immediate" in sql:
                super().execute(f"pragma query_only = {self.query_only}")
            return super().execute(sql, *arguments)

    stage.settings["kind"] = Guarded

    async def story(desk):
        Guarded.query_only = 1
        with pytest.raises(StoreUnavailableError, match="readonly"):
            await desk.accept("evt_1")
        Guarded.query_only = 0
        assert (await desk.accept("evt_1")).stored is Stored.NEW

    stage.play(story)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR])
def test_a_failed_sync_breaks_the_store_and_is_never_tried_again(stage, faults, code):
    async def story(desk):
        await desk.accept("evt_0")
        faults.add("commit", code, "disk I/O error")
        with pytest.raises(StoreUnavailableError, match="disk I/O error"):
            await desk.accept("evt_1")
        assert "has to be opened anew" in desk.store.broken
        faults.clear()
        faults.seen.clear()
        with pytest.raises(StoreUnavailableError, match="can no longer be used"):
            await desk.accept("evt_2")
        with pytest.raises(StoreUnavailableError, match="can no longer be used"):
            await desk.claim()
        await desk.store.close()
        assert faults.seen == []

    stage.play(story)
    (told,) = stage.heard(StoreBroken)
    assert "disk I/O error" in told.reason


def test_what_waits_while_the_store_breaks_is_answered_too(stage, faults):
    async def story(desk):
        desk.store.gate.acquire()
        faults.add("commit", sqlite3.SQLITE_IOERR_FSYNC)
        waiting = [desk.submit(desk.make(f"evt_{n}")) for n in range(500)]
        claim = asyncio.ensure_future(desk.claim())
        await asyncio.sleep(0)
        desk.store.gate.release()
        answers = await asyncio.gather(*waiting, claim, return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreUnavailableError}

    stage.play(story)
    assert len(stage.heard(StoreBroken)) == 1


def test_a_damaged_file_breaks_the_store(stage, faults):
    async def story(desk):
        faults.add("insert into hardpoint_event", sqlite3.SQLITE_CORRUPT, "malformed")
        with pytest.raises(StoreUnavailableError, match="malformed"):
            await desk.accept("evt_1")
        assert desk.store.broken

    stage.play(story)


def test_an_owner_that_finds_a_later_opening_writes_no_more_and_copies_no_log(stage, faults):
    async def story(desk):
        await desk.accept("evt_0")
        with closing(sqlite3.connect(desk.store.path)) as other, other:
            other.execute("update hardpoint_meta set value = value + 1 where name = 'boot'")
        with pytest.raises(StoreUnavailableError, match="opened it since, without its lock"):
            await desk.accept("evt_1")
        assert desk.store.broken
        await desk.store.close()
        assert not [sql for sql in faults.seen if "wal_checkpoint" in sql]

    stage.play(story)
    assert len(stage.heard(StoreBroken)) == 1


def test_a_rollback_that_fails_breaks_the_store(stage, faults):
    async def story(desk):
        faults.add("insert into hardpoint_event", sqlite3.SQLITE_ERROR)
        faults.add("rollback", sqlite3.SQLITE_ERROR, "cannot roll back")
        with pytest.raises(StoreUnavailableError, match="a rollback failed: cannot roll back"):
            await desk.accept("evt_1")

    stage.play(story)


def test_an_io_error_before_the_commit_passes(stage, faults):
    async def story(desk):
        faults.add("insert into hardpoint_event", sqlite3.SQLITE_IOERR_READ)
        with pytest.raises(StoreUnavailableError):
            await desk.accept("evt_1")
        faults.clear()
        assert (await desk.accept("evt_1")).stored is Stored.NEW

    stage.play(story)


@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_a_file_that_is_no_longer_there_acknowledges_nothing(stage, how):
    async def story(desk):
        await desk.accept("evt_0")
        if how == "replaced":
            other = desk.store.path.with_name("other.db")
            sqlite3.connect(other).close()
            other.touch()
            other.replace(desk.store.path)
        else:
            desk.store.path.unlink()
        with pytest.raises(StoreUnavailableError, match="moved, deleted or replaced"):
            await desk.accept("evt_1")
        assert desk.store.broken

    stage.play(story)


def test_a_replaced_file_is_noticed_without_traffic(stage):
    stage.limits |= {"quiet": 0.01, "tick": 0.01}

    async def story(desk):
        broken = asyncio.Event()
        desk.store.listeners.add(lambda one: isinstance(one, StoreBroken) and broken.set())
        desk.store.path.unlink()
        await asyncio.wait_for(broken.wait(), 10)

    stage.play(story)


def test_a_defect_in_housekeeping_is_no_silent_end(stage, faults):
    stage.limits |= {"quiet": 0.01, "tick": 0.01}

    class OddError(Exception):
        pass

    async def story(desk):
        broken = asyncio.Event()
        desk.store.listeners.add(lambda one: isinstance(one, StoreBroken) and broken.set())
        desk.store.engine._guard.check = lambda: (_ for _ in ()).throw(OddError("defect"))
        await asyncio.wait_for(broken.wait(), 10)
        assert "OddError: defect" in desk.store.broken

    stage.play(story)


def test_a_bad_job_change_does_not_fail_the_others_of_its_group(stage):
    async def story(desk):
        lease = await desk.leased()
        results = await desk.grouped(
            desk.complete(lease),
            desk.store.refuse([Refusals("billing", None, 1, 1)]),
            desk.store.refuse([Refusals("billing", "stale", 1, 1)]),
        )
        assert results[0] is Completed.RECORDED
        assert isinstance(results[1], sqlite3.IntegrityError)
        assert results[2] is None
        assert desk.query("select count(*) from hardpoint_refused") == [(1,)]

    stage.play(story)


def test_a_store_that_cannot_release_its_leases_closes_all_the_same(stage, faults):
    async def story(desk):
        await desk.accept("evt_1", lease=True)
        faults.add("begin immediate", FULL, "disk full")

    async def after(desk):
        assert (await desk.suspect()).suspect

    stage.play(story)
    assert "disk full" in stage.heard(BatchFailed)[0].reason
    faults.clear()
    stage.play(after)


def test_a_failure_that_goes_on_is_one_warning_a_minute_with_its_count(stage, faults):
    async def story(desk):
        async def fail(times):
            for number in range(times):
                with pytest.raises(StoreUnavailableError):
                    await desk.accept(f"evt_{number}")

        faults.add("begin immediate", FULL, "disk full")
        await fail(5)
        stage.clock.advance(59.9)
        await fail(2)
        stage.clock.advance(0.2)
        await fail(2)
        faults.clear()
        faults.add("begin immediate", FULL, "another disk full")
        await fail(1)
        faults.clear()

    stage.play(story)
    failed = [one for one in stage.heard(BatchFailed) if one.kind == "accept"]
    assert [one.failures for one in failed] == [1, 0, 0, 0, 0, 0, 0, 7, 0, 2]
    assert {one.severity for one in failed if one.failures} == {"warning"}
    assert {one.severity for one in failed if not one.failures} == {"debug"}


def test_a_group_is_timed_for_listeners(stage):
    async def story(desk):
        await asyncio.gather(*(desk.accept(f"evt_{n}") for n in range(10)))

    stage.play(story)
    groups = stage.heard(BatchCommitted)
    assert sum(one.rows for one in groups if one.kind == "accept") == 10


def test_nothing_is_built_for_listeners_that_are_not_there(stage):
    async def story():
        store = SqliteStore(stage.path, clock=stage.clock)
        await store.open()
        desk = stage.desk(store)
        await desk.accept("evt_1")
        await store.close()

    asyncio.run(story())
    assert stage.told == []
