"""Decides what this process is to the store: its owner, a guest of the owner, or neither for now.

It looks for an owner at the socket first, and tries the lock only when nobody answers there. When
the line to the owner ends, it begins anew; so does an owner whose store broke, or that gives way
to another (`ranks`). It runs on a thread of its own, with a loop of its own: an application that
blocks its loop holds up no takeover.

It never ends but by `stop`. A first opening may make the file; after that it is this one file or
none, so that a database that was moved away for a moment is not followed by an empty one.
"""

import asyncio
import atexit
import concurrent.futures
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, final

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.store.driver import Accepted, NewEvent
from hardpoint.store.events import OwnerMissing
from hardpoint.store.guests.asks import CLOSED, Asks
from hardpoint.store.guests.crew import Crew, Rank, call_home, introduction, send_home
from hardpoint.store.guests.frames import (
    Frame,
    FrameError,
    FrameKind,
    Hello,
    items_in,
    pack,
    rank_in,
    text_in,
    welcome_in,
)
from hardpoint.store.guests.lines import FrameLine, address_of, connect
from hardpoint.store.guests.outbox import Outbox
from hardpoint.store.guests.owned import OwnedStore
from hardpoint.store.guests.ranks import NOBODY, Succession
from hardpoint.store.guests.server import GuestServer, serve
from hardpoint.store.guests.standing import StoreStanding
from hardpoint.store.sqlite.files import LockFile

PATIENCE_SECONDS: Final = 2.5
"""For an accept: the most impatient vendors wait three seconds."""
FIRST_SECONDS: Final = 1.0
"""After so long without an owner and without the lock, a start has failed."""
STOP_SECONDS: Final = 2.0
"""What a guest that stops waits for its last answers."""
SHORT_SECONDS: Final = 0.05
"""A line that ended sooner is not tried again before so long."""
AGAIN_SECONDS: Final = 0.5
"""After an opening that failed."""
_LOOK_SECONDS: Final = 0.1
_TEND_SECONDS: Final = 1.0

_forked: list[object] = []
"""In a forked child: loops of the parent's, which may not be closed here."""


@final
class StoreKeeper:
    """Keeps this process in touch with one store, until it is stopped; see `SharedStore`.

    Args:
        store: that this process opens when it is the owner.
        crew: told when that begins and ends.
        patience: seconds for which an accept may wait.

    Attributes:
        here: what this process is to the store right now.
        succession: whether it is about to give way to another.
        asks: asks whoever owns the store.
    """

    def __init__(
        self, store: OwnedStore, crew: Crew, *, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.here = StoreStanding(crew, store.listeners)
        self.succession = Succession(crew)
        self.ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._store = store
        self._crew = crew
        self._patience = patience
        limits = store.limits
        self._outbox = Outbox(
            lambda: self._post(self._flush),
            patience=patience,
            rows=limits.pending_rows,
            body_bytes=limits.pending_bytes,
        )
        self._known: tuple[int, int] | None = None
        self._since = time.monotonic()
        self._let_go = ""
        self._server: GuestServer | None = None
        self._visit: FrameLine | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._clean = True
        self._loop = asyncio.SelectorEventLoop()
        self.asks = Asks(self.here, store, self._loop, lambda: self._post(self._flush))
        self._changed = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="hardpoint-keeper", daemon=True)

    # For any thread

    def start(self) -> None:
        """Begin to look for an owner; `here.first` has the first outcome."""
        atexit.register(self._at_exit)
        self._thread.start()

    def stop(self, *, clean: bool) -> None:
        """Let the store go, or take leave of its owner; `ended` is set when that is done."""
        self._clean = clean
        self.here.stop_at = time.monotonic() + STOP_SECONDS
        self._post(self._changed.set)

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """See `InboxStore`; it waits for a takeover, within its patience."""
        store = self._store
        if self.here.owner:
            try:
                store.accept(event, done)
            except StoreUnavailableError:
                # It broke or was closed just now: the next owner takes the event, but its jobs
                # cannot be leased to this process any more.
                if event.lease or self._store.is_whole:
                    raise
            else:
                return
        elif event.lease or self.here.problem is not None:
            raise StoreUnavailableError(self.here.problem or "the store has just passed to another")
        self._outbox.add(event, done)

    def enlist(self) -> None:
        """The crew is another than before: it takes up its work here, or its rank is told."""
        self._post(self._enlisted)

    def give_up(self, reason: str) -> None:
        """Let a store go that is whole: what works on it here cannot go on. Another may have it.

        Without another this process takes it up anew after a while, as one that broke.
        """
        if self.here.owner:
            self._let_go = reason
            self._post(self._changed.set)

    def forget(self) -> None:
        """In a forked child: nothing of it is ours, but the copies of its sockets are to go."""
        _forked.append(self)
        atexit.unregister(self._at_exit)
        if self._server is not None:
            self._server.forget()
        if self._visit is not None:
            self._visit.forget()

    def _at_exit(self) -> None:
        """Nobody has stopped it: say what is to be said, and do not take the store up anew."""
        self.stop(clean=False)
        with suppress(TimeoutError):
            self.ended.result(STOP_SECONDS)
            self._store.session.release()

    def _post(self, function: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # it has ended
            self._outbox.close(CLOSED)

    # On the keeper's thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._keep())
        finally:
            atexit.unregister(self._at_exit)
            self._loop.close()
            self.ended.set_result(None)

    async def _keep(self) -> None:
        self._tend()
        while not self._over():
            try:
                pause = await self._turn()
            except Exception as error:  # noqa: BLE001 - whatever it is, there is no other keeper
                self.here.miss(error)
                pause = AGAIN_SECONDS
            await self._sleep(pause)
        if self._expiry is not None:
            self._expiry.cancel()
        self._outbox.close(CLOSED)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)

    def _tend(self) -> None:
        """Each second: see that this process is seen to live."""
        self._loop.call_later(_TEND_SECONDS, self._tend)
        self._store.session.check()

    def _over(self) -> bool:
        stop_at = self.here.stop_at
        if stop_at is None:
            return False
        # What was accepted and not answered is worth a moment, and even an opening.
        owing = self._outbox.owing or self.asks.posts.owing
        return self.here.problem is not None or time.monotonic() >= stop_at or not owing

    async def _sleep(self, seconds: float) -> None:
        waking = self._loop.call_later(seconds, self._changed.set)
        await self._changed.wait()
        waking.cancel()
        self._changed.clear()

    async def _turn(self) -> float:
        """Be what can be, until that ends; gives the seconds to wait before the next try."""
        path = self._store.path
        if self._store.begun:  # the application has opened it before, or a slow disk just now
            await self._own(None)
            return 0.0
        lock = LockFile(path)
        try:
            sock = connect(address_of(path))
        except BlockingIOError:  # more ask than can be let in
            return self._wait_for(lock)
        if sock is not None:
            await self._be_guest(sock)
            return 0.0 if self.here.problem is None else AGAIN_SECONDS
        if self.succession.leaves_the_lock or not lock.take():
            return self._wait_for(lock)
        await self._own(lock)
        return 0.0

    def _wait_for(self, lock: LockFile) -> float:
        """Another is to have the store, and nobody answers: it begins or ends, or is no server."""
        waited = time.monotonic() - self._since
        if not self.succession.is_front:
            if waited > FIRST_SECONDS:
                held = self._let_go or f"{lock.refusal()}. It does not answer now"
                self.here.miss(StoreUnavailableError(held))
        elif waited > self._patience:
            self.here.miss(StoreUnavailableError(NOBODY.format(self._store.path)))
            return _LOOK_SECONDS
        return random.uniform(0.005, 0.015)  # noqa: S311 - so that not all try at a time

    # A guest

    async def _be_guest(self, sock: socket.socket) -> None:
        began = time.monotonic()
        line = FrameLine(self._loop, sock, heard=self._heard, ended=lambda _: self._changed.set())
        self._visit = line
        # A process that stops pushes nobody out.
        rank = self._crew.rank if self.here.stop_at is None else Rank.FRONT
        line.send(
            pack(FrameKind.HELLO, 0, introduction(self._crew, self._store.session.name, rank))
        )
        while line.open and not self._over():
            waiting = self.here.line is None or self.here.stopping
            await self._sleep(_LOOK_SECONDS if waiting else 60.0)
            if self.here.line is None and time.monotonic() - began > FIRST_SECONDS:
                self.here.miss(StoreUnavailableError("the process that owns it does not answer"))
        line.send(pack(FrameKind.BYE, 0, None))
        line.close()
        self._visit = None
        self.here.leave()
        self._since = time.monotonic()
        self._outbox.begin_line()
        self.asks.end_line()
        self.succession.end()
        if self._since - began < SHORT_SECONDS:
            await self._sleep(SHORT_SECONDS)

    def _heard(self, frame: Frame) -> None:
        if frame.kind is FrameKind.ACCEPTED:
            self._outbox.answered(frame.number, items_in(frame.payload))
        elif frame.kind is FrameKind.WELCOME:
            self._welcomed(frame)
        elif frame.kind is FrameKind.ANSWER:
            self.asks.answered(frame)
        elif frame.kind is FrameKind.REFUSED:
            self.here.miss(StoreUnavailableError(text_in(frame.payload)))
        elif frame.kind is FrameKind.YIELD:
            self.succession.yield_to(rank_in(frame.payload))
        elif frame.kind is FrameKind.RELOAD:
            call_home(self._crew, self._crew.reload)
        elif frame.kind is not FrameKind.BYE:
            raise FrameError(f"an owner does not say {frame.kind.name}")
        if frame.kind in _LAST and self._visit is not None:
            self._visit.close()
        if self.here.stop_at is not None or frame.kind in _LAST:
            self._changed.set()

    def _welcomed(self, frame: Frame) -> None:
        welcome = welcome_in(frame.payload)
        self._known, self._let_go = welcome.file, ""
        self._outbox.begin_line(self._visit)
        self.here.join(self._visit, welcome.pid)
        self.asks.renew_turns()
        self._found()

    # The owner

    async def _own(self, lock: LockFile | None) -> None:
        store = self._store
        if lock is None:
            await store.ensure_open()
        else:
            await store.take(lock, home=self._crew.home, known=self._known)
        self._known = store.engine.inode
        await self.asks.keep_turns()
        await self.asks.posts.hand_in(store)  # before anything that is asked here from now on
        self._server = self._serve()
        self._let_go = ""
        began = listened = time.monotonic()
        self.here.own(store.engine.boot)
        if self.here.stop_at is None:  # a process that stops begins nothing
            call_home(self._crew, self._crew.take_up)
        self._found()
        while not self._over() and self._store.is_whole and not self._let_go:
            if self._server is not None and await self.succession.lay_down(self._server):
                break
            await self._sleep(_LOOK_SECONDS)
            if self._server is None and time.monotonic() - listened >= AGAIN_SECONDS:
                self._server, listened = self._serve(again=True), time.monotonic()
        await self._leave(time.monotonic() - began)

    async def _leave(self, lived: float) -> None:
        """Let the store go: it broke, another is to have it, or this process stops."""
        store = self._store
        self.here.leave()
        if store.is_open and store.broken is not None:
            self._let_go = store.broken
        if self._server is not None:
            self._server.stop_listening()
        whole = not self._let_go
        laying_down = self.here.stop_at is None and not self.succession.leaving
        if laying_down and whole:
            await send_home(self._crew, clean=True)
        try:
            await store.let_go(clean=self._clean and whole)
        finally:
            self.succession.end()
            if self._server is not None:
                self._server.hang_up()
            self._server, self._since = None, time.monotonic()
        if laying_down and not whole:  # after the lock: a loop that is blocked keeps it from nobody
            await send_home(self._crew, clean=False)
        if self._let_go:
            self.succession.retreat(lived)

    def _enlisted(self) -> None:
        if self.here.owner and self.here.stop_at is None:
            call_home(self._crew, self._crew.take_up)
        elif self._visit is not None:
            self._visit.close()
        self._changed.set()

    def _serve(self, *, again: bool = False) -> GuestServer | None:
        try:
            return serve(self._loop, self._store, self._crew, self._greeted)
        except (OSError, StoreError) as error:
            if not again:  # told once
                self.here.tell(OwnerMissing(reason=f"no other process can join: {error}"))
            return None

    def _greeted(self, hello: Hello) -> None:
        if self.succession.greeted(hello):
            self._changed.set()

    # Both

    def _found(self) -> None:
        """There is an owner: this process or another. Nobody needs to wait any more."""
        self.here.end_waiting()
        self._flush()
        self._changed.set()

    def _flush(self) -> None:
        if self.here.owner and self._store.is_whole:
            self._outbox.hand_in(self._store)
            self.asks.flush()
        elif self.here.owner:
            self._changed.set()
        elif self.here.line is not None:
            self.asks.flush()
            self._outbox.send()
        if self._expiry is None:
            self._expire()

    def _expire(self) -> None:
        left = self._outbox.expire()
        self._expiry = None if left is None else self._loop.call_later(left, self._expire)


_LAST: Final = frozenset({FrameKind.BYE, FrameKind.REFUSED})
