"""What the first release that shared a store said and heard, beside this one's other end.

`first_release.json` was taken from two processes of it: a guest that hands over four events,
counts, retries, replays and leaves, and its owner's answers.
"""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from hardpoint.store.driver import Refusals, Stored
from hardpoint.store.guests import frames
from hardpoint.store.guests.frames import FrameKind, FrameReader
from hardpoint.store.guests.lines import address_of

from .conftest import Peer, ids, made, owner_by_hand

SAID = [
    (who, bytes.fromhex(frame))
    for who, frame in json.loads(Path(__file__).with_name("first_release.json").read_text())
]


def parts(frame):
    """A frame's kind and number, and its payload as plain values."""
    if isinstance(frame, bytes):
        (frame,) = FrameReader().feed(frame)
    return frame.kind, frame.number, msgspec.msgpack.decode(frame.payload)


def begins_with(later, earlier):
    """Whether whoever knows these fields only finds them."""
    if isinstance(earlier, list) and isinstance(later, list):
        return len(later) >= len(earlier) and all(map(begins_with, later, earlier))
    return later == earlier


def test_its_guest_is_understood_and_understands_the_answers(play, path):
    async def story(owner):
        await owner.start()
        peer = Peer.connected(address_of(path))
        for who, said in SAID:
            if who == "guest":
                await peer.send(said)
                continue
            (kind, number, heard), (*head, then) = parts(await peer.hear()), parts(said)
            assert [kind, number] == head
            if kind is FrameKind.WELCOME:  # another process, file and opening
                assert (heard[0], len(heard)) == (then[0], len(then))
            else:
                assert begins_with(heard, then)
        assert await peer.hear() is None
        peer.close()

    play(story, count=1)
    assert sorted(ids(path)) == ["evt_1", "evt_2", "evt_3"]


def test_its_owner_is_understood_and_understands_what_it_is_asked(play, path):
    async def story(member):
        file = await made(path)
        steps = [
            member.start,
            lambda: member.accept(1),
            lambda: member.accept(2, handlers=("mark",)),
            lambda: member.accept(3, malformed="no JSON"),
            lambda: member.accept(1, id="0192-9"),
            lambda: member.shared.refuse([Refusals("billing", "too_large", 5, 2)]),
            lambda: member.shared.retry("0192-2", actor="anna", reason="why"),
            lambda: member.shared.replay(
                "0192-1", ["mark"], force=True, actor="anna", reason="why"
            ),
        ]
        ends = []
        async with owner_by_hand(path) as owner:
            peer = None
            for step, asked, answered in zip(steps, SAID[::2], SAID[1::2], strict=False):
                doing = asyncio.create_task(step())
                if peer is None:
                    peer = await owner.guest(welcome=False)
                    _, _, (version, pid, boot, _) = parts(answered[1])
                    welcome = frames.Welcome(version, pid, boot, file)
                    await peer.say(FrameKind.WELCOME, 0, welcome)
                else:
                    (kind, number, heard), (*head, then) = parts(await peer.hear()), parts(asked[1])
                    assert [kind, number] == head
                    assert begins_with(heard, then)
                    await peer.send(answered[1])
                ends.append(await doing)
            leaving = asyncio.create_task(member.stop())
            assert (await peer.hear()).kind is FrameKind.BYE
            await leaving
        assert [one.stored for one in ends[1:5]] == [
            *(Stored.NEW, Stored.NEW, Stored.QUARANTINED, Stored.DUPLICATE),
        ]
        assert ends[5:] == [None, 0, 1]

    play(story, count=1)


@pytest.mark.parametrize("versions", [(1,), (1, 2)])
def test_a_later_guest_is_let_in_by_the_version_that_both_speak(play, path, versions):
    async def story(owner):
        await owner.start()
        peer = Peer.connected(address_of(path))
        hello = [versions, "of a later release", 7, 1, "9.9", "", {"more": 1}]
        await peer.say(FrameKind.HELLO, 0, hello)
        assert frames.welcome_in((await peer.hear()).payload).version == 1
        peer.close()

    play(story, count=1)
