"""The store as the inbox sees it: the loop's side of the writer thread."""

import asyncio
import sqlite3
import threading
from asyncio import _get_running_loop
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from hardpoint.core.effects import Clock
from hardpoint.core.errors import MisuseError, StoreError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child, undivided
from hardpoint.runtime.blocking import run
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.driver import (
    Accepted,
    Claim,
    Completed,
    Completion,
    Lease,
    NewEvent,
    Refusals,
    WaitingLane,
)
from hardpoint.store.engine import Role, Unshared
from hardpoint.store.journal import AnyCallStep
from hardpoint.store.journalling import CallsInFlight
from hardpoint.store.retention import Retention
from hardpoint.store.sqlite.engine import Engine
from hardpoint.store.sqlite.files import LockFile
from hardpoint.store.sqlite.gate import refuse_inside_block
from hardpoint.store.sqlite.guard import refuse_inherited
from hardpoint.store.sqlite.lending import lending_gate
from hardpoint.store.sqlite.limits import StatementLimits
from hardpoint.store.sqlite.sessions import LiveSession
from hardpoint.store.sqlite.writer import Submission, Writer

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore(Unshared):
    """An `InboxStore` in one SQLite file, for one process.

    The file may hold tables of the application's own: what `job.write` functions and `complete_in`
    blocks write to them is committed together with the job's completion.

    Args:
        path: the database; made with mode 0600 when missing.
        clock: where time comes from.
        listeners: told of the events in `hardpoint.store.events`, in the loop.
        limits: bounds and waiting times.
        retention: how long things are kept; None keeps them for ever.
        kind: the class of the connection that writes.
    """

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

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """Store an event durably; `done` is called in this loop after the commit, never before.

        Raises:
            StoreUnavailableError: too much is waiting already; answer 503.
        """
        self._running().accept(event, done, self.clock.monotonic(), _get_running_loop())

    def accept_aside(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """The same; `done` is called on the writer's thread, and may not raise."""
        self._running().accept(event, done, self.clock.monotonic(), None)

    async def claim(self, lanes: Mapping[str, int]) -> Claim:
        """Lease what is due in these lanes, so many of each at most; suspects are not among it."""
        return await self.submit(self.engine.jobs.claim, lanes)

    async def claim_suspect(self, handlers: Sequence[str]) -> Lease | None:
        """Lease a suspect of these handlers, the one with the fewest crashes, if one waits."""
        return await self.submit(self.engine.jobs.claim_suspect, handlers)

    async def complete(self, completion: Completion) -> Completed:
        """Record the end of an attempt, with its writes, in one transaction.

        Write functions run on the writer's thread, perhaps more than once before they commit.

        Raises:
            WriteFailedError: one of the writes raised; the job is still leased.
            TimedOutError: they took too long; likewise.
            TransactionLostError: one of them ended the transaction; likewise.
        """
        return await self.submit(self.engine.completions.complete, completion)

    async def mark_started(self, lease: Lease, *, started: bool = True) -> bool:
        """Durably mark a suspect as running, or no longer suspected; False: the lease is gone."""
        return await self.submit(self.engine.jobs.mark_started, lease, started=started)

    async def release_all(self) -> None:
        """Give back every lease of this process: the jobs are due at once, no attempt counts."""
        await self.submit(self.engine.jobs.release_all)

    async def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters of refused requests."""
        await self.submit(self.engine.operations.refuse, counts)

    async def next_due(self, handlers: Sequence[str]) -> float | None:
        """Seconds until a job of these handlers is due; negative: overdue; None: none waits."""
        return await self.submit(self.engine.jobs.next_due, handlers)

    async def waiting(self, handlers: Sequence[str]) -> Sequence[WaitingLane]:
        """The lanes of these handlers that have something to do, suspects apart."""
        return await self.submit(self.engine.jobs.waiting, handlers)

    async def retry(
        self, event: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """Make an event's dead and waiting jobs due now; see `InboxStore.retry`."""
        return await self.submit(self.engine.operations.retry, event, handler, actor, reason)

    async def replay(
        self,
        event: str,
        handlers: Sequence[str],
        *,
        force: bool = False,
        actor: str = "",
        reason: str = "",
        plan: str = "",
    ) -> int:
        """Have these handlers handle an event anew; see `InboxStore.replay`."""
        return await self.submit(
            self.engine.operations.replay, event, handlers, force, (actor, reason), plan
        )

    async def resolve(
        self, event: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """Close an event's dead letters and waiting jobs; see `InboxStore.resolve`."""
        return await self.submit(self.engine.operations.resolve, event, handler, actor, note)

    async def submit(
        self, function: Callable[P, T | Exception], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """Have the writer call a function; a caller that is cancelled does not undo it.

        Args:
            function: changes the store: a method of one of the `engine`'s parts. What it leases
                after the time was up is given back.
            arguments: its own.
            options: its own.

        Raises:
            StoreUnavailableError: no answer came within `limits.answer`. What was not begun by then
                is not done; what was may be.
        """
        return await self._submit(partial(function, *arguments, **options), self.limits.answer)

    async def _submit(self, request: Callable[[], Any], seconds: float) -> Any:
        refuse_inside_block()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        submission = Submission(request)

        def done(result: object) -> None:
            if not answer.done():
                answer.set_result(result)
            elif submission.given_up and isinstance(result, Claim | Lease):
                self._release(result)

        def too_late() -> None:
            if not answer.done():
                submission.given_up = True
                answer.set_result(self._silent(seconds))

        self._running().request(submission, done, loop)
        patience = loop.call_later(seconds, too_late)
        try:
            return _given(await answer)
        finally:
            patience.cancel()

    async def call(self, step: AnyCallStep, session: str | None = None) -> Any:
        """Have a step of a session's call written down, or of our own; see `CallBook`."""
        return await self._submit(self._written(step, session), self.limits.call_answer)

    async def call_blocking(self, step: AnyCallStep) -> Any:
        """The same for a thread without an event loop, which waits; it never suspends."""
        if _get_running_loop() is not None:
            raise MisuseError("The store was asked to block a running event loop; await instead")
        refuse_inside_block()
        answered = threading.Event()
        results: list[Any] = []

        def done(result: object) -> None:
            results.append(result)
            answered.set()

        submission = Submission(self._written(step, None))
        self._running().request(submission, done, None)
        if not answered.wait(self.limits.call_answer):
            submission.given_up = True
            raise self._silent(self.limits.call_answer)
        return _given(results[0])

    def post_call(self, step: AnyCallStep) -> None:
        """The same without waiting; see `CallBook`."""
        self.post(self._written(step, None))

    def look_for_deaths(self) -> None:
        """See whether those whose calls are open still live; waits for nothing."""
        with suppress(StoreUnavailableError):  # the next opening sees it
            self.post(self.engine.calls.bury, self.engine.moment())

    def _written(self, step: AnyCallStep, session: str | None) -> Callable[[], Any]:
        name = session or self.session.name
        return partial(self.engine.calls.do, step, name, self.engine.moment())

    def post(self, function: Callable[P, object], *arguments: P.args, **options: P.kwargs) -> None:
        """Have the writer call a function, and wait for nothing; any thread may.

        Raises:
            StoreUnavailableError: the store is closed or broken.
        """
        self._running().request(partial(function, *arguments, **options), lambda _: None, None)

    def _release(self, late: Claim | Lease) -> None:
        """Give back what has been leased to somebody who waits for it no more."""
        with suppress(StoreUnavailableError):  # it is closed, with every lease
            self.post(self.engine.jobs.release, late.leases if isinstance(late, Claim) else [late])

    def _silent(self, seconds: float) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"{self.path} did not answer within {seconds:g} s; look at its disk, which "
            "hangs or is very slow. What was asked may have been done all the same"
        )

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


def _given(result: Any) -> Any:
    if isinstance(result, BaseException):
        raise result
    return result
