"""Owners, guests, and how one becomes the other; each here has a thread as its own process has."""

import asyncio
import os
import threading

import pytest

from hardpoint.core.errors import StoreCorruptError, StoreError, StoreUnavailableError
from hardpoint.store.driver import Accepted, Stored
from hardpoint.store.events import OwnerFound, OwnerMissing, OwnershipTaken
from hardpoint.store.guests import frames, keeper, ranks, requests, server
from hardpoint.store.guests.frames import FrameKind
from hardpoint.store.sqlite import SqliteStore
from hardpoint.store.sqlite.files import LockFile

from .conftest import ids, made, owner_by_hand, until

# Two at a time


def test_the_second_hands_over_to_the_first(play, path):
    async def story(first, second):
        await first.start()
        await second.start()
        assert (first.shared.owner, second.shared.owner) == (True, False)
        assert second.shared.owner_pid == os.getpid()
        answers = [second.submit(n, handlers=("mark",)) for n in range(500)]
        for number, answer in enumerate(answers):
            assert await answer == Accepted(Stored.NEW, f"0192-{number}")
        assert await second.accept(1) == Accepted(Stored.NEW, "0192-1")  # the proof by our own id
        assert await second.accept(1, id="other") == Accepted(Stored.DUPLICATE, "0192-1")
        await until(lambda: ("arrived", ("mark",), "billing") in first.heard)
        assert second.heard == []
        assert [one.pid for one in second.of(OwnerFound)] == [os.getpid()]
        assert len(first.of(OwnershipTaken)) == 1
        await second.start()  # again is once

    play(story)
    assert len(ids(path)) == 500


def test_large_events_go_alone(play, path):
    async def story(first, second):
        await first.start()
        await second.start()
        answers = [second.submit(n, body=bytes(700_000)) for n in range(4)]
        assert [(await one).stored for one in answers] == [Stored.NEW] * 4

    play(story)


def test_a_guest_takes_the_store_over_from_an_owner_that_leaves(play, path):
    async def story(first, second, third):
        await first.start()
        await second.start()
        await third.start()
        await second.accept(1)
        await first.stop()
        assert first.heard == ["take up"]
        await until(lambda: second.shared.owner or third.shared.owner)
        assert [(await one.accept(n)).stored for n, one in enumerate((second, third), 2)] == [
            Stored.NEW,
            Stored.NEW,
        ]
        owner = second if second.shared.owner else third
        assert owner.heard == ["take up"]

    play(story, count=3)
    assert len(ids(path)) == 3


def test_what_a_dead_owner_had_stored_is_proven_and_the_rest_is_stored(play, path):
    async def story(member):
        file = await made(path)
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member, file=file)
            answers = [member.submit(n) for n in (1, 2, 3)]
            answers.append(member.submit(4, malformed="no JSON"))
            answers.append(member.submit(5, lease=False, handlers=("mark",)))
            heard = []
            while len(heard) < 5:
                heard += frames.events_in((await peer.hear()).payload)
            owner._lock.release()  # it had committed three of them, and died
            dying = SqliteStore(path)
            await dying.open()
            stored = [asyncio.get_running_loop().create_future() for _ in range(3)]
            for event, done in zip((heard[0], heard[2], heard[3]), stored, strict=True):
                dying.accept(event, done.set_result)
            await asyncio.gather(*stored)
            await dying.close()
        assert [(await one).stored for one in answers] == [
            *(Stored.NEW, Stored.NEW, Stored.NEW),
            *(Stored.QUARANTINED, Stored.NEW),
        ]
        assert member.shared.owner

    play(story, count=1)
    assert sorted(ids(path)) == [f"evt_{n}" for n in range(1, 6)]


def test_answers_of_all_kinds_reach_those_who_asked(play, path):
    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            answers = [member.submit(n) for n in range(4)]
            await asyncio.sleep(0)
            numbers, events = [], []
            while len(events) < 4:
                frame = await peer.hear()
                numbers.append(frame.number)
                events += frames.events_in(frame.payload)
            items = [None, "full", ("conflict", "x"), ("faulty", "odd")]
            await peer.say(FrameKind.ACCEPTED, numbers[0], items)
            results = [await one for one in answers]
            assert results[0] == Accepted(Stored.NEW, "0192-0")
            assert isinstance(results[1], StoreUnavailableError)
            assert results[2] == Accepted(Stored.CONFLICT, "x")
            assert type(results[3]) is StoreError

    play(story, count=1)


# Patience


def test_nobody_waits_longer_than_its_patience_and_then_nobody_waits_at_all(play, path):
    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            with pytest.raises(StoreUnavailableError, match="did not answer in time"):
                await member.accept(1)
            with pytest.raises(StoreUnavailableError, match="does not answer"):
                member.submit(2)
            frame = await peer.hear()
            await peer.say(FrameKind.ACCEPTED, frame.number, [None])
            await until(lambda: not member.shared._keeper._outbox.silent)
            late = member.submit(3)
            frame = await peer.hear()
            await peer.say(FrameKind.ACCEPTED, frame.number, [None])
            assert (await late).stored is Stored.NEW

    play(story, count=1, patience=0.05)


def test_a_takeover_forgets_those_who_have_given_up(play, path):
    async def story(member):
        async with owner_by_hand(path) as owner:
            starting = asyncio.create_task(member.start())
            await owner.guest(file=(0, 0))
            await starting
            member.shared._keeper._known = None
            with pytest.raises(StoreUnavailableError):
                await member.accept(1)
        await until(lambda: member.shared.owner)
        await member.accept(2)

    play(story, count=1, patience=0.05)
    assert ids(path) == ["evt_2"]


def test_no_more_waits_than_a_store_would_let_wait(play, path):
    async def story(member):
        async with owner_by_hand(path) as owner:
            await owner.joined_by(member)
            for number in range(3):
                member.submit(number)
            with pytest.raises(StoreUnavailableError, match="3 events wait"):
                member.submit(3)

    play(story, count=1, pending_rows=3, patience=0.05)


def test_a_text_that_cannot_be_sent_concerns_its_event_alone(play):
    async def story(first, second):
        await first.start()
        await second.start()
        with pytest.raises(UnicodeEncodeError):
            second.submit(1, type="\ud800")
        await second.accept(2)

    play(story)


# What may be wrong


def test_a_store_that_somebody_has_and_does_not_share_is_told_of(play, path, monkeypatch):
    monkeypatch.setattr(keeper, "FIRST_SECONDS", 0.05)
    lock = LockFile(path)

    async def story(member):
        lock.acquire(0)
        with pytest.raises(StoreUnavailableError, match="It does not answer now"):
            await member.start()
        assert not member.shared.started
        lock.release()
        await member.start()
        assert member.shared.owner
        assert member.of(OwnerMissing) == []

    play(story, count=1)


def test_an_owner_that_lets_in_and_says_nothing_is_told_of(play, path, monkeypatch):
    monkeypatch.setattr(keeper, "FIRST_SECONDS", 0.05)

    async def story(member):
        async with owner_by_hand(path) as owner:
            starting = asyncio.create_task(member.start())
            await owner.guest(welcome=False)
            with pytest.raises(StoreUnavailableError, match="does not answer"):
                await starting

    play(story, count=1)


def test_an_owner_that_refuses_is_asked_again_later(play, path, monkeypatch):
    monkeypatch.setattr(keeper, "AGAIN_SECONDS", 0.02)

    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            await peer.say(FrameKind.BYE)
            peer = await owner.guest(welcome=False)
            await peer.say(FrameKind.REFUSED, 0, "process 1 speaks version 2, and not 1")
            await until(lambda: member.shared.problem)
            with pytest.raises(StoreUnavailableError, match="speaks version 2"):
                member.submit(1)
            with pytest.raises(StoreUnavailableError, match="speaks version 2"):
                await member.shared.retry("e")
            await owner.guest()
            await until(lambda: member.shared.problem is None)

    play(story, count=1)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FrameKind.ACCEPT, []),
        (FrameKind.ACCEPTED, [None]),
        (FrameKind.ACCEPTED, "x"),
        (FrameKind.WELCOME, None),
        (FrameKind.ANSWER, 5),
    ],
)
def test_an_owner_that_speaks_nonsense_is_left(play, path, kind, value):
    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            await peer.say(kind, 7, value)
            assert await peer.hear() is None
            await owner.guest()

    play(story, count=1)


def test_what_comes_before_an_owner_has_welcomed_its_guest_again_waits_for_that(play, path):
    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            peer.close()
            await until(lambda: member.shared.owner_pid is None)
            peer = await owner.guest(welcome=False)
            answer = member.submit(1)
            await until(lambda: not member.shared._keeper._outbox._turning)
            await peer.say(FrameKind.WELCOME, 0, frames.Welcome(1, 4711, 3, (1, 2)))
            frame = await peer.hear()
            await peer.say(FrameKind.ACCEPTED, frame.number, [None])
            assert (await answer).stored is Stored.NEW

    play(story, count=1)


def test_an_answer_to_nobody_is_no_harm(play, path):
    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            await peer.say(FrameKind.ANSWER, 99, requests.Told(None, 1))
            answer = member.submit(1)
            frame = await peer.hear()
            await peer.say(FrameKind.ACCEPTED, frame.number, [None])
            assert (await answer).stored is Stored.NEW

    play(story, count=1)


def test_a_takeover_makes_no_file_and_takes_no_other(play, path, monkeypatch):
    monkeypatch.setattr(keeper, "AGAIN_SECONDS", 0.02)

    async def story(first, second):
        await first.start()
        await second.start()
        aside = path.with_name("aside.db")
        path.rename(aside)
        await first.stop()
        await until(lambda: second.of(OwnerMissing))
        assert "put that back" in second.shared.problem
        assert not path.exists()
        path.write_bytes(b"another database")
        with pytest.raises(StoreUnavailableError, match="put that back"):
            second.submit(1)
        path.unlink()
        aside.rename(path)
        await until(lambda: second.shared.owner)
        await second.accept(2)

    play(story)


def test_an_owner_whose_store_breaks_goes_on_as_soon_as_it_can(play, path, monkeypatch):
    monkeypatch.setattr(ranks, "AGAIN_SECONDS", 0.02)

    async def story(member, other):
        await member.start()
        await other.start()
        for number in range(1, 3):
            member.store.break_down("the disk lies")
            waiting = member.submit(number)
            with pytest.raises(StoreUnavailableError):
                member.submit(number + 10, lease=True)
            assert (await waiting).stored is Stored.NEW
            await until(lambda: member.shared.owner or other.shared.owner)
            if other.shared.owner:
                await other.stop()
                await until(lambda: member.shared.owner)
                await other.start()
        assert ("lay down", False) in member.heard

    play(story)
    assert sorted(ids(path)) == ["evt_1", "evt_2"]


def test_an_owner_whose_loop_is_blocked_holds_nobody_up(play):
    async def story(owner, guest):
        freed, home = threading.Event(), asyncio.new_event_loop()
        elsewhere = threading.Thread(target=home.run_forever)
        elsewhere.start()
        owner.home = home
        home.call_soon_threadsafe(freed.wait, 60)
        try:
            await owner.start()
            await guest.start()
            for number in range(3):
                await guest.accept(number, handlers=("mark",))
            assert owner.heard == []
            freed.set()
            await until(lambda: ("arrived", ("mark",), "billing") in owner.heard)
        finally:
            freed.set()
            home.call_soon_threadsafe(home.stop)
            elsewhere.join()
            home.close()

    play(story)


def test_a_full_store_refuses_what_comes_here_and_keeps_what_waits(play, path):
    async def story(member):
        await member.start()
        turn = member.store.gate.acquire()
        waiting = []
        with pytest.raises(StoreUnavailableError, match="wait to be stored"):  # noqa: PT012
            while True:
                waiting.append(member.submit(len(waiting)))
        member.store.gate.release(turn)
        assert {(await one).stored for one in waiting} == {Stored.NEW}

    play(story, count=1, pending_rows=5)


def test_a_file_that_is_no_store_is_told_at_the_start(play, path):
    async def story(member):
        path.write_text("this is a letter to my aunt " * 100)
        with pytest.raises(StoreCorruptError):
            await member.start()

    play(story, count=1)


def test_an_owner_that_nobody_can_reach_says_so_and_works(play, path):
    (path.with_name(f"{path.name}.sock") / "full").mkdir(parents=True)

    async def story(member):
        await member.start()
        await member.accept(1)
        assert "no other process can join" in member.of(OwnerMissing)[0].reason

    play(story, count=1)


def test_an_owner_that_could_not_listen_tries_again_and_tells_it_once(play, monkeypatch):
    real, tries = server.GuestServer, []

    def made(*arguments, **named):
        tries.append(arguments)
        if len(tries) < 4:
            raise OSError("too many open files")
        return real(*arguments, **named)

    monkeypatch.setattr(keeper, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(server, "GuestServer", made)

    async def story(member, other):
        await member.start()
        await other.start()
        assert (await other.accept(1)).stored is Stored.NEW
        assert len(tries) == 4
        assert len(member.of(OwnerMissing)) == 1

    play(story, count=2)


def test_an_address_that_cannot_be_had_is_told_at_the_start(play, path, monkeypatch):
    def address_of(_):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(keeper, "address_of", address_of)

    async def story(member):
        with pytest.raises(StoreUnavailableError, match="ZeroDivisionError: a defect"):
            await member.start()

    play(story, count=1)


def test_an_owner_that_is_too_busy_to_let_anybody_in_is_an_owner(play, path, monkeypatch):
    def connect(_):
        if tries:
            return real(tries.pop())
        raise BlockingIOError

    real, tries = keeper.connect, []
    monkeypatch.setattr(keeper, "connect", connect)
    monkeypatch.setattr(keeper, "FIRST_SECONDS", 0.02)

    async def story(member):
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            await member.start()

    play(story, count=1)
