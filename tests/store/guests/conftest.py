"""A store that answers when a test says so, and guests that speak frames by hand."""

import asyncio
import socket
import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.driver import Accepted, NewEvent, Stored
from hardpoint.store.guests import Rank, SharedStore, frames
from hardpoint.store.guests.frames import FrameKind, FrameReader, pack
from hardpoint.store.guests.lines import listen
from hardpoint.store.sqlite import SqliteStore, StatementLimits
from hardpoint.store.sqlite.files import LockFile, inode_of
from hardpoint.store.sqlite.gate import Gate, LentTurns


def new_event(number=1, **changes):
    plain = {
        "id": f"0192-{number}",
        "source": "billing",
        "vendor_id": f"evt_{number}",
        "type": "paid",
        "account": None,
        "asserted": False,
        "received_at": 1.5,
        "signed_at": None,
        "correlation_id": "c",
        "headers": b"{}",
        "body": b"\x00body",
        "body_sha256": b"\xff" * 32,
        "lease": False,
    }
    return NewEvent(**{**plain, **changes})


class ByHand:
    """A store that holds every event until it is told what becomes of it."""

    def __init__(self):
        self.broken = None
        self.is_open = True
        self.refusing = None
        self.waiting = []
        self.asked = []
        self.result = 1
        self.error = None
        self.turns = LentTurns(Gate(), lambda _: None)

    @property
    def is_whole(self):
        return self.is_open and self.broken is None

    def look_for_deaths(self):
        pass

    async def call(self, step, session=None):
        return await self._do("call", step, session)

    def accept(self, event, done):
        if self.refusing is not None:
            raise StoreUnavailableError(self.refusing)
        self.waiting.append((event, done))

    accept_aside = accept

    def settle(self, result=Stored.NEW, identifier=None):
        event, done = self.waiting.pop(0)
        if isinstance(result, Stored):
            result = Accepted(result, identifier or event.id)
        done(result)

    async def refuse(self, counts):
        await self._do("refuse", counts)

    async def retry(self, event, handler=None, *, actor="", reason=""):
        return await self._do("retry", event, handler, actor, reason)

    async def replay(self, event, handlers, *, force=False, actor="", reason="", plan=""):
        return await self._do("replay", event, handlers, force, actor, reason)

    async def resolve(self, event, handler=None, *, note, actor=""):
        return await self._do("resolve", event, handler, note, actor)

    async def note(self, action, target, *, actor="", reason=""):
        return await self._do("note", action, target, actor, reason)

    async def _do(self, *asked):
        self.asked.append(asked)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.result


class Peer:
    """One end of a line, by hand."""

    def __init__(self, sock):
        sock.setblocking(False)
        self.sock = sock
        self._reader = FrameReader()
        self._frames = []

    @classmethod
    def connected(cls, address):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(address))
        return cls(sock)

    async def send(self, data):
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def say(self, kind, number=0, value=None):
        await self.send(pack(kind, number, value))

    async def greet(self, versions=(1,), rank=1):
        await self.say(FrameKind.HELLO, 0, frames.Hello(versions, "by hand", 7, rank))
        frame = await self.hear()
        assert frame.kind is FrameKind.WELCOME
        return frames.welcome_in(frame.payload)

    async def hear(self):
        """The next frame; None when the other end has hung up."""
        while not self._frames:
            try:
                async with asyncio.timeout(20):
                    data = await asyncio.get_running_loop().sock_recv(self.sock, 1 << 16)
            except ConnectionError:
                return None
            if not data:
                return None
            self._frames += self._reader.feed(data)
        return self._frames.pop(0)

    async def refusal(self):
        """Why the other end hangs up."""
        frame = await self.hear()
        assert frame.kind is FrameKind.REFUSED
        assert await self.hear() is None
        return frames.text_in(frame.payload)

    def close(self):
        self.sock.close()


async def until(holds, seconds=20):
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.001)


@pytest.fixture
def store():
    return ByHand()


class Member:
    """What one process would have: a store, its share of it, and a crew that notes what it hears.

    Attributes:
        home: the loop of the crew.
        rank: likewise; it may be set before the start.
        handlers: what it runs, by type of event.
    """

    def __init__(self, path, *, patience=20.0, **limits):
        self.told = []
        self.home = asyncio.get_running_loop()
        self.heard = []
        self.rank = Rank.WORKER
        self.public = ""
        self.handlers = {}
        self.store = SqliteStore(
            path,
            listeners=Listeners(self.told.append),
            limits=StatementLimits(busy=0.05, **limits),
            retention=None,
        )
        self.shared = SharedStore(self.store, patience=patience)

    def matching(self, source, event_type):
        return self.handlers.get(event_type, ())

    def known(self):
        return tuple(dict.fromkeys(name for names in self.handlers.values() for name in names))

    def reload(self):
        self.heard.append("reload")

    def take_up(self):
        self.heard.append("take up")

    async def lay_down(self, *, clean):
        self.heard.append(("lay down", clean))

    def arrived(self, handlers, source):
        self.heard.append(("arrived", tuple(handlers), source))

    async def start(self):
        await self.shared.start(self)

    async def stop(self):
        await self.shared.stop()

    def submit(self, number=1, **changes):
        answer = asyncio.get_running_loop().create_future()
        self.shared.accept(new_event(number, **changes), answer.set_result)
        return answer

    async def accept(self, number=1, **changes):
        result = await asyncio.wait_for(self.submit(number, **changes), 20)
        if isinstance(result, Exception):
            raise result
        return result

    def of(self, kind):
        return [one for one in self.told if isinstance(one, kind)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shop.db"


@pytest.fixture
def play(path):
    """Plays a story with as many members as it wants; all of them are stopped at its end."""

    def play(story, count=2, **options):
        async def scene():
            members = [Member(path, **options) for _ in range(count)]
            try:
                async with asyncio.timeout(60):
                    await story(*members)
            finally:
                for member in members:
                    await member.stop()
                    await member.store.close()

        asyncio.run(scene())

    return play


def ids(path):
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("select vendor_id from hardpoint_event")]


async def made(path):
    """An empty store; gives which file it is."""
    store = SqliteStore(path)
    await store.open()
    await store.close()
    return inode_of(path)


@asynccontextmanager
async def owner_by_hand(path):
    """Whoever has the lock, and is played by the test."""
    lock = LockFile(path)
    lock.acquire(20)
    listening = listen(path.with_name(f"{path.name}.sock"))
    owner = ByHandOwner(listening, lock)
    try:
        yield owner
    finally:
        owner.die()


class ByHandOwner:
    def __init__(self, listening, lock):
        self._listening = listening
        self._lock = lock
        self._peers = []

    async def joined_by(self, member, **options):
        """The end of a member that starts, and finds this owner; see `guest`."""
        starting = asyncio.create_task(member.start())
        peer = await self.guest(**options)
        await starting
        return peer

    async def guest(self, *, welcome=True, file=(1, 2), rank=None):
        sock, _ = await asyncio.get_running_loop().sock_accept(self._listening)
        peer = Peer(sock)
        self._peers.append(peer)
        frame = await peer.hear()
        assert frame.kind is FrameKind.HELLO
        assert rank is None or frames.hello_in(frame.payload).rank == rank
        if welcome:
            await peer.say(FrameKind.WELCOME, 0, frames.Welcome(1, 4711, 3, file))
        return peer

    def die(self):
        self._lock.release()
        self._listening.close()
        for peer in self._peers:
            peer.close()
