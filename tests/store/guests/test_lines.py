import asyncio
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.guests import lines
from hardpoint.store.guests.frames import FRAME_BYTES_MAX, FrameKind, pack
from hardpoint.store.guests.lines import FrameLine, address_of, connect, listen, peer_user

HELLO = pack(FrameKind.HELLO, 1, "hello")


class Ends:
    """A line in this loop, and the plain socket at its other end."""

    def __init__(self, refuse=None):
        ours, self.theirs = socket.socketpair(socket.AF_UNIX)
        ours.setblocking(False)
        self.sock = ours
        self.heard, self.ended, self.grown = [], [], []
        self.over = asyncio.Event()
        self.line = FrameLine(
            asyncio.get_running_loop(),
            ours,
            heard=refuse or self.heard.append,
            ended=self._ended,
            grew=lambda: self.grown.append(self.line.held),
        )

    def _ended(self, reason):
        self.ended.append(reason)
        self.over.set()

    def close(self):
        self.line.close()
        self.theirs.close()


def play(story, **options):
    async def scene():
        ends = Ends(**options)
        try:
            await asyncio.wait_for(story(ends), 20)
        finally:
            ends.close()

    asyncio.run(scene())


async def until(holds):
    while not holds():
        await asyncio.sleep(0.001)


def test_a_line_hears_frames_and_learns_of_the_end():
    async def story(ends):
        ends.theirs.sendall(HELLO + HELLO[:5])
        await until(lambda: ends.heard)
        assert ends.line.held == 5
        assert ends.line.half_for < 10
        ends.theirs.sendall(HELLO[5:])
        await until(lambda: len(ends.heard) == 2)
        assert (ends.line.held, ends.line.half_for) == (0, 0.0)
        ends.theirs.close()
        await ends.over.wait()
        assert ends.ended == [""]
        assert not ends.line.open
        ends.line.send(HELLO)

    play(story)


def test_what_nobody_can_say_ends_the_line():
    async def story(ends):
        ends.theirs.sendall(b"GET / HTTP/1.1\r\n\r\n")
        await ends.over.wait()
        assert "a frame of kind" in ends.ended[0]

    play(story)


def test_a_peer_that_reads_slowly_gets_all_of_it(monkeypatch):
    monkeypatch.setattr(lines, "_LINGER_SECONDS", 20.0)  # it may be very slow here

    async def story(ends):
        ends.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sent = [bytes([n]) * 100_000 for n in range(20)]
        for some in sent:
            ends.line.send(some)
        ends.line.hang_up()
        ends.line.hang_up()
        ends.line.send(b"too late")
        got = await asyncio.to_thread(read_all, ends.theirs)
        assert got == b"".join(sent)
        assert not ends.line.open
        assert ends.ended == []

    play(story)


def test_any_thread_may_send():
    async def story(ends):
        ends.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sent = [bytes([n]) * 50_000 for n in range(20)]
        reading = asyncio.create_task(asyncio.to_thread(read_some, ends.theirs, 1_000_000))
        await asyncio.to_thread(lambda: [ends.line.send(some) for some in sent])
        assert await reading == b"".join(sent)

    play(story)


def test_another_thread_learns_of_no_end_and_the_loop_of_one():
    async def story(ends):
        ends.theirs.close()
        await asyncio.to_thread(ends.line.send, HELLO)
        await ends.over.wait()
        await asyncio.to_thread(ends.line.send, HELLO)
        assert len(ends.ended) == 1

    play(story)


@pytest.mark.parametrize("gone", [False, True])
def test_what_another_thread_could_not_send_is_nobodys_once_the_line_is_closed(gone):
    async def story(ends):
        if gone:
            ends.theirs.close()
        sending = threading.Thread(target=ends.line.send, args=(b"x" * 5_000_000,))
        sending.start()
        sending.join()  # the loop has not heard of it yet
        ends.line.close()
        await asyncio.sleep(0)
        assert ends.ended == []

    play(story)


def read_some(sock, count):
    got = bytearray()
    while len(got) < count:
        got += sock.recv(1 << 16)
    return bytes(got)


def read_all(sock):
    got = bytearray()
    while some := sock.recv(1 << 16):
        got += some
    return bytes(got)


def test_a_peer_that_never_reads_is_left_after_a_while(monkeypatch):
    monkeypatch.setattr(lines, "_LINGER_SECONDS", 0.01)

    async def story(ends):
        for _ in range(50):
            ends.line.send(b"x" * 100_000)
        ends.theirs.sendall(HELLO)
        ends.line.hang_up()
        await until(lambda: not ends.line.open)
        assert ends.heard == []

    play(story)


@pytest.mark.parametrize("behind", [False, True])
def test_a_peer_that_has_gone_is_noticed_by_who_sends(behind):
    async def story(ends):
        if behind:
            for _ in range(50):
                ends.line.send(b"x" * 100_000)
        ends.theirs.close()
        ends.line.send(HELLO)
        await ends.over.wait()
        assert len(ends.ended) == 1

    play(story)


def test_a_reset_is_an_end_as_any_other():
    async def story(ends):
        ends.line.send(b"unread")
        ends.theirs.sendall(b"")
        ends.theirs.close()  # with unread bytes: the other end is reset
        await ends.over.wait()
        assert len(ends.ended) == 1

    play(story)


def test_much_of_a_frame_that_is_not_whole_is_told():
    async def story(ends):
        head = pack(FrameKind.ACCEPT, 1, b"x" * 3_000_000)
        sending = threading.Thread(target=ends.theirs.sendall, args=(head[:2_500_000],))
        sending.start()
        await until(lambda: ends.line.held == 2_500_000)
        sending.join()
        assert ends.grown
        assert min(ends.grown) > 1 << 20

    play(story)


def test_nothing_is_heard_after_the_line_was_closed():
    heard = []

    async def story(ends):
        def once(frame):
            heard.append(frame)
            ends.line.close()

        ends.line._heard = once
        ends.theirs.sendall(HELLO * 3)
        await until(lambda: heard)
        await asyncio.sleep(0)
        assert len(heard) == 1

    play(story)


def test_a_false_alarm_is_no_end():
    async def story(ends):
        ends.line._readable()
        for _ in range(50):
            ends.line.send(b"x" * 100_000)
        ends.line._writable()
        assert ends.line.open

    play(story)


def test_an_end_that_is_met_in_writing_is_told():
    async def story(ends):
        for _ in range(50):
            ends.line.send(b"x" * 100_000)
        ends.theirs.close()
        ends.line._writable()
        assert len(ends.ended) == 1
        assert not ends.line.open

    play(story)


def test_a_forked_childs_copy_is_closed_without_the_loop():
    async def story(ends):
        ends.line.forget()
        assert not ends.line.open
        assert ends.sock.fileno() == -1

    play(story)


# Addresses


def test_the_socket_is_beside_the_file(tmp_path):
    assert address_of(tmp_path / "shop.db") == tmp_path / "shop.db.sock"


def test_a_path_that_is_too_long_for_a_socket_has_one_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    database = tmp_path / ("d" * 120) / "shop.db"

    address = address_of(database, {})
    assert address == address_of(database, {})
    assert address.parent == tmp_path / f"hardpoint-{os.geteuid()}"
    assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
    assert address_of(database.with_name("other.db"), {}) != address

    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    assert address_of(database, {"XDG_RUNTIME_DIR": str(run)}).parent == run


def test_a_folder_that_others_can_write_to_holds_no_socket(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    run.chmod(0o777)

    with pytest.raises(StoreUnavailableError, match="others can write to it"):
        address_of(tmp_path / ("d" * 120) / "shop.db", {"XDG_RUNTIME_DIR": str(run)})


def test_a_socket_takes_the_place_of_what_was_there_and_is_for_its_user_alone(tmp_path):
    address = tmp_path / "shop.db.sock"
    address.write_text("stale")
    Path(f"{address}.{os.getpid():x}").write_text("of a process that had our number")
    with listen(address) as listening:
        assert stat.S_IMODE(address.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [address]
        with connect(address) as guest:
            owner, _ = listening.accept()
            with owner:
                assert peer_user(owner) == os.geteuid()
                assert peer_user(owner, None) == os.geteuid()
            assert guest.fileno() >= 0
    assert connect(address) is None  # it stays, and nobody is behind it
    address.unlink()
    assert connect(address) is None


def test_what_cannot_be_bound_or_reached_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        listen(tmp_path / "missing" / "shop.db.sock")
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(OSError):
        listen(plain / ("x" * 300))
    with pytest.raises(OSError):
        connect(tmp_path / ("x" * 200))


def test_a_frame_may_be_as_large_as_the_largest_body():
    from hardpoint.hub.settings import BODY_BYTES_CEILING

    assert FRAME_BYTES_MAX >= BODY_BYTES_CEILING + (64 << 10)
