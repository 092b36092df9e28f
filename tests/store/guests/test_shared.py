"""What is asked beside accepts, by owner and guest, and how each of them ends."""

import asyncio
import os
import sqlite3
import threading
from contextlib import closing

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Refusals, Stored
from hardpoint.store.events import OwnershipTaken
from hardpoint.store.guests import asks, frames, keeper, requests
from hardpoint.store.guests.frames import FrameKind
from hardpoint.store.guests.lines import address_of
from hardpoint.store.guests.outbox import Outbox
from hardpoint.store.guests.visitor import visit
from hardpoint.store.opening import engine

from .conftest import Peer, ids, made, new_event, owner_by_hand, until

# Whatever else is asked


def test_operators_and_counters_reach_the_owner(play, path):
    async def story(first, second):
        shared = second.shared
        await first.store.open()
        await first.shared.refuse([Refusals("billing", "too_large", 5, 2)])
        await first.start()
        await second.start()
        for member in (first, second):
            await member.shared.refuse([Refusals("billing", "too_large", 5, 2)])
        await second.accept(1, handlers=("a",))
        await until(lambda: ("arrived", ("a",), "billing") in first.heard)
        assert await shared.retry("0192-1", actor="anna") == 0  # it is due already
        assert await shared.replay("0192-1", ["b"], force=True) == 1
        await until(lambda: ("arrived", (), "") in first.heard)
        assert await shared.resolve("0192-1", note="seen") == 2
        assert await first.shared.resolve("0192-1", note="seen") == 0
        half = "a\udcff"  # of a character, as an argument of the command line may be
        assert await shared.retry(half, half, actor=half, reason=half) == 0
        assert await shared.replay(half, [half], reason=half, plan=half) == 0
        assert await shared.resolve("0192-1", note=half) == 0
        await shared.note(half, half, actor=half, reason=half)
        with pytest.raises(StoreUnavailableError, match="does not understand it"):
            await shared._keeper.asks.ask(requests.RetryAsked(b"no text", None, "", ""))

    play(story)
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("select sum(count) from hardpoint_refused").fetchone()
    assert count == 6


def test_what_was_asked_of_an_owner_that_died_is_asked_of_the_next(play, path):
    async def story(member):
        file = await made(path)
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member, file=file)
            asked = asyncio.create_task(member.shared.retry("e"))
            counted = asyncio.create_task(member.shared.refuse([Refusals("a", "b", 5, 2)]))
            await peer.hear()
            await peer.hear()
        assert await asked == 0
        await counted  # once or not at all: it may have been counted before the end

    play(story, count=1)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select count(*) from hardpoint_refused").fetchone() == (0,)
        assert connection.execute("select action from hardpoint_audit").fetchall() == [("retry",)]


def test_nobody_waits_for_ever_for_an_answer(play, path, monkeypatch):
    monkeypatch.setattr(asks, "ASK_SECONDS", 0.05)

    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            with pytest.raises(StoreUnavailableError, match="did not answer in time"):
                await member.shared.retry("e")
            monkeypatch.setattr(asks, "ASK_SECONDS", 20)
            asked = await peer.hear()
            await peer.say(FrameKind.ANSWER, asked.number, requests.Told(None, 1))
            asking = asyncio.create_task(member.shared.retry("e"))
            asked = await peer.hear()
            await peer.say(FrameKind.ANSWER, asked.number, requests.Told("no, never"))
            with pytest.raises(StoreUnavailableError, match="no, never"):
                await asking

    play(story, count=1)


def test_what_waits_for_a_store_that_is_full_when_it_is_taken_over_hears_so(store):
    async def scene():
        outbox = Outbox(lambda: None, patience=20, rows=10, body_bytes=1000)
        answer = asyncio.get_running_loop().create_future()
        outbox.add(new_event(1), answer.set_result)
        store.refusing = "5000 events wait"
        outbox.hand_in(store)
        assert str(await answer) == "5000 events wait"

    asyncio.run(scene())


# Who is there


def test_an_owner_says_who_is_there_and_who_handles_what(play, path):
    async def story(first, second):
        first.handlers, first.public = {"paid": ("mail", "book")}, "http://127.0.0.1:1"
        assert first.shared.presence() is None
        assert first.shared.broadcast_reload() is None
        await first.start()
        await second.start()
        for member in (first, second):
            wanted = await member.shared.wanted("billing", "paid")
            assert (wanted.matching, wanted.known) == (("mail", "book"), ("mail", "book"))
            assert (await member.shared.wanted("billing", "new")).matching == ()
        presence = await asyncio.to_thread(second.shared.presence)
        assert (presence.owner.pid, presence.owner.public) == (os.getpid(), first.public)
        (guest,) = presence.guests
        assert (guest.rank, guest.release) == (second.rank, presence.owner.release)
        assert presence.boot == first.store.engine.boot

    play(story)


def test_all_are_told_to_read_their_configuration_again(play, path):
    async def story(first, second):
        await first.start()
        await second.start()
        earlier = Peer.connected(address_of(path))
        await earlier.greet()
        assert await asyncio.to_thread(second.shared.broadcast_reload) == 2
        await until(lambda: "reload" in first.heard and "reload" in second.heard)
        await earlier.say(FrameKind.ASK, 1, requests.RetryAsked("e", None, "", ""))
        assert (await earlier.hear()).kind is FrameKind.ANSWER  # it would not know what RELOAD is
        earlier.close()

    play(story)


def test_a_script_has_no_handlers_and_nothing_to_reload(path):
    async def scene():
        script = engine(f"sqlite:{path}")
        await script.shared.ensure_open()
        wanted = await script.shared.wanted("billing", "paid")
        assert (wanted.matching, wanted.known) == ((), ())
        assert await asyncio.to_thread(script.shared.broadcast_reload) == 1
        assert (await asyncio.to_thread(script.shared.presence)).owner.public == ""
        await script.shared.stop()

    asyncio.run(scene())


def test_an_owner_of_a_moment_ago_answers_no_questions_about_itself(play, path):
    async def story(member):
        await member.start()
        with pytest.raises(StoreUnavailableError, match="just passed to this process"):
            await member.shared._keeper.asks.ask(requests.WantedAsked("billing", "paid"))

    play(story, count=1)


async def visited(path, *, says=None, hang_up=False, listens=False):
    """What a visitor hears of an owner that says just this, once it has listened or before."""
    async with owner_by_hand(path) as owner:
        visiting = asyncio.create_task(
            asyncio.to_thread(
                visit, path, requests.PresenceAsked(), seconds=20 if says or hang_up else 0.05
            )
        )
        sock, _ = await asyncio.get_running_loop().sock_accept(owner._listening)
        peer = Peer(sock)
        if listens:
            assert [(await peer.hear()).kind for _ in range(2)] == [FrameKind.HELLO, FrameKind.ASK]
        if says is not None:
            await peer.send(says)
        if hang_up:
            peer.close()
        try:
            return await visiting
        finally:
            peer.close()


@pytest.mark.parametrize(
    ("says", "hang_up", "heard"),
    [
        (None, False, "does not answer"),
        (None, True, "ended just now|does not answer"),
        (frames.pack(FrameKind.REFUSED, 0, "never"), False, "never"),
        (frames.pack(FrameKind.ANSWER, 1, requests.Told("what is that?")), False, "what is that"),
        (b"GET / HTTP/1.1\r\n\r\n", False, "what nobody understands"),
        (frames.pack(FrameKind.ANSWER, 1, 7), False, "what nobody understands"),
    ],
)
def test_a_visitor_waits_for_no_answer_for_long(path, says, hang_up, heard):
    with pytest.raises(StoreUnavailableError, match=heard):
        asyncio.run(visited(path, says=says, hang_up=hang_up))


def test_a_visitor_hears_that_the_owner_has_ended_meanwhile(path):
    with pytest.raises(StoreUnavailableError, match="ended just now"):
        asyncio.run(visited(path, hang_up=True, listens=True))


# The end


def test_a_guest_that_stops_waits_for_its_answers(play, path):
    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            answer = member.submit(1)
            frame = await peer.hear()
            stopping = asyncio.create_task(member.stop())
            await asyncio.sleep(0.02)
            assert not stopping.done()
            await peer.say(FrameKind.ACCEPTED, frame.number, [None])
            assert (await answer).stored is Stored.NEW
            assert (await peer.hear()).kind is FrameKind.BYE
            await stopping

    play(story, count=1)


def test_a_guest_that_stops_takes_a_dead_owners_place_for_what_it_owes(play, path):
    async def story(member):
        file = await made(path)
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member, file=file)
            answer = member.submit(1)
            await peer.hear()
            stopping = asyncio.create_task(member.stop())
            await asyncio.sleep(0.02)
        await stopping
        assert (await answer).stored is Stored.NEW
        assert "take up" not in member.heard

    play(story, count=1)
    assert ids(path) == ["evt_1"]


def test_a_guest_that_stops_does_not_wait_for_ever(play, path, monkeypatch):
    monkeypatch.setattr(keeper, "STOP_SECONDS", 0.05)

    async def story(member):
        async with owner_by_hand(path) as owner:
            await owner.joined_by(member)
            answer = member.submit(1)
            keeping = member.shared._keeper
            await member.stop()
            assert "was closed" in str(await answer)
            keeping.stop(clean=True)  # again, when it has ended
            with pytest.raises(StoreUnavailableError, match="was closed"):
                keeping.accept(new_event(2), print)

    play(story, count=1)


def test_what_is_asked_of_one_that_stops_is_answered(play, path, monkeypatch):
    async def story(member):
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member)
            keeping = member.shared._keeper
            gone = asyncio.create_task(member.shared.retry("e"))
            await peer.hear()
            gone.cancel()
            asking = asyncio.create_task(member.shared.retry("e"))
            await peer.hear()
            await member.stop()
            with pytest.raises(StoreUnavailableError, match="was closed"):
                await asyncio.wait_for(asking, 20)
            assert gone.cancelled()
            with pytest.raises(StoreUnavailableError, match="was closed"):
                await keeping.asks.ask(requests.RetryAsked("e", None, "", ""))

    play(story, count=1)

    async def ending(member):  # its loop is there still, and does nothing
        monkeypatch.setattr(asks, "ASK_SECONDS", 0.0)
        monkeypatch.setattr(asks, "END_SECONDS", 0.01)
        idle = keeper.StoreKeeper(member.store, member)
        with pytest.raises(StoreUnavailableError, match="was closed"):
            await idle.asks.ask(requests.RetryAsked("e", None, "", ""))
        with pytest.raises(StoreUnavailableError, match="was closed"):
            await asyncio.to_thread(idle.asks.ask_blocking, requests.RetryAsked("e", None, "", ""))
        await asyncio.to_thread(idle._loop.run_until_complete, asyncio.sleep(0.01))
        idle._loop.close()

    play(ending, count=1)


def test_a_crew_that_comes_while_nobody_has_the_store_is_no_hurry(play):
    async def story(member):
        idle = keeper.StoreKeeper(member.store, member)
        idle.enlist()
        await asyncio.to_thread(idle._loop.run_until_complete, asyncio.sleep(0))
        idle._loop.close()
        assert idle._changed.is_set()
        assert member.heard == []
        member.shared.give_up("its handlers are stuck")  # it has nothing to give up
        assert not member.told

    play(story, count=1)


def test_a_store_that_was_closed_beside_it_is_opened_again(play, path):
    async def story(member):
        await member.start()
        await member.store.close()
        await until(lambda: len(member.of(OwnershipTaken)) == 2)
        await member.accept(1)

    play(story, count=1)


def test_a_crew_whose_loop_has_ended_holds_nothing_up(play, path, monkeypatch):
    monkeypatch.setattr(keeper, "AGAIN_SECONDS", 0.01)

    async def story(member, other, third):
        closed = asyncio.new_event_loop()
        closed.close()
        member.home = closed
        await member.start()
        member.store.break_down("the disk lies")
        await until(lambda: member.store.broken is None and member.shared.owner)
        member.home = None
        member.store.break_down("the disk lies")
        await until(lambda: member.store.broken is None and member.shared.owner)
        assert len(member.of(OwnershipTaken)) == 1

    play(story, count=3)


def test_an_answer_for_a_loop_that_has_ended_is_dropped(play, path):
    async def story(first, second):
        await first.start()
        await second.start()
        turn = first.store.gate.acquire()

        def elsewhere():
            async def submit():
                second.submit(1)

            asyncio.run(submit())

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await asyncio.to_thread(thread.join)
        first.store.gate.release(turn)
        await second.accept(2)

    play(story)
    assert sorted(ids(path)) == ["evt_1", "evt_2"]


def test_a_callback_that_fails_spoils_no_other_answer(play, path):
    async def story(first, second):
        await first.start()
        await second.start()
        failed = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failed.set())
        second.shared.accept(new_event(1), lambda _: 1 / 0)
        await second.accept(2)
        await failed.wait()

    play(story)


def test_a_forked_child_closes_its_copies_of_the_lines(play, path):
    async def story(first, second):
        await first.start()
        await second.start()
        server = first.shared._keeper._server
        await until(lambda: server.guests)
        (session,) = server._sessions
        mine = [server._socket, session.line._sock, second.shared._keeper._visit._sock]
        numbers = [one.fileno() for one in mine]
        child = os.fork()
        if child == 0:
            code = 1
            try:
                left = [number for number in numbers if exists(number)]
                code = len(left) + first.shared.started + second.shared.started
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert all(exists(number) for number in numbers)
        await second.accept(1)

    play(story)


def exists(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
