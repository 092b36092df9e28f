import asyncio
import contextlib
import os
import random
import resource
import socket
import struct

import msgspec
import pytest

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.store.driver import Refusals, Stored
from hardpoint.store.guests import frames, requests, server
from hardpoint.store.guests.frames import FrameKind, pack
from hardpoint.store.guests.lines import connect
from hardpoint.store.guests.server import GuestServer

from .conftest import Peer, new_event, until


class Hall:
    """A server in this loop, and its guests."""

    def __init__(self, address, store, **options):
        self.address = address
        self.store = store
        self.arrived = []
        self.peers = []
        self.server = GuestServer(
            asyncio.get_running_loop(),
            address,
            store,
            boot=3,
            file=(1, 2),
            arrived=lambda handlers, source: self.arrived.append((tuple(handlers), source)),
            **options,
        )

    def knock(self):
        self.peers.append(Peer.connected(self.address))
        return self.peers[-1]

    async def guest(self):
        peer = self.knock()
        await peer.greet()
        return peer

    def close(self):
        self.server.stop_listening()
        self.server.hang_up()
        for peer in self.peers:
            peer.close()


@pytest.fixture
def play(tmp_path, store):
    def play(story, **options):
        async def scene():
            hall = Hall(tmp_path / "shop.db.sock", store, **options)
            try:
                async with asyncio.timeout(30):
                    await story(hall)
            finally:
                hall.close()

        asyncio.run(scene())

    return play


async def accept(peer, number, *events):
    await peer.say(FrameKind.ACCEPT, number, [frames.packed_event(one) for one in events])


async def answers(peer):
    frame = await peer.hear()
    assert frame.kind is FrameKind.ACCEPTED
    return frame.number, frames.items_in(frame.payload)


def test_a_guest_is_told_whom_it_visits(play):
    async def story(hall):
        peer = hall.knock()
        welcome = await peer.greet(versions=(1, 2, 9))
        assert (welcome.version, welcome.boot, welcome.file) == (1, 3, (1, 2))
        assert [one.pid for one in hall.server.guests] == [7]
        peer.close()
        await until(lambda: not hall.server.guests)

    play(story)


def test_events_are_answered_in_order_once_they_are_stored(play, store):
    async def story(hall):
        peer = await hall.guest()
        await accept(peer, 1, new_event(1), new_event(2, handlers=("a",)))
        await accept(peer, 3, new_event(3, handlers=("a",)), new_event(4), new_event(5))
        await until(lambda: len(store.waiting) == 5)
        later, store.waiting[2:] = store.waiting[2:], []
        first, store.waiting[:] = store.waiting[:], later
        store.settle(Stored.DUPLICATE, "first")
        store.settle(StoreUnavailableError("the disk is full"))
        store.settle(StoreError("no such text"))
        store.waiting[:] = first
        store.settle()
        store.settle()
        assert await answers(peer) == (1, [None, None])
        assert await answers(peer) == (
            3,
            [("duplicate", "first"), "the disk is full", ("faulty", "no such text")],
        )
        await until(lambda: hall.arrived)
        assert hall.arrived == [(("a",), "billing")]

    play(story)


def test_a_guests_jobs_are_left_to_whoever_claims_them(play, store):
    async def story(hall):
        peer = await hall.guest()
        await accept(peer, 1, new_event(1, lease=True, handlers=("a",)))
        await until(lambda: store.waiting)
        assert store.waiting[0][0] == new_event(1, handlers=("a",))

    play(story)


def test_a_store_that_is_full_says_so_and_one_that_has_ended_hangs_up(play, store):
    async def story(hall):
        peer = await hall.guest()
        store.refusing = "5000 events wait"
        await accept(peer, 1, new_event(1))
        assert await answers(peer) == (1, ["5000 events wait"])
        store.refusing = None
        await accept(peer, 2, new_event(2))
        await accept(peer, 3, new_event(3))
        await until(lambda: len(store.waiting) == 2)
        store.broken = "a failed sync"
        store.settle(StoreUnavailableError("a failed sync"))
        assert await peer.hear() is None
        store.settle(StoreUnavailableError("a failed sync"))  # what came after it

    play(story)


def test_what_is_asked_is_done_and_answered(play, store):
    async def story(hall):
        peer = await hall.guest()
        asked = [
            requests.CountAsked((("billing", "too_large", 5, 2),)),
            requests.RetryAsked("e", None, "anna", "why"),
            requests.ReplayAsked("e", ("a",), force=True, actor="anna", reason=""),
            requests.ResolveAsked("e", "a", "note", "anna"),
            requests.NoteAsked("reveal", "e", "anna", "why"),
        ]
        for number, one in enumerate(asked):
            await peer.say(FrameKind.ASK, number, one)
            frame = await peer.hear()
            assert (frame.kind, frame.number) == (FrameKind.ANSWER, number)
            assert requests.told_in(frame.payload) == requests.Told(None, int(0 < number < 4))
        assert store.asked == [
            ("refuse", [Refusals("billing", "too_large", 5, 2)]),
            ("retry", "e", None, "anna", "why"),
            ("replay", "e", ("a",), True, "anna", ""),
            ("resolve", "e", "a", "note", "anna"),
            ("note", "reveal", "e", "anna", "why"),
        ]
        await until(lambda: len(hall.arrived) == 3)
        assert hall.arrived == [((), "")] * 3

    play(story)


def test_what_cannot_be_done_is_answered_too(play, store):
    async def story(hall):
        peer = await hall.guest()
        await peer.say(FrameKind.ASK, 1, ["dance"])
        told = requests.told_in((await peer.hear()).payload)
        assert "does not understand it" in told.error
        store.error = ZeroDivisionError("a defect")
        await peer.say(FrameKind.ASK, 2, requests.RetryAsked("e", None, "", ""))
        assert requests.told_in((await peer.hear()).payload).error == "a defect"
        store.is_open = False
        await peer.say(FrameKind.ASK, 3, requests.RetryAsked("e", None, "", ""))
        assert await peer.hear() is None

    play(story)


def test_whoever_leaves_or_is_left_takes_what_was_asked_along(play, store):
    async def story(hall):
        leaving, asking = await hall.guest(), await hall.guest()
        await leaving.say(FrameKind.BYE)
        assert await leaving.hear() is None

        async def never(*_, **__):
            await asyncio.Event().wait()

        store.retry = never
        await asking.say(FrameKind.ASK, 1, requests.RetryAsked("e", None, "", ""))
        await until(lambda: hall.server._tasks)
        hall.server.hang_up()
        assert (await asking.hear()).kind is FrameKind.BYE
        assert await asking.hear() is None

    play(story)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (pack(FrameKind.ACCEPT, 1, []), "HELLO comes first"),
        (pack(FrameKind.HELLO, 0, frames.Hello((2, 3), "newer", 7)), "speaks version 1, and not 2"),
        (pack(FrameKind.HELLO, 0, frames.Hello((), "mute", 7)), "and not none"),
        (pack(FrameKind.HELLO, 0, "hello"), "not what its kind says"),
    ],
)
def test_a_stranger_is_told_why_it_is_shown_out(play, sent, why):
    async def story(hall):
        peer = hall.knock()
        await peer.send(sent)
        assert why in await peer.refusal()

    play(story)


@pytest.mark.parametrize(
    "sent",
    [
        pack(FrameKind.ACCEPT, 1, ["no event"]),
        pack(FrameKind.ACCEPT, 1, []),
        pack(FrameKind.WELCOME, 1, None),
    ],
)
def test_a_guest_that_speaks_nonsense_is_shown_out_and_the_others_stay(play, store, sent):
    async def story(hall):
        good, bad = await hall.guest(), await hall.guest()
        await bad.send(sent)
        await bad.refusal()
        await accept(good, 1, new_event(1))
        await until(lambda: store.waiting)
        store.settle()
        assert await answers(good) == (1, [None])

    play(story)


def test_a_process_of_another_user_is_not_let_in(play):
    async def story(hall):
        peer = hall.knock()
        await peer.say(FrameKind.HELLO, 0, frames.Hello((1,), "other", 7))
        assert await peer.hear() is None

    play(story, user_of=lambda _: 123_456)


def test_there_is_room_for_so_many(play, monkeypatch):
    monkeypatch.setattr(server, "SESSIONS_MAX", 1)

    async def story(hall):
        await hall.guest()
        late = hall.knock()
        assert await late.hear() is None

    play(story)


def test_whoever_says_nothing_or_half_a_thing_gives_its_place_back(play, monkeypatch):
    monkeypatch.setattr(server, "HALF_SECONDS", 0.02)
    monkeypatch.setattr(server, "_TICK_SECONDS", 0.01)

    async def story(hall):
        silent, half, good = hall.knock(), await hall.guest(), await hall.guest()
        await half.send(pack(FrameKind.ACCEPT, 1, [])[:5])
        assert "in time" in await silent.refusal()
        assert "in time" in await half.refusal()
        await good.say(FrameKind.BYE)

    play(story)


def test_unfinished_messages_take_so_much_memory_together(play, monkeypatch):
    monkeypatch.setattr(server, "HELD_BYTES_MAX", 3_000_000)

    async def story(hall):
        first, second = await hall.guest(), await hall.guest()
        half = pack(FrameKind.ACCEPT, 1, b"x" * 4_000_000)[:2_000_000]
        await first.send(half)
        try:
            await second.send(half)
            assert "unfinished" in await second.refusal()
        except ConnectionError:
            pass
        await until(lambda: len(hall.server.guests) == 1)

    play(story)


def test_a_client_that_has_gone_before_it_was_let_in_does_no_harm(play):
    async def story(hall):
        hall.server._knocked()  # a false alarm
        assert (await hall.guest()).sock.fileno() > 0

    play(story)


def test_while_no_more_files_can_be_opened_nobody_is_let_in_and_nothing_spins(play):
    async def story(hall):
        peer = hall.knock()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.open("/dev/null", os.O_RDONLY)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            hall.server._knocked()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert not asyncio.get_running_loop().remove_reader(hall.server._socket)
        assert (await peer.greet()).pid > 0  # let in at the next tick

    play(story)


def test_random_bytes_reach_nobody_else(play, store):
    chance = random.Random(3)

    async def story(hall):
        good = await hall.guest()
        hello = pack(FrameKind.HELLO, 0, frames.Hello((1,), "odd", 7))
        for _ in range(150):
            peer = hall.knock()
            spoilt = bytearray(hello + pack(FrameKind.ACCEPT, 1, [msgspec.msgpack.encode("x")]))
            for _ in range(chance.randrange(1, 6)):
                spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
            with contextlib.suppress(ConnectionError):
                await peer.send(bytes(spoilt) + chance.randbytes(chance.randrange(40)))
            peer.close()
        await accept(good, 1, new_event(1))
        await until(lambda: store.waiting)
        store.settle()
        assert await answers(good) == (1, [None])

    play(story)


def test_a_thousand_that_knock_at_a_time_are_let_in(play):
    async def story(hall):
        sockets = [connect(hall.address) for _ in range(300)]
        await until(lambda: len(hall.server._sessions) == 300)
        for sock in sockets:
            sock.close()
        await until(lambda: not hall.server._sessions)

    play(story)


def test_a_socket_that_somebody_has_removed_is_no_trouble(play):
    async def story(hall):
        hall.address.unlink()

    play(story)


def test_a_socket_that_somebody_has_removed_is_made_anew(play, monkeypatch):
    monkeypatch.setattr(server, "_TICK_SECONDS", 0.01)

    async def story(hall):
        before = await hall.guest()
        hall.address.unlink()
        await until(hall.address.exists)
        await hall.guest()
        assert len(hall.server.guests) == 2
        await before.say(FrameKind.BYE)
        folder = hall.address.parent
        away = folder.rename(folder.with_name("away"))
        await asyncio.sleep(0.05)
        away.rename(folder)
        await hall.guest()

    play(story)


def test_a_reset_connection_is_let_go(play):
    async def story(hall):
        peer = await hall.guest()
        linger = struct.pack("ii", 1, 0)
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        peer.close()
        await until(lambda: not hall.server._sessions)

    play(story)
