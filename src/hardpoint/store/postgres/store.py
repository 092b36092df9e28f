"""The store as the inbox sees it: any loop's side of the thread that talks to the database."""

import asyncio
import concurrent.futures
import threading
from asyncio import _get_running_loop
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from hardpoint.core.effects import Clock
from hardpoint.core.errors import MisuseError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.driver import (
    Accepted,
    Claim,
    Completed,
    Completion,
    Lease,
    LeaseName,
    NewEvent,
    Refusals,
    SqlWrite,
    WaitingLane,
)
from hardpoint.store.engine import Role
from hardpoint.store.journal import AnyCallStep
from hardpoint.store.journalling import CallsInFlight
from hardpoint.store.postgres import operations
from hardpoint.store.postgres.address import checked_address
from hardpoint.store.postgres.calls import SignOfLife
from hardpoint.store.postgres.lending import LentTarget
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.opened import OpenedPostgres, settle
from hardpoint.store.postgres.sweep import PostgresSweep
from hardpoint.store.postgres.thread import answered, silent
from hardpoint.store.retention import Retention

if TYPE_CHECKING:
    from hardpoint.store.guests.crew import Crew


class PostgresStore:
    """An `InboxStore` in one PostgreSQL database, for any number of processes.

    Args:
        url: `postgresql://...`, for a role that may create the schema `hardpoint`, or has it.
        clock: for what happens in this process; due times go by the database's.
        listeners: told of the events in `hardpoint.store.events`.
        limits: bounds and waiting times.
        retention: how long things are kept; None keeps them for ever.
        write_role: that the application's writes run as, with its search path; this one's, if it
            is not given. The store's role must be a member of it.

    Attributes:
        crew: who works on it in this process; None: nobody, it is there for calls or operators.

    Raises:
        ConfigurationError: others could listen in on the way to the database.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        listeners: Listeners | None = None,
        limits: PostgresLimits | None = None,
        retention: Retention | None = Retention(),  # noqa: B008 - frozen
        write_role: str | None = None,
    ) -> None:
        self.write_role = write_role
        self.url = checked_address(url)
        self.limits = limits or PostgresLimits()
        self.clock: Clock = clock or SystemClock()
        self.listeners = Listeners() if listeners is None else listeners
        self.expires: float | None = self.limits.expires
        self.poll = self.limits.poll
        self.retention = retention
        self.in_flight = CallsInFlight()
        self.session = SignOfLife()
        self._left: list[object] = []
        self._opened: OpenedPostgres | None = None
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: the connections are the parent's, and are not even closed."""
        self._left.append(self._opened)
        self.in_flight.forget()
        self._mutex = threading.Lock()
        self._opened = None
        self.crew: Crew | None = None

    @property
    def broken(self) -> str | None:
        """None: a database that fails comes back, and says then whether it can be relied on."""
        return None

    @property
    def owner(self) -> str:
        """What this process goes by in the database, while the store is open."""
        return self._running().session.owner

    @property
    def strangers(self) -> Sequence[str]:
        """How the handlers that are loaded here differ from those of others; see `SharedAccess`."""
        opened = self._opened
        return () if opened is None else opened.session.strangers

    @property
    def identity(self) -> str:
        """What the store goes by, while it is open."""
        return self._running().session.identity

    # Life

    async def open(self, role: Role = Role.SERVE) -> None:
        """Bring the tables up and begin to live; nobody's lease is touched. See `InboxStore`."""
        opened, mine = self._begin(role)
        if not mine:
            raise StoreUnavailableError("the store is open already")
        try:
            await self._begun(opened)
        except asyncio.CancelledError:
            await self.close()
            raise

    async def ensure_open(self, role: Role = Role.SERVE) -> None:
        """Open it unless it is open; loops and threads that ask at a time wait for one opening."""
        opened, _ = self._begin(role)
        await self._begun(opened)
        if role is Role.SERVE:
            await self._asked(opened.session.live())

    def _begin(self, role: Role) -> "tuple[OpenedPostgres, bool]":
        with self._mutex:
            if self._opened is not None:
                return self._opened, False
            sweep = None if self.retention is None else PostgresSweep(self.retention, self.clock)
            opened = self._opened = OpenedPostgres(self, role, sweep)
        opened.start()
        return opened, True

    async def _begun(self, opened: "OpenedPostgres") -> None:
        try:
            await answered(opened.begun, self.limits.answer)
        except BaseException:
            if self._opened is opened and opened.failed:
                self._opened = None
                opened.thread.stop()
            raise

    async def close(self, *, clean: bool = True) -> None:
        """Finish what was submitted, release every lease if `clean`, and let the database go."""
        with self._mutex:
            opened, self._opened = self._opened, None
        if opened is not None:
            await answered(opened.thread.submit(opened.close(clean=clean)), self.limits.answer)
            opened.thread.stop()

    def close_blocking(self) -> None:
        """The same in a thread without an event loop."""
        with suppress(StopIteration):
            self.close().send(None)

    # What the inbox asks

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """Store an event durably; `done` is called in this loop after the commit, never before.

        Raises:
            StoreUnavailableError: too much is waiting already; answer 503.
        """
        accepts, limits, now = self._running().accepts, self.limits, self.clock.monotonic()
        if accepts.rows and (
            accepts.rows >= limits.pending_rows
            or accepts.size + len(event.body) > limits.pending_bytes
            or now - accepts.oldest > limits.pending_seconds
        ):
            raise StoreUnavailableError(f"{accepts.rows} events wait to be stored already")
        accepts.put(event, done, at=now, size=len(event.body))

    async def claim(self, lanes: Mapping[str, int]) -> Claim:
        """Lease what is due in these lanes, so many of each at most; suspects are not among it."""
        jobs = self._running().session.jobs
        return await self._claimed(lambda connection: jobs.claim(connection, lanes))

    async def claim_suspect(self, handlers: Sequence[str]) -> Lease | None:
        """Lease a suspect of these handlers, the one with the fewest crashes, if one waits."""
        jobs = self._running().session.jobs
        return await self._claimed(lambda connection: jobs.claim_suspect(connection, handlers))

    async def complete(self, completion: Completion) -> Completed:
        """Record the end of an attempt, with its writes, in one transaction.

        Raises:
            WriteFailedError: one of the writes raised; the job is still leased.
            TimedOutError: they took too long; likewise.
        """
        opened = self._running()
        waiting_line = opened.completions
        if completion.writes:
            if not all(isinstance(one, SqlWrite) for one in completion.writes):
                return await self._asked(opened.session.write(completion))
            waiting_line = opened.executions
        seconds, loop = self.limits.answer, _get_running_loop()
        if loop is None:
            answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
            waiting_line.put(completion, answer.set_result, at=0.0)
            try:
                result = answer.result(seconds)
            except TimeoutError:
                raise silent(seconds) from None
        else:
            waiting: asyncio.Future[Any] = loop.create_future()
            waiting_line.put(completion, partial(settle, waiting), at=0.0)
            timer = loop.call_later(seconds, _give_up, waiting, seconds)
            try:
                result = await waiting
            finally:
                timer.cancel()
        if isinstance(result, Exception):
            raise result
        return result

    async def mark_started(self, lease: Lease, *, started: bool = True) -> bool:
        """Durably mark a suspect as running, or no longer suspected; False: the lease is gone."""
        session = self._running().session
        mark = session.jobs.mark
        return await self._asked(
            session.do(lambda connection: mark(connection, lease, started=started), again=True)
        )

    async def renew(self, leases: Sequence[LeaseName]) -> Sequence[LeaseName]:
        """Those of these leases that are lost, or may be taken by others before long."""
        opened = self._running()
        session, lost = opened.session, leases
        if not session.fenced:
            lost = await self._asked(
                session.do(lambda connection: session.jobs.lost(connection, leases), again=True)
            )
        if lost:
            opened.thread.submit(session.forsake(lost))
        return lost

    async def release_all(self) -> None:
        """Give back every lease of this process: the jobs are due at once, no attempt counts."""
        await self._asked(self._running().session.give_all_back())

    async def wait_for_work(self) -> None:
        """Wait for a hint that others have stored something to do."""
        await self._running().hint()

    async def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters of refused requests."""
        session = self._running().session
        if counts:
            await self._asked(session.do(lambda connection: operations.refuse(connection, counts)))

    async def waiting(self, handlers: Sequence[str]) -> Sequence[WaitingLane]:
        """The lanes of these handlers that have something to do, suspects apart."""
        session = self._running().session
        return await self._asked(
            session.do(lambda connection: session.jobs.waiting(connection, handlers), again=True)
        )

    async def next_due(self, handlers: Sequence[str]) -> float | None:
        """Seconds until a job of these handlers is due; negative: overdue; None: none waits."""
        session = self._running().session
        return await self._asked(
            session.do(lambda connection: session.jobs.next_due(connection, handlers), again=True)
        )

    async def retry(
        self, event: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """Make an event's dead and waiting jobs due now; see `InboxStore.retry`."""
        session, audit = self._running().session, (actor, reason)
        if not _is_id(event):
            return 0
        return await self._asked(
            session.announce(lambda connection: operations.retry(connection, event, handler, audit))
        )

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
        session, audit = self._running().session, (actor, reason, plan)
        if not _is_id(event):
            return 0
        return await self._asked(
            session.announce(
                lambda connection: operations.replay(connection, event, handlers, force, audit)
            )
        )

    async def resolve(
        self, event: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """Close an event's dead letters; see `InboxStore.resolve`."""
        session, audit = self._running().session, (actor, note)
        if not _is_id(event):
            return 0
        return await self._asked(
            session.do(lambda connection: operations.resolve(connection, event, handler, audit))
        )

    async def note(self, action: str, target: str, *, actor: str = "", reason: str = "") -> None:
        """Write a line into the audit record; see `InboxStore.note`."""
        session, audit = self._running().session, (actor, reason)
        await self._asked(
            session.do(lambda connection: operations.note(connection, action, target, audit))
        )

    async def beat(self) -> None:
        """Give a sign of life now, beside the regular ones."""
        await self._asked(self._running().session.beat())

    def lent(self) -> LentTarget:
        """A connection for one block."""
        return LentTarget(self._running().lent)

    # What its journal asks

    async def call(self, step: AnyCallStep) -> Any:
        """Have a step of a call written down; see `CallBook`."""
        return await self._asked(self._running().session.call(step))

    async def call_blocking(self, step: AnyCallStep) -> Any:
        """The same for a thread of its own, which waits; it never suspends.

        Raises:
            MisuseError: an event loop runs in this thread.
        """
        if _get_running_loop() is not None:
            raise MisuseError("The store was asked to block a running event loop; await instead")
        return await self.call(step)

    def post_call(self, step: AnyCallStep) -> None:
        """The same without waiting, in its turn; see `CallBook`."""
        opened = self._running()
        opened.thread.submit(opened.session.post(step, self.clock.monotonic()))

    def tell(self, event: object) -> None:
        """Tell the listeners."""
        opened = self._opened
        tell = self.listeners.emit if opened is None else opened.tell
        tell(event)

    # Means

    async def _claimed(self, claim: Callable[[Any], Any]) -> Any:
        opened = self._running()
        future = opened.thread.submit(opened.session.claim(claim))
        try:
            return await answered(future, self.limits.answer)
        except BaseException:
            future.add_done_callback(opened.late)
            raise

    async def _asked(self, work: Any) -> Any:
        return await answered(self._running().thread.submit(work), self.limits.answer)

    def _running(self) -> "OpenedPostgres":
        opened = self._opened
        if opened is None or not opened.ready:
            raise StoreUnavailableError(
                "the store is not open: start the hub (`async with hub`), or `await hub.open()`"
            )
        return opened


def _give_up(waiting: "asyncio.Future[Any]", seconds: float) -> None:
    settle(waiting, silent(seconds))


def _is_id(event: str) -> bool:
    try:
        UUID(event)
    except ValueError:
        return False
    return True
