import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.events import Checkpointed, StoreBroken
from hardpoint.store.sqlite import connect
from hardpoint.store.statements import MARK


def log_bytes(desk):
    return Path(f"{desk.store.path}-wal").stat().st_size


async def next_checkpoint(desk):
    seen = asyncio.get_running_loop().create_future()

    def listen(one):
        if isinstance(one, Checkpointed) and not seen.done():
            seen.set_result(one)

    desk.store.listeners.add(listen)
    return await asyncio.wait_for(seen, 10)


def test_the_log_is_copied_when_it_is_quiet(stage):
    stage.limits |= {"quiet": 0.005, "tick": 0.005}

    async def story(desk):
        waiting = asyncio.ensure_future(next_checkpoint(desk))
        await desk.accept("evt_1")
        done = await waiting
        assert (done.left, done.pages > 0) == (0, True)

    stage.play(story)


def test_the_log_stays_bounded_under_load(stage):
    stage.limits |= {"wal_pages": 100, "quiet": 60.0}

    async def story(desk):
        for group in range(20):
            await asyncio.gather(
                *(desk.accept(f"evt_{group}_{n}", bytes(4_000)) for n in range(30))
            )
        await desk.settled()
        assert log_bytes(desk) < 3_000_000
        assert len(stage.heard(Checkpointed)) >= 15

    stage.play(story)


def test_a_reader_that_stays_makes_the_log_grow_and_its_end_lets_it_shrink(stage):
    stage.limits |= {"wal_pages": 50, "wal_bytes": 500_000, "quiet": 60.0}

    async def story(desk):
        await desk.accept("evt_0")
        reader = sqlite3.connect(desk.store.path, isolation_level=None)
        reader.execute("begin")
        reader.execute("select count(*) from hardpoint_event").fetchone()
        for n in range(1, 200):
            await desk.accept(f"evt_{n}", bytes(4_000))
        await desk.settled()
        grown = log_bytes(desk)
        assert grown > 1_000_000
        assert stage.heard(Checkpointed)[-1].left > 0
        reader.execute("rollback")
        reader.close()
        for n in range(200, 250):
            await desk.accept(f"evt_{n}", bytes(4_000))
        await desk.settled()
        assert log_bytes(desk) < grown / 2

    stage.play(story)


def test_a_graceful_end_leaves_one_file_with_everything_in_it(stage):
    async def story(desk):
        await desk.accept("evt_1")

    stage.play(story)
    assert not Path(f"{stage.path}-wal").exists()


def test_an_io_error_of_a_checkpoint_breaks_the_store(stage, faults):
    stage.limits |= {"quiet": 0.005}

    async def story(desk):
        broken = asyncio.Event()
        desk.store.listeners.add(lambda one: isinstance(one, StoreBroken) and broken.set())
        faults.add("wal_checkpoint", sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error")
        await desk.accept("evt_1")
        await asyncio.wait_for(broken.wait(), 10)
        with pytest.raises(StoreUnavailableError, match="disk I/O error"):
            await desk.accept("evt_2")

    stage.play(story)


def test_a_checkpoint_that_another_program_holds_up_is_done_later(stage):
    stage.limits |= {"wal_pages": 1, "quiet": 60.0}

    class Busy(sqlite3.Connection):
        busy = True

        def execute(self, sql, *arguments):
            if "wal_checkpoint" in sql and self.busy:
                return super().execute("select 1, -1, -1")
            return super().execute(sql, *arguments)

    stage.settings["kind"] = Busy

    async def story(desk):
        await desk.accept("evt_1")
        await desk.settled()
        assert stage.heard(Checkpointed) == []
        Busy.busy = False
        await desk.accept("evt_2")

    stage.play(story)
    assert stage.heard(Checkpointed)


def copies(faults):
    """Each checkpoint, after the two statements before it."""
    seen = [sql.removeprefix(MARK) for sql in faults.seen]
    ours = [sql for sql in seen if "busy_timeout" not in sql]
    return [
        tuple(ours[index - 2 : index + 1])
        for index, sql in enumerate(ours)
        if "wal_checkpoint" in sql
    ]


def test_the_log_is_copied_right_after_a_commit_of_our_own_and_never_else(stage, faults):
    stage.limits |= {"wal_pages": 1, "quiet": 60.0}

    async def story(desk):
        for number in range(3):
            await desk.accept(f"evt_{number}")
        await desk.settled()

    stage.play(story)
    own = ("update hardpoint_meta set value = value where name = 'boot'", "commit")
    last = "pragma wal_checkpoint(truncate)"
    assert copies(faults) == [(*own, "pragma wal_checkpoint(passive)")] * 3 + [(*own, last)]


def test_past_its_limit_the_log_is_emptied_in_place_of_being_copied_first(stage, faults):
    stage.limits |= {"wal_pages": 1, "wal_bytes": 1, "quiet": 60.0}

    async def story(desk):
        await desk.accept("evt_1")
        await desk.settled()

    stage.play(story)
    assert {copy[-1] for copy in copies(faults)} == {"pragma wal_checkpoint(truncate)"}


def test_groups_that_write_nothing_call_for_no_copy(stage, faults):
    stage.limits |= {"wal_pages": 0, "quiet": 60.0}

    async def story(desk):
        for _ in range(5):
            assert await desk.claim() == []
            await desk.settled()
        assert copies(faults) == []

    stage.play(story)


def test_what_connections_of_the_application_write_does_not_make_the_log_grow_for_ever(stage):
    stage.limits |= {"wal_bytes": 200_000, "quiet": 60.0, "tick": 0.01}

    async def story(desk):
        copied = asyncio.ensure_future(next_checkpoint(desk))
        connection = connect(desk.store.path)
        connection.execute("create table note (text)")
        for _ in range(10):
            connection.execute("insert into note values (?)", [bytes(100_000)])
            connection.commit()
        await copied
        connection.close()

    stage.play(story)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_log_that_is_removed_under_the_store_is_noticed_and_what_it_held_is_saved(stage, suffix):
    async def story(desk):
        await desk.accept("evt_1")
        Path(f"{desk.store.path}{suffix}").unlink()
        with pytest.raises(StoreUnavailableError) as caught:
            await desk.accept("evt_2")
        assert f"store.db{suffix} was moved, deleted or replaced" in str(caught.value)
        assert "; all that was acknowledged is in the database" in str(caught.value)

    stage.play(story)
    stage.path = Path(shutil.copy(stage.path, stage.path.with_name("copy.db")))

    async def later(desk):
        assert [one.vendor_id for one in desk.listing()] == ["evt_1"]

    stage.play(later)


def test_a_removed_log_is_noticed_by_a_store_at_rest(stage):
    stage.limits |= {"quiet": 0.005, "tick": 0.005}

    async def story(desk):
        broken = asyncio.Event()
        desk.store.listeners.add(lambda one: isinstance(one, StoreBroken) and broken.set())
        await desk.accept("evt_1")
        Path(f"{desk.store.path}-wal").unlink()
        await asyncio.wait_for(broken.wait(), 10)

    stage.play(story)


def test_a_removed_log_that_cannot_be_saved_is_said_to_be_lost(stage, faults):
    async def story(desk):
        await desk.accept("evt_1")
        faults.add("wal_checkpoint", sqlite3.SQLITE_IOERR, "disk I/O error")
        Path(f"{desk.store.path}-wal").unlink()
        with pytest.raises(StoreUnavailableError, match="; not all that was acknowledged"):
            await desk.accept("evt_2")

    stage.play(story)
