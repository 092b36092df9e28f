"""A PostgreSQL store from its opening to its close: the thread, and what waits there."""

import asyncio
import concurrent.futures
import threading
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any, final
from uuid import uuid4

from hardpoint.store.driver import Claim
from hardpoint.store.engine import Role
from hardpoint.store.guests.crew import call_home
from hardpoint.store.postgres.lending import LentConnections
from hardpoint.store.postgres.processes import duties_of
from hardpoint.store.postgres.session import PostgresSession
from hardpoint.store.postgres.sweep import PostgresSweep
from hardpoint.store.postgres.thread import Batches, DatabaseThread, posted

if TYPE_CHECKING:
    from hardpoint.store.guests.crew import Crew
    from hardpoint.store.postgres.store import PostgresStore


@final
class OpenedPostgres:
    """A store from its opening to its close: the thread, and what waits there.

    Attributes:
        ready: whether it is open; each accept asks.
    """

    def __init__(self, store: "PostgresStore", role: Role, sweep: PostgresSweep | None) -> None:
        limits = store.limits
        self.ready = False
        self.thread = DatabaseThread()
        self._listeners = store.listeners
        self._home = _get_running_loop()
        self._hints: set[asyncio.Future[None]] = set()
        self._mutex = threading.Lock()
        self._opening: asyncio.Task[Any] | None = None
        self.lent = LentConnections(self.thread, store.url, store.write_role, limits)
        self.session = PostgresSession(
            store.url,
            write_role=store.write_role,
            owner=str(uuid4()),
            works=role is Role.SERVE,
            limits=limits,
            sweep=sweep,
            clock=store.clock,
            tell=self.tell,
            listens=lambda: store.listeners.active,
            noticed=self._noticed,
            duties=lambda: duties_of(store.crew),
            reload=lambda: _reload(store.crew),
        )
        clock = store.clock
        self.accepts = Batches(
            self.thread,
            self.session.accept,
            rows=limits.batch_rows,
            size=limits.batch_bytes,
            overdue=lambda at: clock.monotonic() - at > limits.pending_seconds,
        )
        self.completions = Batches(
            self.thread, self.session.complete, rows=limits.batch_rows, size=1
        )

        self.executions = Batches(self.thread, self.session.execute, rows=limits.batch_rows, size=1)

    def start(self) -> None:
        """Begin to open."""
        self.thread.start()
        self.begun = self.thread.submit(self._open())

    async def _open(self) -> None:
        self._opening = asyncio.current_task()
        await self.session.open()
        self.ready = True

    @property
    def failed(self) -> bool:
        """Whether it could not be opened."""
        return self.begun.done() and (self.begun.cancelled() or self.begun.exception() is not None)

    async def close(self, *, clean: bool) -> None:
        """Do all that was queued, and go; on the thread."""
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait({self._opening})
        await self.accepts.end()
        await self.completions.end()
        await self.executions.end()
        await self.lent.close()
        await self.session.close(clean=clean)

    def late(self, future: "concurrent.futures.Future[Any]") -> None:
        """Give back what was leased for someone who waits no more."""
        if future.cancelled() or future.exception() is not None:
            return
        found = future.result()
        leases = found.leases if isinstance(found, Claim) else [found] if found else []
        if leases:
            self.thread.submit(self.session.give_back(leases))

    async def hint(self) -> None:
        """Wait until there may be work."""
        hint: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._mutex:
            self._hints.add(hint)
        try:
            await hint
        finally:
            with self._mutex:
                self._hints.discard(hint)

    def _noticed(self) -> None:
        with self._mutex:
            hints = [*self._hints]
        for hint in hints:
            posted(hint.get_loop(), settle, hint, None)

    def tell(self, news: object) -> None:
        """In the loop that opened it, while it runs; else here."""
        home = self._home
        if not (
            home is not None and home.is_running() and posted(home, self._listeners.emit, news)
        ):
            self._listeners.emit(news)


def _reload(crew: "Crew | None") -> None:
    if crew is not None:
        call_home(crew, crew.reload)


def settle(waiting: "asyncio.Future[Any]", result: object) -> None:
    """Give whoever waits a result, unless they have one or went away."""
    if not waiting.done():
        waiting.set_result(result)
