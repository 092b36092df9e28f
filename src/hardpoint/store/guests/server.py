"""The owner's end: takes what guests hand over, and answers once it is durable.

It lives in the loop of the keeper's thread, and hands events to the writer's thread itself, so a
handler that blocks the application's loop holds nobody else's webhooks up.
"""

import asyncio
import errno
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, final

import msgspec

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Accepted, NewEvent, Stored
from hardpoint.store.guests.crew import Rank
from hardpoint.store.guests.frames import (
    FAULTY,
    VERSIONS,
    AcceptItem,
    Frame,
    FrameError,
    FrameKind,
    Hello,
    Welcome,
    events_in,
    hello_in,
    pack,
)
from hardpoint.store.guests.lines import FrameLine, listen, peer_user
from hardpoint.store.guests.orders import GuestStore, carry_out
from hardpoint.store.guests.requests import (
    AskedOfServer,
    GuestRequest,
    Presence,
    PresenceAsked,
    StoreMember,
    Told,
    TurnedAway,
    WantedAsked,
    WantedHandlers,
    asked_in,
    told,
)
from hardpoint.store.sqlite.files import inode_of

HALF_SECONDS: Final = 10.0
"""For a HELLO, and for the rest of a frame that has begun."""
HELD_BYTES_MAX: Final = 128 << 20
"""Of frames that are not whole, over all lines."""
LONE_SECONDS: Final = 1.0
"""So long an owner without handlers waits for one that has some, before it says so."""
NO_HANDLERS: Final = (
    "process {} has the store, and runs no handlers: run `hardpoint work MODULE:HUB` beside it"
)
SESSIONS_MAX: Final = 1000
TURNED_AWAY_MAX: Final = 20
_TICK_SECONDS: Final = 1.0
_SCARCE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Greeted = Callable[[Hello], object]
"""Told of each guest that has come."""
Matching = Callable[[str, str], tuple[str, ...]]
"""Names those who handle an event of this source and type."""
Reload = Callable[[], object]
"""Has this process read its configuration again."""
Arrived = Callable[[Sequence[str], str], object]
"""Told that there is work in the store: for these handlers of a source, or, without, for any."""


@final
class GuestServer:
    """Listens at an address, for whoever else has work for the store. Belongs to one loop.

    Args:
        loop: that it is called in.
        address: where; the lock's holder alone may.
        store: open.
        boot: the number of its opening.
        file: which file that is.
        arrived: told what guests have brought; in any thread.
        greeted: told who has come.
        matching: knows who handles what a guest has no handler for: it may not have loaded them.
        known: names all handlers.
        reload: called when all are to read their configuration again.
        myself: what this process would say in a HELLO.
        now: Unix seconds.
        user_of: whose process is at the other end of a socket.

    Raises (from the constructor):
        OSError: it cannot listen there.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: Path,
        store: GuestStore,
        *,
        boot: int,
        file: tuple[int, int],
        arrived: Arrived,
        greeted: Greeted = lambda _: None,
        matching: Matching = lambda _, __: (),
        known: Callable[[], tuple[str, ...]] = tuple,
        reload: Reload = lambda: None,
        myself: Callable[[], Hello] = lambda: Hello(VERSIONS, "", os.getpid()),
        now: Callable[[], float] = time.time,
        user_of: Callable[[socket.socket], int] = peer_user,
    ) -> None:
        self.loop = loop
        self.store = store
        self.boot = boot
        self.file = file
        self.greeted = greeted
        self.matching = matching
        self.now = now
        self.known = known
        self._reload = reload
        self._myself = myself
        self._since = now()
        self.began = loop.time()
        self._turned_away: dict[int, TurnedAway] = {}
        self.arrived = arrived
        self._user_of = user_of
        self._address = address
        self.successor: int | None = None
        self._sessions: set[_Session] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = listen(address)
        loop.add_reader(self._socket, self._knocked)
        self._ticking = loop.call_later(_TICK_SECONDS, self._tick)

    @property
    def guests(self) -> list[Hello]:
        """Who is connected."""
        return [one.hello for one in self._sessions if one.hello is not None]

    def turned_away(self, pid: int, reason: str) -> None:
        """Remember who could not be a guest, for whoever asks."""
        self._turned_away.pop(pid, None)
        self._turned_away[pid] = TurnedAway(pid, self.now(), reason)
        if len(self._turned_away) > TURNED_AWAY_MAX:
            del self._turned_away[next(iter(self._turned_away))]

    def announce(self, successor: int) -> None:
        """Tell every guest to what rank the lock is to be left, when this owner hangs up."""
        self.successor = successor
        for session in self._sessions:
            if session.hello is not None:
                session.announce(successor)

    def stop_listening(self) -> None:
        """Let nobody in any more; what came before is answered still."""
        self._ticking.cancel()
        self.loop.remove_reader(self._socket)
        with suppress(OSError):  # it was removed, which did no harm
            self._address.unlink()
        self._socket.close()

    def hang_up(self) -> None:
        """Say goodbye to everybody: what was not answered is for the next owner."""
        for task in self._tasks:
            task.cancel()
        for session in [*self._sessions]:
            session.line.send(pack(FrameKind.BYE, 0, None))
            session.leave()

    def forget(self) -> None:
        """In a forked child."""
        self._socket.close()
        for session in self._sessions:
            session.line.forget()

    def left(self, session: "_Session") -> None:
        """One has gone; it may have died."""
        self._sessions.discard(session)
        self.store.turns.give_back(session)
        self.store.look_for_deaths()

    def carry_out(self, session: "_Session", number: int, asked: GuestRequest) -> None:
        """Do what was asked, and answer when it is done."""
        task = self.loop.create_task(self._carry_out(session, number, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, session: "_Session", number: int, asked: GuestRequest) -> None:
        try:
            if isinstance(asked, AskedOfServer):
                answer = told(self._answer(session, asked))
            else:
                answer = told(await carry_out(self.store, asked, session.name, session))
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
            if not self.store.is_whole:
                session.leave()
                return
            answer = Told(_text(error))
        session.line.send(pack(FrameKind.ANSWER, number, answer))
        if answer.result:
            self.arrived((), "")

    def _answer(self, asking: "_Session", asked: AskedOfServer) -> object:
        if isinstance(asked, WantedAsked):
            return WantedHandlers(self.matching(asked.source, asked.event_type), self.known())
        others = [one for one in self._sessions if one.hello is not None and one is not asking]
        if isinstance(asked, PresenceAsked):
            guests = tuple(_member(one.hello, one.came) for one in others if one.hello)
            owner = _member(self._myself(), self._since)
            return Presence(owner, self.boot, guests, tuple(self._turned_away.values()))
        told_so = [one for one in others if one.hello and one.hello.release]
        for one in told_so:
            one.line.send(pack(FrameKind.RELOAD, 0, None))
        self._reload()
        return 1 + len(told_so)

    def _knocked(self) -> None:
        try:
            sock, _ = self._socket.accept()
        except OSError as error:  # gone already
            if error.errno in _SCARCE:  # it would knock on and on
                self.loop.remove_reader(self._socket)
            return
        sock.setblocking(False)
        if self._user_of(sock) not in {os.geteuid(), 0} or len(self._sessions) >= SESSIONS_MAX:
            sock.close()
            return
        self._sessions.add(_Session(self, sock))

    def _tick(self) -> None:
        """Hang up on whoever keeps a place, or memory, with half a message; stay to be found."""
        self._ticking = self.loop.call_later(_TICK_SECONDS, self._tick)
        self.loop.add_reader(self._socket, self._knocked)
        if inode_of(self._address) is None:
            self._listen_again()
        now = self.loop.time()
        for session in [*self._sessions]:
            silent = session.hello is None and now - session.since > HALF_SECONDS
            if silent or session.line.half_for > HALF_SECONDS:
                session.refuse("no whole message came in time")

    def _listen_again(self) -> None:
        """Somebody has removed the socket: whoever starts from now on would find nobody."""
        with suppress(OSError):  # the folder has gone, say: in a moment once more
            again = listen(self._address)
            self.loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = again
            self.loop.add_reader(again, self._knocked)

    def check_held(self, session: "_Session") -> None:
        """Hang up on one when too much is held over all."""
        if sum(one.line.held for one in self._sessions) > HELD_BYTES_MAX:
            session.refuse("too many bytes of unfinished messages")


@final
class _Lot:
    """The events of one ACCEPT, and what became of them so far."""

    __slots__ = ("items", "left", "news", "number")

    def __init__(self, number: int, count: int) -> None:
        self.number = number
        self.left = count
        self.items: list[AcceptItem] = [None] * count
        self.news: set[tuple[Sequence[str], str]] = set()
        """Which handlers of which sources it has brought work for."""


@final
class _Session:
    """One guest's line."""

    def __init__(self, server: GuestServer, sock: socket.socket) -> None:
        self.hello: Hello | None = None
        self.since = server.loop.time()
        self.came = server.now()
        self._server = server
        self._mutex = threading.Lock()
        """The writer's thread answers: a change of threads costs as much as an event."""
        self._lots: deque[_Lot] = deque()
        self._left = False
        self.line = FrameLine(
            server.loop, sock, heard=self._heard, ended=self._ended, grew=self._grew
        )

    @property
    def name(self) -> str | None:
        """What its process calls itself."""
        return None if self.hello is None else self.hello.session

    def leave(self) -> None:
        """Hang up. What was not answered yet is not answered here any more."""
        self._left = True
        self._server.left(self)
        self.line.hang_up()

    def announce(self, successor: int) -> None:
        """Tell it who is to own the store next."""
        self.line.send(pack(FrameKind.YIELD, 0, successor))

    def refuse(self, reason: str) -> None:
        """Hang up, and say why."""
        self.line.send(pack(FrameKind.REFUSED, 0, reason))
        self.leave()

    def _ended(self, reason: str) -> None:
        self._left = True
        self._server.left(self)

    def _grew(self) -> None:
        self._server.check_held(self)

    def _heard(self, frame: Frame) -> None:
        try:
            self._take(frame)
        except FrameError as error:
            self.refuse(str(error))

    def _take(self, frame: Frame) -> None:
        if self.hello is None:
            self._greet(frame)
        elif frame.kind is FrameKind.ACCEPT:
            self._accept(frame.number, events_in(frame.payload))
        elif frame.kind is FrameKind.ASK:
            self._ask(frame)
        elif frame.kind is FrameKind.BYE:
            self.leave()
        else:
            raise FrameError(f"a guest does not say {frame.kind.name}")

    def _greet(self, frame: Frame) -> None:
        if frame.kind is not FrameKind.HELLO:
            raise FrameError("HELLO comes first")
        hello = hello_in(frame.payload)
        both = set(hello.versions) & set(VERSIONS)
        if not both:
            spoken, heard = _list(VERSIONS), _list(hello.versions)
            reason = f"process {os.getpid()} speaks version {spoken}, and not {heard}"
            self._server.turned_away(hello.pid, reason)
            raise FrameError(reason)
        self.hello = hello
        server = self._server
        welcome = Welcome(max(both), os.getpid(), server.boot, server.file)
        self.line.send(pack(FrameKind.WELCOME, 0, welcome))
        if server.successor is not None:
            self.announce(server.successor)
        server.greeted(hello)

    def _ask(self, frame: Frame) -> None:
        try:
            asked = asked_in(frame.payload)
        except FrameError as error:  # a newer guest may know more than we do
            answer = Told(f"process {os.getpid()} does not understand it: {error}")
            self.line.send(pack(FrameKind.ANSWER, frame.number, answer))
        else:
            self._server.carry_out(self, frame.number, asked)

    def _accept(self, number: int, events: Sequence[NewEvent]) -> None:
        if self._brings_for_nobody(events):
            return
        lot = _Lot(number, len(events))
        self._lots.append(lot)
        for place, event in enumerate(events):
            mine = self._mine(event)
            done = partial(self._stored, lot, place, mine)
            try:
                self._server.store.accept_aside(mine, done)
            except StoreUnavailableError as error:
                done(error)

    def _brings_for_nobody(self, events: Sequence[NewEvent]) -> bool:
        """Hang up on one that counts on the owner's handlers where there are none at all.

        What it brings would be acknowledged and handled by nobody. It stays in its outbox: a script
        has the store for a moment, and whoever is better suited comes. One that stays is named.
        """
        server, hello = self._server, self.hello
        if hello is None or hello.rank != Rank.FRONT or server.known():
            return False
        if all(one.handlers or one.malformed is not None for one in events):
            return False
        if server.loop.time() - server.began < LONE_SECONDS:
            self.leave()
        else:
            self.refuse(NO_HANDLERS.format(os.getpid()))
        return True

    def _mine(self, event: NewEvent) -> NewEvent:
        """As it is stored: its jobs are for whoever claims them here, since a guest runs none."""
        if event.handlers or event.malformed is not None:
            return msgspec.structs.replace(event, lease=False) if event.lease else event
        names = self._server.matching(event.source, event.type)
        return msgspec.structs.replace(event, handlers=names, lease=False) if names else event

    def _stored(self, lot: _Lot, place: int, event: NewEvent, result: Accepted | Exception) -> None:
        """One of a lot has its answer; in any thread."""
        server = self._server
        if isinstance(result, Accepted):
            if result.stored is not Stored.NEW:
                lot.items[place] = (result.stored, result.id)
            elif event.handlers:
                lot.news.add((event.handlers, event.source))
        elif not server.store.is_whole:
            if not self._left:
                self._left = True
                with suppress(RuntimeError):  # the loop has ended, and all lines with it
                    server.loop.call_soon_threadsafe(self.leave)
        elif isinstance(result, StoreUnavailableError):
            lot.items[place] = _text(result)
        else:
            lot.items[place] = (FAULTY, _text(result))
        with self._mutex:
            lot.left -= 1
            done = self._answered()
        for one in done:
            for handlers, source in one.news:
                server.arrived(handlers, source)

    def _answered(self) -> list[_Lot]:
        """Answer those whose turn it is."""
        lots = self._lots
        done: list[_Lot] = []
        while lots and not lots[0].left:
            done.append(lots.popleft())
            if not self._left:
                self.line.send(pack(FrameKind.ACCEPTED, done[-1].number, done[-1].items))
        return done


def _text(error: Exception) -> str:
    """As it can be sent: paths may hold what is no text."""
    return str(error).encode(errors="backslashreplace").decode()


def _member(hello: Hello, since: float) -> StoreMember:
    return StoreMember(hello.pid, hello.rank, since, hello.release, hello.public)


def _list(versions: Sequence[int]) -> str:
    return ", ".join(map(str, versions)) or "none"
