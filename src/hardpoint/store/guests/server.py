"""The owner's end: takes what guests hand over, and answers once it is durable.

It lives in the loop of the keeper's thread, and hands events to the writer's thread itself, so a
handler that blocks the application's loop holds nobody else's webhooks up.
"""

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, final

from hardpoint.store.guests.crew import Crew, call_home, introduction
from hardpoint.store.guests.frames import (
    VERSIONS,
    FrameKind,
    Hello,
    pack,
)
from hardpoint.store.guests.lines import address_of, listen, peer_user
from hardpoint.store.guests.orders import GuestStore, carry_out
from hardpoint.store.guests.owned import OwnedStore
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
    told,
)
from hardpoint.store.guests.session import GuestSession, sendable
from hardpoint.store.sqlite.files import inode_of

HALF_SECONDS: Final = 10.0
"""For a HELLO, and for the rest of a frame that has begun."""
HELD_BYTES_MAX: Final = 128 << 20
"""Of frames that are not whole, over all lines."""
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
        self._sessions: set[GuestSession] = set()
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

    def left(self, session: GuestSession) -> None:
        """One has gone; it may have died."""
        self._sessions.discard(session)
        self.store.turns.give_back(session)
        self.store.look_for_deaths()

    def carry_out(self, session: GuestSession, number: int, asked: GuestRequest) -> None:
        """Do what was asked, and answer when it is done."""
        task = self.loop.create_task(self._carry_out(session, number, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, session: GuestSession, number: int, asked: GuestRequest) -> None:
        try:
            if isinstance(asked, AskedOfServer):
                answer = told(self._answer(session, asked))
            else:
                answer = told(await carry_out(self.store, asked, session.name, session))
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
            if not self.store.is_whole:
                session.leave()
                return
            answer = Told(sendable(error))
        session.line.send(pack(FrameKind.ANSWER, number, answer))
        if answer.result:
            self.arrived((), "")

    def _answer(self, asking: GuestSession, asked: AskedOfServer) -> object:
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
        self._sessions.add(GuestSession(self, sock))

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

    def check_held(self, session: GuestSession) -> None:
        """Hang up on one when too much is held over all."""
        if sum(one.line.held for one in self._sessions) > HELD_BYTES_MAX:
            session.refuse("too many bytes of unfinished messages")


def serve(
    loop: asyncio.AbstractEventLoop, store: OwnedStore, crew: Crew, greeted: Greeted
) -> GuestServer:
    """A server for a store that is open here, on behalf of its crew.

    Raises:
        OSError, StoreUnavailableError: it cannot listen, or there is no room for its socket.
    """
    engine = store.engine
    return GuestServer(
        *(loop, address_of(store.path), store),
        boot=engine.boot,
        file=engine.inode or (0, 0),
        arrived=lambda handlers, source: call_home(crew, partial(crew.arrived, handlers, source)),
        greeted=greeted,
        matching=crew.matching,
        known=crew.known,
        reload=partial(call_home, crew, crew.reload),
        myself=partial(introduction, crew, store.session.name),
        now=store.clock.now,
    )


def _member(hello: Hello, since: float) -> StoreMember:
    return StoreMember(hello.pid, hello.rank, since, hello.release, hello.public)
