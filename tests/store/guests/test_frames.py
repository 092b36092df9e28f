import contextlib
import random
import struct

import msgspec
import pytest

from hardpoint.store.driver import NewEvent
from hardpoint.store.guests import frames, requests
from hardpoint.store.guests.frames import Frame, FrameError, FrameKind, FrameReader, pack

HELLO = frames.Hello((1, 2), "guest", 7)


def new_event(**changes):
    plain = {
        "id": "0192",
        "source": "billing",
        "vendor_id": "evt_1",
        "type": "paid",
        "account": None,
        "asserted": False,
        "received_at": 1.5,
        "signed_at": None,
        "correlation_id": "c",
        "headers": b"{}",
        "body": b"\x00body",
        "body_sha256": b"\xff" * 32,
    }
    return NewEvent(**{**plain, **changes})


def test_frames_are_put_together_from_any_pieces():
    sent = [
        Frame(FrameKind.HELLO, 0, msgspec.msgpack.encode(HELLO)),
        Frame(FrameKind.ACCEPTED, 2**63, msgspec.msgpack.encode([None, "full", ("new", "1")])),
        Frame(FrameKind.BYE, 3, msgspec.msgpack.encode(None)),
    ]
    stream = pack(FrameKind.HELLO, 0, HELLO) + pack(
        FrameKind.ACCEPTED, 2**63, [None, "full", ("new", "1")]
    )
    stream += pack(FrameKind.BYE, 3, None)
    for size in (1, 2, 13, 14, 40, len(stream)):
        reader, heard = FrameReader(), []
        for at in range(0, len(stream), size):
            heard += reader.feed(stream[at : at + size])
        assert heard == sent
        assert reader.held == 0


def test_a_frame_that_nobody_may_send_ends_the_stream():
    with pytest.raises(FrameError, match="of kind 1 with 101 bytes"):
        FrameReader(100).feed(struct.pack(">IBQ", 101, 1, 0))
    with pytest.raises(FrameError, match="of kind 99"):
        FrameReader().feed(struct.pack(">IBQ", 0, 99, 0))
    with pytest.raises(FrameError, match="4294967295 bytes"):
        FrameReader().feed(b"\xff" * 13)


def test_an_event_arrives_as_it_was():
    event = new_event(asserted=True, handlers=("a", "b"), lease=False, malformed="no JSON")
    payload = msgspec.msgpack.encode([frames.packed_event(event)])

    assert frames.events_in(payload) == [event]


def test_an_event_of_an_older_process_has_the_defaults_and_of_a_newer_one_no_more_than_we_know():
    whole = msgspec.msgpack.decode(frames.packed_event(new_event(handlers=("a",))))
    without = msgspec.msgpack.encode([whole[:12]])
    with_more = msgspec.msgpack.encode([[*whole, "unknown", 5]])

    (older,), (newer,) = frames.events_in(without), frames.events_in(with_more)
    assert (older.handlers, older.lease) == ((), True)
    assert newer == new_event(handlers=("a",))


def test_a_text_that_is_none_is_refused_where_it_comes_from():
    with pytest.raises(UnicodeEncodeError):
        frames.packed_event(new_event(type="\ud800"))


@pytest.mark.parametrize("count", [0, 201])
def test_an_accept_carries_so_many_events(count):
    payload = msgspec.msgpack.encode([new_event()] * count)

    with pytest.raises(FrameError, match=f"{count} events"):
        frames.events_in(payload)


def test_what_is_asked_says_what_it_is():
    for asked in (
        requests.CountAsked((("billing", "too_large", 5, 2),)),
        requests.RetryAsked("e", None, "anna", "why"),
        requests.ReplayAsked("e", ("a", "b"), force=True, actor="anna", reason=""),
        requests.ResolveAsked("e", "a", "note", "anna"),
    ):
        assert requests.asked_in(msgspec.msgpack.encode(asked)) == asked
    with pytest.raises(FrameError, match="not what its kind says"):
        requests.asked_in(msgspec.msgpack.encode(["dance", 1]))


def test_nothing_that_may_come_raises_anything_else():
    chance = random.Random(5)
    readers = (
        *(frames.hello_in, frames.welcome_in, frames.events_in, frames.items_in),
        *(requests.asked_in, requests.told_in, frames.text_in),
    )
    whole = [
        msgspec.msgpack.encode(one)
        for one in (HELLO, [new_event()], [None, "x"], ["count", [["a", "b", 1, 2]]], "text")
    ]
    deep = b"\x91" * 5000
    for payload in [*whole, deep, b"", b"\xa1\xff", b"\x91\xa1\xff"]:
        for read in readers:
            for _ in range(20):
                spoilt = bytearray(payload)
                for _ in range(chance.randrange(4)):
                    if spoilt:
                        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
                with contextlib.suppress(FrameError):
                    read(bytes(spoilt[: chance.randrange(len(spoilt) + 1)]))
    for _ in range(300):
        reader = FrameReader(1 << 16)
        with contextlib.suppress(FrameError):
            reader.feed(chance.randbytes(chance.randrange(60)))
