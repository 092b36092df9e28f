"""Who owns the store where several could, and how an owner gives way."""

import asyncio
import contextlib
import itertools

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Stored
from hardpoint.store.events import OwnerMissing
from hardpoint.store.guests import Rank, frames, keeper, ranks, session
from hardpoint.store.guests.frames import FrameKind
from hardpoint.store.guests.lines import address_of

from .conftest import Peer, ids, owner_by_hand, until


@pytest.mark.parametrize(
    ("low", "high"),
    [(Rank.SCRIPT, Rank.WORKER), (Rank.WORKER, Rank.SERVER), (Rank.SCRIPT, Rank.SERVER)],
)
def test_an_owner_gives_way_to_a_higher_rank_and_nothing_is_refused(
    play, path, monkeypatch, low, high
):
    monkeypatch.setattr(ranks, "YIELD_SECONDS", 600.0)

    async def story(first, second, third):
        first.rank, second.rank, third.rank = low, low, high
        await first.start()
        await second.start()
        answers, numbers = [], itertools.count()

        async def keep_accepting():
            while third.heard == []:
                answers.extend(one.submit(next(numbers)) for one in (first, second))
                await asyncio.sleep(0.001)

        accepting = asyncio.create_task(keep_accepting())
        await until(lambda: len(answers) > 20)
        await third.start()
        await accepting
        assert {(await one).stored for one in answers} == {Stored.NEW}
        assert first.heard == ["take up", ("lay down", True)]
        assert (first.shared.owner, first.shared.leaving) == (False, False)
        await first.accept(next(numbers))
        await third.stop()  # now it is for anybody again
        await until(lambda: "take up" in (second.heard + first.heard[2:]))

    play(story, count=3)
    assert len(ids(path)) > 20


def test_the_same_rank_and_a_lower_one_push_nobody_out(play):
    async def story(first, second, third):
        third.rank = Rank.SCRIPT
        await first.start()
        for other in (second, third):
            await other.start()
            await other.accept(1)
        assert first.shared.owner
        assert first.heard == ["take up"]

    play(story, count=3)


def test_an_owner_stays_when_whoever_is_better_has_gone_meanwhile(play, path):
    async def story(member):
        gone = asyncio.Event()

        async def lay_down(*, clean):
            member.heard.append(("lay down", clean))
            assert member.shared.leaving
            await member.accept(1)  # what comes meanwhile is stored
            await gone.wait()

        member.lay_down = lay_down
        await member.start()
        silent = Peer.connected(address_of(path))
        peer = Peer.connected(address_of(path))
        await peer.greet(rank=Rank.SERVER)
        await until(lambda: ("lay down", True) in member.heard)
        assert (await peer.hear()).kind is FrameKind.YIELD
        late = Peer.connected(address_of(path))
        await late.greet()
        assert frames.rank_in((await late.hear()).payload) == Rank.SERVER
        await peer.say(FrameKind.BYE)
        assert await peer.hear() is None
        peer.close()
        gone.set()
        assert frames.rank_in((await late.hear()).payload) == Rank.FRONT
        late.close()
        silent.close()
        await until(lambda: member.heard[-1] == "take up" and len(member.heard) == 3)
        assert member.shared.owner
        assert not member.shared.leaving

    play(story, count=1)


def test_an_owner_says_to_whom_it_gives_way_and_waits_for_them(play, path, monkeypatch):
    monkeypatch.setattr(ranks, "YIELD_SECONDS", 0.2)

    async def story(member, other):
        await member.start()
        await other.start()
        peer = Peer.connected(address_of(path))
        await peer.greet(rank=Rank.SERVER)
        frame = await peer.hear()
        assert frame.kind is FrameKind.YIELD
        assert frames.rank_in(frame.payload) == Rank.SERVER
        assert (await peer.hear()).kind is FrameKind.BYE
        peer.close()
        async with owner_by_hand(path) as owner:  # the lock is left to whoever that was
            guest = await owner.guest()
            await guest.say(FrameKind.BYE)
        await until(lambda: member.shared.owner or other.shared.owner)

    play(story)


def test_a_process_that_stops_pushes_nobody_out(play, path):
    async def story(member):
        member.rank = Rank.SERVER
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            answer = member.submit(1)
            assert (await peer.hear()).kind is FrameKind.ACCEPT
            stopping = asyncio.create_task(member.stop())
            await until(lambda: member.shared._keeper.here.stop_at)
            await peer.say(FrameKind.BYE)
            again = await owner.guest(rank=Rank.FRONT)
            frame = await again.hear()
            await again.say(FrameKind.ACCEPTED, frame.number, [None])
            assert (await answer).stored is Stored.NEW
            await stopping

    play(story, count=1)


# A process that never owns


def test_a_front_hands_over_and_waits_for_whoever_owns_next(play, path):
    async def story(front, first, second):
        front.rank = Rank.FRONT
        first.handlers = second.handlers = {"sold": ("mark",)}
        await first.start()
        await front.start()
        await front.accept(1)
        await first.stop()
        waiting = front.submit(2)
        await second.start()
        assert (await waiting).stored is Stored.NEW
        assert not front.shared.owner
        assert front.heard == []

    play(story, count=3)
    assert ids(path) == ["evt_1", "evt_2"]


def test_a_front_without_an_owner_starts_and_says_what_is_missing(play, path):
    async def story(front, owner):
        front.rank = Rank.FRONT
        owner.handlers = {"sold": ("mark",)}
        await front.start()
        with pytest.raises(StoreUnavailableError, match="hardpoint work MODULE:HUB"):
            front.submit(1)
        assert [one.reason for one in front.of(OwnerMissing)] == [front.shared.problem]
        assert not path.exists()
        await owner.start()
        await until(lambda: front.shared.owner_pid)
        answers = []
        while Stored.NEW not in answers:  # within so little patience not every one is stored
            with contextlib.suppress(StoreUnavailableError):
                answers.append((await front.accept(2 + len(answers))).stored)
            await asyncio.sleep(0)

    play(story, patience=0.05)


def test_a_front_that_meets_a_silent_owner_says_so_and_starts(play, path, monkeypatch):
    monkeypatch.setattr(keeper, "FIRST_SECONDS", 0.05)

    async def story(front):
        front.rank = Rank.FRONT
        async with owner_by_hand(path) as owner:
            await owner.joined_by(front, welcome=False)
            assert "does not answer" in front.shared.problem

    play(story, count=1)


# Handlers that a guest has not loaded


def test_the_owner_knows_who_handles_what_a_guest_has_no_handler_for(play, path):
    async def story(owner, guest):
        owner.handlers = {"paid": ("mark",)}
        await owner.start()
        await guest.start()
        await guest.accept(1)
        await until(lambda: ("arrived", ("mark",), "billing") in owner.heard)
        await guest.accept(2, handlers=("newer",))
        await until(lambda: ("arrived", ("newer",), "billing") in owner.heard)
        await guest.accept(3, type="lost")
        await guest.accept(4, malformed="no JSON")
        assert len(owner.heard) == 3

    play(story)


def test_what_counts_on_handlers_waits_for_an_owner_that_has_some(play, path):
    async def story(script, front, worker):
        script.rank, front.rank = Rank.SCRIPT, Rank.FRONT
        worker.handlers = {"paid": ("mark",)}
        await script.start()
        await front.start()
        own = front.submit(2, handlers=("theirs",))  # it knows its handlers, which may come later
        assert (await own).stored is Stored.NEW
        waiting = front.submit(1)
        await until(lambda: front.shared.owner_pid is None)  # it was hung up on
        await worker.start()
        assert (await waiting).stored is Stored.NEW
        await until(lambda: ("arrived", ("mark",), "billing") in worker.heard)

    play(story, count=3)


def test_an_owner_that_stays_without_handlers_is_named(play, path, monkeypatch):
    monkeypatch.setattr(session, "LONE_SECONDS", 0.0)

    async def story(script, front):
        script.rank, front.rank = Rank.SCRIPT, Rank.FRONT
        await script.start()
        await front.start()
        front.submit(1)
        await until(lambda: front.of(OwnerMissing))
        assert "runs no handlers: run `hardpoint work" in front.of(OwnerMissing)[0].reason

    play(story)
    assert ids(path) == []
