"""A store's file from its opening to its close, as often as one process opens it."""

import asyncio
import sqlite3
import threading
from asyncio import _get_running_loop
from collections.abc import Sequence
from pathlib import Path

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child, undivided
from hardpoint.runtime.blocking import run
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.engine import Role
from hardpoint.store.journalling import CallsInFlight
from hardpoint.store.retention import Retention
from hardpoint.store.sqlite.engine import Engine
from hardpoint.store.sqlite.files import LockFile
from hardpoint.store.sqlite.gate import lending_gate
from hardpoint.store.sqlite.guard import refuse_inherited
from hardpoint.store.sqlite.limits import StatementLimits
from hardpoint.store.sqlite.sessions import LiveSession
from hardpoint.store.sqlite.writer import Writer


class SqliteLifetime:
    """Opens the file, with the thread that writes to it, and lets it go; see `SqliteStore`."""

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Clock | None = None,
        listeners: Listeners | None = None,
        limits: StatementLimits | None = None,
        retention: Retention | None = Retention(),  # noqa: B008 - frozen
        kind: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self.path = Path(path).resolve()
        self.gate, self.turns = lending_gate(self.tell)
        self.limits = limits or StatementLimits()
        self.clock: Clock = clock or SystemClock()
        self.listeners = Listeners() if listeners is None else listeners
        self._retention = retention
        self._kind = kind
        self._mutex = threading.Lock()
        self._writer: Writer | None = None
        self._engine: Engine | None = None
        self.in_flight = CallsInFlight()
        """The calls of this process that are written down in its journals."""
        self.session = LiveSession(self.path)
        forget_in_child(self)

    @property
    def broken(self) -> str | None:
        """Why the store cannot be used until it is opened anew; None while it can."""
        return None if self._engine is None else self._engine.broken

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed since."""
        return self._writer is not None and self._engine is not None

    @property
    def is_whole(self) -> bool:
        """Whether it is open, and not broken."""
        return self.is_open and self.broken is None

    @property
    def begun(self) -> bool:
        """Whether it is open, or about to be."""
        return self._writer is not None

    @property
    def engine(self) -> Engine:
        """The open store, whose parts' methods are for `submit`.

        Raises:
            StoreUnavailableError: it is not open.
        """
        return self._open()[0]

    def check(self) -> None:
        """Make sure that the store is open and whole.

        Raises:
            StoreUnavailableError: it is not.
        """
        self._running()

    def break_down(self, reason: str) -> None:
        """Mark the store as broken, for good; any thread may."""
        if self._engine is not None:
            self._engine.break_down(reason)

    def tell(self, event: object) -> None:
        """Tell the listeners, in the loop; any thread may."""
        if self._writer is not None:
            self._writer.tell([event])

    async def open(self, role: Role = Role.SERVE) -> None:
        """Take the store, bring its schema up, and release what an earlier boot had leased.

        Whoever has the file knows that nobody else has: the role makes no difference.

        Raises:
            StoreUnavailableError: it is open already, another process holds it, or it cannot be
                opened here.
            StoreCorruptError: not a store of ours, or of a newer version.
        """
        writer, mine = self._begin()
        if not mine:
            raise StoreUnavailableError(f"{self.path} is open already")
        try:
            await self._opened_by(writer)
        except asyncio.CancelledError:
            await self.close()
            raise

    async def ensure_open(self, role: Role = Role.SERVE) -> None:
        """Open it unless it is open; loops and threads that ask at a time wait for one opening.

        Raises:
            StoreUnavailableError, StoreCorruptError: see `open`.
        """
        writer, _ = self._begin()
        await self._opened_by(writer)

    async def take(
        self,
        lock: LockFile,
        *,
        known: tuple[int, int] | None,
        home: asyncio.AbstractEventLoop | None,
    ) -> None:
        """Open it under a lock that is held already, which passes to the store.

        Args:
            lock: let go when the store is closed, or cannot be opened.
            known: which file it has to be; None for any, which is made when it is missing.
            home: where listeners are told.

        Raises:
            StoreUnavailableError, StoreCorruptError: see `open`.
        """
        writer, mine = self._begin(lock, known, home)
        if not mine:  # the application opens it at this moment, and will not get this lock
            lock.release()
        await self._opened_by(writer)

    def open_blocking(self) -> None:
        """The same for a process of threads alone: it can keep a journal, and accept nothing.

        Raises:
            MisuseError: an event loop runs in this thread.
        """
        run(self.open())

    def close_blocking(self) -> None:
        """Finish what was submitted, and let go of a store that was opened by `open_blocking`."""
        run(self.close())

    def _begin(
        self,
        lock: LockFile | None = None,
        known: tuple[int, int] | None = None,
        home: asyncio.AbstractEventLoop | None = None,
    ) -> tuple[Writer, bool]:
        """Begin to open, unless that has been done; whether it had to be."""
        held = lock or LockFile(self.path)

        def open_engine() -> Engine:
            return self._open_engine(held, known, take=lock is None)

        with self._mutex:
            if self._writer is not None:
                return self._writer, False
            self._engine = None
            writer = self._writer = Writer(
                open_engine,
                self.limits,
                told=self._tell,
                closed=held.release,
                home=home or _get_running_loop(),
            )
        writer.start()
        return writer, True

    async def _opened_by(self, writer: Writer) -> None:
        try:
            self._engine = await writer.opened()
        except StoreError:
            if self._writer is writer and writer.failed:
                self._writer = None
            raise

    async def close(self, *, clean: bool = True) -> None:
        """Finish what was submitted, release every lease if `clean`, and let the store go.

        Raises:
            StoreUnavailableError: not within `limits.answer`; it goes on meanwhile.
        """
        try:
            await self.let_go(clean=clean)
        finally:
            self.session.release()

    async def let_go(self, *, clean: bool = True) -> None:
        """The same for a process that goes on: another may have the file, this one's calls live."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.stop(clean=clean)

    def forget(self) -> None:
        """Begin anew in a forked child, to whom nothing of the open file may matter."""
        if self._engine is not None:
            self._engine.leak()
        self._mutex = threading.Lock()
        self.gate, self.turns = lending_gate(self.tell)
        self.in_flight.forget()
        self._writer = self._engine = None

    def _running(self) -> Writer:
        engine, writer = self._open()
        if engine.broken is not None:
            raise StoreUnavailableError(engine.broken)
        return writer

    def _open(self) -> tuple[Engine, Writer]:
        engine, writer = self._engine, self._writer
        if engine is None or writer is None:
            refuse_inherited(self.path)
            raise StoreUnavailableError(
                f"{self.path} is not open: start the hub (`async with hub`), or `await hub.open()`"
            )
        return engine, writer

    def _open_engine(self, lock: LockFile, known: tuple[int, int] | None, *, take: bool) -> Engine:
        """On the writer's thread."""
        try:
            refuse_inherited(self.path)
            if take:
                lock.acquire(self.limits.lock_wait)
            with undivided():
                return Engine(
                    self.path,
                    gate=self.gate,
                    clock=self.clock,
                    limits=self.limits,
                    retention=self._retention,
                    listeners=self.listeners,
                    kind=self._kind,
                    session=self.session,
                    known=known,
                )
        except BaseException:
            lock.release()
            raise

    def _tell(self, news: Sequence[object]) -> None:
        for one in news:
            self.listeners.emit(one)
