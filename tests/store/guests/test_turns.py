"""Turns at writing by hand: in one line with the owner's writer, from whichever process."""

import asyncio
import contextvars
import os
import sqlite3
from contextlib import closing

import pytest

from hardpoint.core.errors import StoreMisuseError, StoreUnavailableError
from hardpoint.store.driver import Stored
from hardpoint.store.events import TurnHeldLong
from hardpoint.store.guests import Rank, asks, requests, turns
from hardpoint.store.guests.frames import FrameKind
from hardpoint.store.sqlite import gate
from hardpoint.store.sqlite.connections import connect

from .conftest import made, owner_by_hand, until


def test_owner_and_guest_take_turns_and_the_writer_waits_for_both(play, path):
    async def story(first, second):
        await first.start()
        await second.start()
        order = []

        async def turn(member, name):
            async with member.shared.turn():
                order.append(name)

        async with second.shared.turn():
            stored = first.submit(1)
            waiting = []
            for member, name in ((first, "owner"), (second, "guest")):
                waiting.append(elsewhere(turn(member, name)))
                await asyncio.sleep(0.02)
            assert (order, stored.done()) == ([], False)
        await asyncio.gather(*waiting)
        assert order == ["owner", "guest"]
        await stored
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            async with first.shared.turn():
                connection.execute("begin immediate")
                connection.execute("create table mine (id)")
                connection.execute("commit")

    play(story)


def test_threads_have_turns_of_their_own(play, path):
    async def story(first, second):
        await first.start()
        await second.start()

        def write(member):
            with closing(connect(path, timeout=0)) as mine, member.shared.turn(), mine:
                mine.execute("create table if not exists mine (id)")
                mine.execute("insert into mine values (1)")

        await asyncio.gather(*(asyncio.to_thread(write, one) for one in (first, second) * 3))
        with closing(connect(path)) as connection:
            assert connection.execute("select count(*) from mine").fetchone() == (6,)
        with pytest.raises(StoreMisuseError, match="async with"), second.shared.turn():
            pass

    play(story)


def test_a_script_has_turns_without_a_server(path):
    with closing(connect(path)):
        pass

    async def alone():
        store = sqlite_store(path)
        async with store.shared.turn():
            assert store.shared.owner
        await store.shared.stop()

    asyncio.run(alone())
    store = sqlite_store(path)
    with store.shared.turn():
        assert store.shared.owner
    store.shared.stop_blocking()
    store.shared.end_turn(1)  # which nobody has any more


def sqlite_store(path):
    from hardpoint.store.opening import engine

    return engine(f"sqlite:{path}")


def test_inside_a_turn_nothing_is_asked_that_would_wait_for_its_end(play, path):
    async def story(first, second):
        await first.start()
        await second.start()
        for member in (first, second):
            async with member.shared.turn():
                with pytest.raises(StoreMisuseError, match=r"inside a hub.turn\(\) block"):
                    await member.shared.retry("e")
                with pytest.raises(StoreMisuseError, match=r"inside a hub.turn\(\) block"):
                    async with member.shared.turn():
                        pass
            assert await member.shared.retry("e") == 0

    play(story)


def test_a_guest_that_is_cut_off_asks_again_and_one_that_goes_loses_its_turn(play, path):
    async def story(first, third):
        for member in (first, third):
            await member.start()
        async with first.shared.turn():
            waiting = elsewhere(enter(third.shared.turn()))
            await until(lambda: first.store.turns._wanted)
            before = {*first.store.turns._wanted}
            hang_up_on_all(first)
            await until(lambda: first.store.turns._wanted - before)
        await waiting  # it has asked again, on its next line
        await third.stop()
        async with asyncio.timeout(gate.TURN_SECONDS), first.shared.turn():
            pass

    play(story)


async def turn_of_one_that_dies(path, holder, *others):
    """A turn that the holder has of an owner who is no more; the others were guests as well."""
    file = await made(path)
    async with owner_by_hand(path) as owner:
        for member in (holder, *others):
            peer = await owner.joined_by(member, file=file)
            if member is holder:
                entering = elsewhere(enter(holder.shared.turn()))
                asked = await peer.hear()
                await peer.say(FrameKind.ANSWER, asked.number, requests.Told(None))
        return await entering


def test_a_turn_outlives_the_owner_it_was_had_from(play, path):
    async def story(holder, other):
        holder.rank = Rank.FRONT  # so that it is the other who follows
        held = await turn_of_one_that_dies(path, holder, other)
        await until(lambda: other.store.turns._held)
        stored = other.submit(1)
        await until(lambda: other.store.gate._waiting)
        waiting = elsewhere(enter(other.shared.turn()))
        await until(lambda: other.store.turns._wanted)
        assert (stored.done(), waiting.done()) == (False, False)
        await held.__aexit__(None, None, None)
        assert (await stored).stored is Stored.NEW
        await (await waiting).__aexit__(None, None, None)

    play(story)


@pytest.mark.parametrize("seconds", [20.0, 0.0])
def test_a_new_owner_waits_for_a_turn_of_its_own_unless_its_time_is_up(
    play, path, monkeypatch, seconds
):
    monkeypatch.setattr(asks, "TURN_SECONDS", seconds)

    async def story(member):
        held = await turn_of_one_that_dies(path, member)
        await until(lambda: member.shared.owner)
        assert bool(member.store.turns._held) is bool(seconds)
        await held.__aexit__(None, None, None)
        await member.accept(1)

    play(story, count=1)


async def enter(turn):
    await turn.__aenter__()
    return turn


def elsewhere(work):
    """A task that is not part of any block that is open here."""
    return asyncio.create_task(work, context=contextvars.Context())


def hang_up_on_all(owner):
    keeper = owner.shared._keeper

    def leave():
        for session in [*keeper._server._sessions]:
            session.leave()

    keeper._loop.call_soon_threadsafe(leave)


def test_who_waits_no_more_keeps_nobody_waiting(play, path, monkeypatch):
    monkeypatch.setattr(gate, "WAIT_SECONDS", 0.05)

    async def story(first, second):
        await first.start()
        await second.start()
        held = await elsewhere(enter(first.shared.turn()))
        for member in (first, second):
            with pytest.raises(StoreUnavailableError, match="held the store's file"):
                await elsewhere(enter(member.shared.turn()))
        with pytest.raises(StoreUnavailableError, match="held the store's file"):
            await asyncio.to_thread(second.shared.turn().__enter__)
        monkeypatch.setattr(gate, "WAIT_SECONDS", 20)
        for member in (first, second):
            waiting = elsewhere(enter(member.shared.turn()))
            await until(lambda: first.store.turns._wanted)
            waiting.cancel()
            await asyncio.wait({waiting})
            await until(lambda: not first.store.turns._wanted)
        await held.__aexit__(None, None, None)
        async with second.shared.turn():
            pass

    play(story)


def test_a_turn_that_lasts_too_long_is_taken_back_and_told(play, path, monkeypatch):
    monkeypatch.setattr(gate, "TURN_SECONDS", -0.9)
    monkeypatch.setattr(turns, "_HELD_LONG", 0.0)

    async def story(first, second):
        await first.start()
        await second.start()
        held = await elsewhere(enter(second.shared.turn()))
        await first.accept(1)
        await until(lambda: first.of(TurnHeldLong))
        await held.__aexit__(None, None, None)
        await until(lambda: second.of(TurnHeldLong))
        assert first.of(TurnHeldLong)[0].taken_back
        assert not second.of(TurnHeldLong)[0].taken_back

    play(story)


ENDLESS = """
with recursive more (n) as (select 1 union all select n + 1 from more) select count(*) from more
"""


def test_a_statement_is_interrupted_when_the_turn_is_over(play, path, monkeypatch):
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.05)

    async def story(member):
        await member.start()
        with closing(connect(path)) as connection:
            async with member.shared.turn():
                with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                    connection.execute(ENDLESS)
            assert connection.execute("select 1").fetchone() == (1,)

    play(story, count=1)


def test_a_child_that_was_forked_in_a_turn_leaves_it_to_the_parent(play, path):
    async def story(first, second):
        await first.start()
        async with first.shared.turn():
            turn = first.shared.turn()
            turn._number, turn._process = 1, os.getpid() + 1
            turn._end()
            waiting = elsewhere(asyncio.to_thread(first.store.gate.acquire, 20))
            await asyncio.sleep(0.02)
            assert not waiting.done()
        first.store.gate.release(await waiting)

    play(story)


def test_an_owner_before_turns_says_that_it_has_none(play, path):
    async def story(member):
        file = await made(path)
        async with owner_by_hand(path) as owner:
            peer = await owner.joined_by(member, file=file)
            entering = asyncio.create_task(enter(member.shared.turn()))
            asked = await peer.hear()
            await peer.say(FrameKind.ANSWER, asked.number, requests.Told("what is a turn?"))
            with pytest.raises(StoreUnavailableError, match="what is a turn"):
                await entering
            assert requests.asked_in((await peer.hear()).payload) == requests.TurnEnded(1)

    play(story, count=1)
