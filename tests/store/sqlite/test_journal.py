"""The journal on a SQLite store that fails."""

import sqlite3
from contextlib import suppress

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.events import ResultNotRecorded
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.sqlite.journal import SqliteJournal

HELLO = Intent(scope="texts:send", key="k1", fingerprint=b"hello")


def test_a_result_that_cannot_be_written_down_is_told_and_the_key_stays_open(stage, faults):
    async def story(desk):
        journal = SqliteJournal(desk.store)
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
        journal = SqliteJournal(desk.store)
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
