"""One guest, as the owner has it: its line, and what became of the events that it handed over."""

import os
import socket
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, final

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
from hardpoint.store.guests.lines import FrameLine
from hardpoint.store.guests.requests import Told, asked_in

if TYPE_CHECKING:
    from hardpoint.store.guests.server import GuestServer

LONE_SECONDS: Final = 1.0
"""So long an owner without handlers waits for one that has some, before it says so."""
NO_HANDLERS: Final = (
    "process {} has the store, and runs no handlers: run `hardpoint work MODULE:HUB` beside it"
)


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
class GuestSession:
    """One guest's line."""

    def __init__(self, server: "GuestServer", sock: socket.socket) -> None:
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
            lot.items[place] = sendable(result)
        else:
            lot.items[place] = (FAULTY, sendable(result))
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


def sendable(error: Exception) -> str:
    """As it can be sent: paths may hold what is no text."""
    return str(error).encode(errors="backslashreplace").decode()


def _list(versions: Sequence[int]) -> str:
    return ", ".join(map(str, versions)) or "none"
