"""The journal on a SQLite store: one that fails, and one for threads."""

import asyncio
import sqlite3
from contextlib import suppress

import msgspec
import pytest

from hardpoint.core.errors import StoreCorruptError, StoreUnavailableError
from hardpoint.runtime.blocking import run
from hardpoint.store.events import ResultNotRecorded
from hardpoint.store.journal import (
    AdoptCall,
    BeginCall,
    Found,
    Intent,
    LeaveCall,
    ResumeCall,
    Standing,
)
from hardpoint.store.journalling import StoreJournal

HELLO = Intent(scope="texts:send", key="k1", fingerprint=b"hello")
AGAIN = Intent(scope="texts:send", key="k2", fingerprint=b"hello")


def test_a_result_that_cannot_be_written_down_is_told_and_the_key_stays_open(stage, faults):
    async def story(desk):
        journal = StoreJournal(desk.store)
        await journal.begin(HELLO)
        faults.add("update hardpoint_call set ended_at", sqlite3.SQLITE_FULL)
        await journal.end(HELLO, b"1", None)
        faults.clear()
        assert (await journal.begin(HELLO)).standing is Standing.OPEN
        journal.leave(HELLO)

    stage.play(story)
    (told,) = stage.heard(ResultNotRecorded)
    assert (told.scope, told.key) == ("texts:send", "k1")


def test_a_doubt_that_could_not_be_written_down_begins_when_it_is_asked_for(stage, faults):
    async def story(desk):
        journal = StoreJournal(desk.store)
        await journal.begin(HELLO)
        faults.add("update hardpoint_call set doubted_at", sqlite3.SQLITE_FULL)
        journal.leave(HELLO)
        with suppress(StoreUnavailableError):
            await desk.store.next_due([])
        faults.clear()
        desk.clock.advance(100)
        assert (await journal.begin(HELLO)).doubt_seconds == 0
        journal.leave(HELLO)
        desk.clock.advance(3)
        assert (await journal.begin(HELLO)).doubt_seconds == 3
        journal.leave(HELLO)

    stage.play(story)


def test_an_intent_that_was_abandoned_while_it_was_written_is_undone(stage):
    async def story(desk):
        journal = StoreJournal(desk.store)
        desk.store.gate.acquire()
        waiting = asyncio.ensure_future(journal.begin(HELLO))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        desk.store.gate.release()
        assert (await journal.begin(HELLO)).standing is Standing.NEW
        journal.leave(HELLO)

    async def open_one(desk):
        journal = StoreJournal(desk.store)
        desk.store.gate.acquire()
        waiting = asyncio.ensure_future(journal.begin(HELLO))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        desk.store.gate.release()
        assert (
            await journal.begin(HELLO)
        ).standing is Standing.OPEN  # what was open before stays so

    stage.play(story)
    stage.play(open_one)


def test_who_was_taken_for_dead_sends_nothing_more(stage):
    async def story(desk):
        call = desk.store.call
        assert (await call(BeginCall(HELLO, 1), "one")).standing is Standing.NEW
        assert (await call(BeginCall(HELLO, 1), "two")).standing is Standing.BUSY
        desk.clock.advance(3600)  # nobody has seen a sign of it
        assert (await call(BeginCall(HELLO, 1), "two")).standing is Standing.OPEN
        with pytest.raises(StoreUnavailableError, match="passed to another process"):
            await call(ResumeCall(HELLO, 1), "one")

    stage.play(story)


def test_what_was_adopted_is_the_answer_to_whoever_asks_again(stage):
    async def story(desk):
        found = Found("SM1", b"1")
        assert (await desk.store.call(BeginCall(HELLO, 1))).standing is Standing.NEW
        await desk.store.call(LeaveCall(HELLO, 1))
        assert (await desk.store.call(BeginCall(HELLO, 2))).standing is Standing.OPEN
        for others in ((found,), ()):
            assert await desk.store.call(AdoptCall(HELLO, 2, others, ())) == found

    stage.play(story)


def test_threads_without_a_loop_have_a_store_too(stage):
    store = stage.build()
    store.open_blocking()
    with pytest.raises(StoreUnavailableError, match="is open already"):
        store.open_blocking()
    journal = StoreJournal(store, blocking=True)
    assert run(journal.begin(HELLO)).standing is Standing.NEW
    run(journal.end(HELLO, b"1", "SM1"))
    assert run(journal.begin(AGAIN)).standing is Standing.NEW
    journal.leave(AGAIN)
    store.close_blocking()
    with pytest.raises(StoreUnavailableError, match="is not open"):
        run(journal.begin(HELLO))
    store.open_blocking()
    assert run(journal.begin(HELLO)).result == b"1"
    store.close_blocking()
    assert stage.told


def test_a_store_that_cannot_be_opened_by_threads_says_why(stage):
    stage.path.write_text("not a database at all" * 100)
    store = stage.build()
    with pytest.raises(StoreCorruptError, match="is not a hardpoint store"):
        store.open_blocking()


def test_threads_wait_for_another_process_to_let_the_store_go(stage):
    stage.limits["lock_wait"] = 0.1
    first, second = stage.build(), stage.build()
    first.open_blocking()
    with pytest.raises(StoreUnavailableError, match="is in use"):
        second.open_blocking()
    first.close_blocking()


def test_what_threads_ask_for_while_the_store_closes_is_answered_or_refused(stage):
    async def story(desk):
        journal = StoreJournal(desk.store, blocking=True)

        def insist(lane):
            number = 0
            try:
                while True:
                    number += 1
                    key = f"{lane}-{number}"
                    run(journal.begin(msgspec.structs.replace(HELLO, key=key)))
            except StoreUnavailableError:
                return number

        asking = [asyncio.create_task(asyncio.to_thread(insist, lane)) for lane in range(4)]
        await asyncio.sleep(0.02)
        await desk.store.close()
        await asyncio.gather(*asking)

    stage.play(story)


def test_a_request_that_comes_too_late_for_a_store_that_closes_is_refused(stage):
    async def story(desk):
        writer = desk.store._writer
        await desk.store.close()
        with pytest.raises(StoreUnavailableError, match="was closed"):
            writer.request(lambda engine: None, lambda result: None, None)

    stage.play(story)
