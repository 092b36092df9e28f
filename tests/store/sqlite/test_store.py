import asyncio

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Stored
from hardpoint.store.engine import InboxStore
from hardpoint.store.events import BatchCommitted
from hardpoint.store.sqlite import SqliteStore


def test_it_is_an_inbox_store(stage):
    store: InboxStore = stage.build()
    names = [name for name in vars(InboxStore) if not name.startswith("_")]
    assert all(hasattr(store, name) for name in names)


@pytest.mark.parametrize(
    "limits", [{"pending_rows": 10}, {"pending_bytes": 1_000}], ids=["rows", "bytes"]
)
def test_too_much_that_waits_is_refused_at_once_and_passes(stage, limits):
    stage.limits |= limits

    async def story(desk):
        desk.store.gate.acquire()
        waiting = [desk.submit(desk.make(f"evt_{n}", b"%99d" % n)) for n in range(10)]
        with pytest.raises(StoreUnavailableError, match="10 events wait to be stored already"):
            desk.submit(desk.make("evt_10", b"%99d" % 10))
        desk.store.gate.release()
        answers = await asyncio.gather(*waiting)
        assert {answer.stored for answer in answers} == {Stored.NEW}
        assert (await desk.accept("evt_99")).stored is Stored.NEW

    stage.play(story)


def test_one_event_is_taken_however_large_it_is(stage):
    stage.limits |= {"pending_bytes": 10}

    async def story(desk):
        assert (await desk.accept("evt_1", bytes(1_000))).stored is Stored.NEW

    stage.play(story)


def test_events_that_wait_too_long_close_the_door_and_an_answer_opens_it(stage):
    async def story(desk):
        desk.store.gate.acquire()
        first = desk.submit(desk.make("evt_1"))
        desk.clock.advance(4)
        second = desk.submit(desk.make("evt_2"))
        desk.clock.advance(2)
        with pytest.raises(StoreUnavailableError, match="2 events wait"):
            desk.submit(desk.make("evt_3"))
        desk.store.gate.release()
        await asyncio.gather(first, second)
        assert (await desk.accept("evt_3")).stored is Stored.NEW

    stage.play(story)


def test_a_steady_stream_is_never_taken_for_a_long_wait(stage):
    """What waits now came after the last one that was answered."""

    async def story(desk):
        desk.store.gate.acquire()
        older = [desk.submit(desk.make(f"evt_{n}")) for n in range(3)]
        desk.clock.advance(4)
        newer = desk.submit(desk.make("evt_3"))
        desk.store.gate.release()
        await asyncio.gather(*older, newer)
        desk.store.gate.acquire()
        waiting = desk.submit(desk.make("evt_4"))
        desk.clock.advance(4)
        waiting = [waiting, desk.submit(desk.make("evt_5"))]
        desk.store.gate.release()
        await asyncio.gather(*waiting)

    stage.play(story)


def test_groups_are_bounded_by_rows_and_by_bytes(stage):
    stage.limits |= {"batch_rows": 7, "batch_bytes": 1_000}

    async def story(desk):
        desk.store.gate.acquire()
        small = [desk.submit(desk.make(f"evt_{n}")) for n in range(20)]
        large = [desk.submit(desk.make(f"big_{n}", b"%400d" % n)) for n in range(6)]
        due = [asyncio.ensure_future(desk.store.next_due([])) for _ in range(20)]
        await asyncio.sleep(0)
        desk.store.gate.release()
        await asyncio.gather(*small, *large, *due)

    stage.play(story)
    accepts = [one.rows for one in stage.heard(BatchCommitted) if one.kind == "accept"]
    jobs = [one.rows for one in stage.heard(BatchCommitted) if one.kind == "job"]
    assert sum(accepts) == 26
    assert max(accepts) == max(jobs) == 7
    assert set(accepts[-2:]) <= {1, 2}


def test_accepts_and_job_changes_take_turns(stage):
    stage.limits |= {"batch_rows": 5}

    async def story(desk):
        desk.store.gate.acquire()
        work = [desk.submit(desk.make(f"evt_{n}")) for n in range(20)]
        work += [asyncio.ensure_future(desk.store.next_due([])) for _ in range(20)]
        await asyncio.sleep(0)
        desk.store.gate.release()
        await asyncio.gather(*work)

    stage.play(story)
    kinds = [one.kind for one in stage.heard(BatchCommitted)]
    assert "accept accept accept" not in " ".join(kinds)
    assert "job job job" not in " ".join(kinds)


def test_a_store_is_opened_once_at_a_time(stage):
    async def story(desk):
        with pytest.raises(StoreUnavailableError, match="is open already"):
            await desk.store.open()
        await desk.store.close()
        await desk.store.open()
        assert (await desk.accept("evt_1")).stored is Stored.NEW

    stage.play(story)


def test_what_only_an_open_store_knows(stage):
    store = stage.build()
    assert store.broken is None
    with pytest.raises(StoreUnavailableError, match="is not open"):
        store.check()
    with pytest.raises(StoreUnavailableError, match="is not open"):
        assert store.engine.boot
    store.tell("nobody listens yet")
    store.break_down("there is nothing to break")
    assert store.broken is None


def test_an_opening_that_is_cancelled_lets_the_file_go(stage):
    async def scene():
        store = stage.build()
        opening = asyncio.ensure_future(store.open())
        for _ in range(2):
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        other = stage.build()
        await other.open()
        await other.close()

    asyncio.run(scene())


def test_a_callback_that_fails_keeps_no_answer_from_the_others(stage):
    async def story(desk):
        problems = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: problems.append(what))

        def fail(result):
            raise LookupError("in the callback")

        desk.store.gate.acquire()
        desk.store.accept(desk.make("evt_1"), fail)
        other = desk.submit(desk.make("evt_2"))
        desk.store.gate.release()
        assert (await other).stored is Stored.NEW
        assert [str(what["exception"]) for what in problems] == ["in the callback"]

    stage.play(story)


def test_a_path_may_be_text(tmp_path):
    async def scene():
        store = SqliteStore(str(tmp_path / "store.db"))
        await store.open()
        assert store.engine.boot == 1
        await store.close()

    asyncio.run(scene())
