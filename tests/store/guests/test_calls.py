"""Calls that guests make: the owner writes them down, and they are theirs while they live."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from hardpoint.core.errors import MisuseError, StoreUnavailableError
from hardpoint.store.events import ResultNotRecorded
from hardpoint.store.guests import asks, ranks, requests
from hardpoint.store.guests.frames import FrameKind
from hardpoint.store.guests.posts import POSTS_MAX, Posts
from hardpoint.store.journal import (
    AbandonCall,
    BeginCall,
    EndCall,
    Intent,
    JournalEntry,
    LeaveCall,
    Standing,
)
from hardpoint.store.journalling import StoreJournal

from .conftest import made, owner_by_hand, until

CALL = Intent(scope="texts:send", key="k1", fingerprint=b"hello")
NEW = JournalEntry(standing=Standing.NEW)


async def standing(member, intent=CALL):
    return (await StoreJournal(member.shared).begin(intent)).standing


def test_a_call_of_one_that_lives_is_in_no_doubt_whoever_owns_the_store(play):
    async def story(first, second, third):
        for one in (first, second, third):
            await one.start()
        journal = StoreJournal(second.shared)
        assert (await journal.begin(CALL)).standing is Standing.NEW
        assert await standing(first) is Standing.BUSY
        assert await standing(third) is Standing.BUSY
        await first.stop()
        assert await standing(third) is Standing.BUSY
        await journal.end(CALL, b"1", None)
        assert (await StoreJournal(third.shared).begin(CALL)).result == b"1"

    play(story, count=3)


def test_the_doubt_begins_when_the_one_that_made_it_dies(play):
    async def story(first, second, third):
        for one in (first, second, third):
            await one.start()
        assert await standing(second) is Standing.NEW
        second.store.session.forget()  # as the kernel lets go at a death
        await second.stop()
        entry = await StoreJournal(third.shared).begin(CALL)
        assert entry.standing is Standing.OPEN
        assert entry.doubt_seconds < 20
        StoreJournal(third.shared).free(CALL)
        assert await standing(third) is Standing.NEW

    play(story, count=3)


def test_what_an_owner_had_under_way_when_it_died_is_in_doubt(play):
    async def story(first, second):
        await first.start()
        await second.start()
        assert await standing(first) is Standing.NEW
        first.store.session.forget()
        await first.stop()
        assert await standing(second) is Standing.OPEN

    play(story)


def test_an_end_that_was_not_heard_is_said_to_the_next_owner(play, path):
    async def story(member):
        file = await made(path)
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member, file=file)
            journal = StoreJournal(member.shared)
            beginning = asyncio.create_task(journal.begin(CALL))
            asked = await peer.hear()
            begun = requests.asked_in(asked.payload)
            assert isinstance(begun, BeginCall)
            await peer.say(FrameKind.ANSWER, asked.number, requests.told(NEW))
            assert (await beginning) == NEW
            ending = asyncio.create_task(journal.end(CALL, b"1", None))
            assert isinstance(requests.asked_in((await peer.hear()).payload), EndCall)
            other = Intent(scope="texts:send", key="k2", fingerprint=b"hello")
            beginning = asyncio.create_task(journal.begin(other))
            await peer.hear()
            beginning.cancel()
            await asyncio.wait({beginning})
            posted = await peer.hear()
            assert isinstance(requests.asked_in(posted.payload), AbandonCall)
            assert posted.number >= 1 << 63
        await ending
        assert await standing(member, other) is Standing.NEW
        assert not member.shared._keeper.asks.posts.owing

    play(story, count=1)


def test_what_was_posted_is_not_sent_again_once_it_is_answered(play, path):
    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            keeping = member.shared._keeper
            member.shared.post_call(LeaveCall(CALL, 1))
            asked = await peer.hear()
            assert keeping.asks.posts.owing
            await peer.say(FrameKind.ANSWER, asked.number, requests.told(None))
            await until(lambda: not keeping.asks.posts.owing)
            # An answer that is none.
            asking = asyncio.create_task(standing(member))
            asked = await peer.hear()
            await peer.say(FrameKind.ANSWER, asked.number, requests.Told(None, 5))
            with pytest.raises(StoreUnavailableError, match="not what its kind says"):
                await asking

    play(story, count=1)


def test_what_cannot_be_written_down_in_time_is_told(play, path, monkeypatch):
    monkeypatch.setattr(asks, "ASK_SECONDS", 0.05)

    async def story(member):
        async with owner_by_hand(path) as owner:
            await owner.joined_by(member)
            journal = StoreJournal(member.shared)
            with pytest.raises(StoreUnavailableError, match="did not answer in time"):
                await journal.begin(CALL)
            member.shared.in_flight.enter(CALL)
            await journal.end(CALL, b"1", None)
            await until(lambda: member.of(ResultNotRecorded))

    play(story, count=1)


def test_threads_ask_the_same_way(play):
    async def story(first, second):
        await first.start()
        await second.start()
        for member, expected in ((second, Standing.NEW), (first, Standing.BUSY)):
            journal = StoreJournal(member.shared, blocking=True)
            entry = await asyncio.to_thread(stepped, journal.begin(CALL))
            assert entry.standing is expected
        with pytest.raises(MisuseError, match="await instead"):
            second.shared._keeper.asks.ask_blocking(BeginCall(CALL, 1))
        with pytest.raises(MisuseError, match="await instead"):
            second.shared.ensure_open_blocking()

    play(story)


def stepped(coroutine):
    from hardpoint.runtime.blocking import run

    return run(coroutine)


def test_an_owner_that_breaks_has_it_written_down_when_it_is_back(play, monkeypatch):
    async def story(member):
        await member.start()
        journal = StoreJournal(member.shared)
        assert await standing(member) is Standing.NEW
        member.store.break_down("the disk lies")
        await journal.end(CALL, b"1", None)
        assert (await journal.begin(CALL)).result == b"1"
        other = Intent(scope="texts:send", key="k2", fingerprint=b"hello")
        assert await standing(member, other) is Standing.NEW
        member.store.break_down("the disk lies")
        journal.leave(other)
        await until(lambda: member.shared.owner and not member.shared._keeper.asks.posts.owing)
        assert await standing(member, other) is Standing.OPEN

    play(story, count=1)


def test_a_script_opens_it_and_hands_it_over_to_those_who_come(play):
    async def story(script, worker):
        await script.shared.ensure_open()
        await script.shared.ensure_open()
        assert script.shared.owner
        await worker.start()
        assert await standing(script) is Standing.NEW
        assert await standing(worker) is Standing.BUSY
        await until(lambda: worker.shared.owner)  # a worker is better suited
        assert await standing(worker) is Standing.BUSY
        await StoreJournal(script.shared).end(CALL, b"1", None)
        assert await standing(worker) is Standing.DONE
        await script.start()  # it is a worker from now on, and stays a guest
        assert await standing(script) is Standing.DONE

    play(story)


def test_a_script_that_becomes_a_worker_takes_up_its_work(play):
    async def story(member):
        await member.shared.ensure_open()
        assert member.heard == []
        await member.start()
        await until(lambda: member.heard == ["take up"])

    play(story, count=1)


def test_a_thread_whose_owner_breaks_just_then_is_answered_by_the_next(play, monkeypatch):
    monkeypatch.setattr(ranks, "AGAIN_SECONDS", 0.02)

    async def story(member):
        await member.start()
        blocked, broken, begin = threading.Event(), threading.Event(), member.store.call_blocking

        def stand_still():
            blocked.set()
            broken.wait(20)

        member.shared._keeper._loop.call_soon_threadsafe(stand_still)  # it does not see it yet
        await asyncio.to_thread(blocked.wait, 20)

        async def told(step):
            try:
                return await begin(step)
            finally:
                broken.set()

        monkeypatch.setattr(member.store, "call_blocking", told)
        member.store.break_down("the disk lies")
        journal = StoreJournal(member.shared, blocking=True)
        entry = await asyncio.to_thread(stepped, journal.begin(CALL))
        assert entry.standing is Standing.NEW

    play(story, count=1)


def test_what_the_owner_cannot_write_down_waits_for_the_next_unless_it_is_refused(store):
    async def scene():
        posts = Posts()
        posts.add(LeaveCall(CALL, 1))
        store.error = StoreUnavailableError("the disk lies")
        store.broken = "the disk lies"
        await posts.hand_in(store)
        assert posts.owing
        store.broken = None
        await posts.hand_in(store)
        assert not posts.owing

    asyncio.run(scene())


def test_what_is_posted_while_nobody_has_the_store_waits_for_who_has(store):
    async def scene():
        here = SimpleNamespace(owner=False, line=None, problem=None, stopping=False)
        posting = asks.Asks(here, store, asyncio.get_running_loop(), lambda: None)
        posting.post(LeaveCall(CALL, 1))
        posting.flush()
        assert posting.posts.owing
        here.owner = True
        posting.flush()
        await until(lambda: not posting.posts.owing)
        posting.flush()
        assert store.asked == [("call", LeaveCall(CALL, 1), None)]

    asyncio.run(scene())


def test_so_much_is_kept_for_the_next_owner_and_no_more():
    posts = Posts()
    for number in range(POSTS_MAX):
        posts.add(LeaveCall(CALL, number))
    with pytest.raises(StoreUnavailableError, match="wait to be written down"):
        posts.add(LeaveCall(CALL, 0))
