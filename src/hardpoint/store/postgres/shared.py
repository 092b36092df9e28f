"""The store as one process of several uses it: the same, since the database is made for that."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from hardpoint.core.forks import forget_in_child
from hardpoint.runtime.blocking import run
from hardpoint.store.driver import Accepted, NewEvent, Refusals
from hardpoint.store.engine import Role
from hardpoint.store.guests.requests import WantedHandlers
from hardpoint.store.guests.turns import StoreTurn
from hardpoint.store.postgres.processes import ask_to_reload
from hardpoint.store.postgres.store import PostgresStore

if TYPE_CHECKING:
    from hardpoint.store.guests.crew import Crew

AGAIN_SECONDS: Final = 0.5
"""After handlers that could not go on."""
AGAIN_SECONDS_MAX: Final = 30.0
"""The same, where that happens again and again."""


@final
class PostgresShared:
    """A `SharedAccess` to a PostgreSQL store: every process has it, and may run handlers.

    Args:
        store: of this process.

    Attributes:
        started: whether a crew works on it.
        owner: that it may; always.
        leaving: whether it waits for a moment after it has failed.
        owner_pid: None: no process has it in another's stead.
        problem: None: what keeps the database away passes, and each accept says so.
    """

    owner = True
    owner_pid: int | None = None
    problem: str | None = None

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """A forked child is on its own."""
        self.started = self.leaving = False
        self._reviving: asyncio.Task[None] | None = None
        self._wait_seconds = AGAIN_SECONDS
        self._failed_at = 0.0

    async def start(self, crew: "Crew") -> None:
        """Begin to give signs of life; who has no loop to work in only operates."""
        self._store.crew = crew
        await self._store.ensure_open(Role.OPERATE if crew.home is None else Role.SERVE)
        self.started = True

    async def stop(self, *, clean: bool = True) -> None:
        """Give every lease back if `clean`, and let the database go."""
        self._end()
        await self._store.close(clean=clean)

    def stop_blocking(self) -> None:
        """The same for a thread without an event loop."""
        self._end()
        self._store.close_blocking()

    def _end(self) -> None:
        reviving, self._reviving = self._reviving, None
        self._store.crew, self.started, self.leaving = None, False, False
        if reviving is not None:
            with suppress(RuntimeError):  # its loop was closed
                reviving.cancel()

    def give_up(self, reason: str) -> None:
        """Handlers cannot go on here: they end, and begin anew after a while."""
        crew = self._store.crew
        if crew is not None and not self.leaving:
            self.leaving = True
            self._reviving = asyncio.ensure_future(self._revive(crew))

    async def _revive(self, crew: "Crew") -> None:
        now = asyncio.get_running_loop().time()
        lived, self._failed_at = now - self._failed_at, now
        again = AGAIN_SECONDS if lived > AGAIN_SECONDS_MAX else self._wait_seconds
        self._wait_seconds = min(2 * again, AGAIN_SECONDS_MAX)
        await crew.lay_down(clean=False)
        await asyncio.sleep(again)
        self.leaving = False
        crew.take_up()

    async def wanted(self, source: str, event_type: str) -> WantedHandlers:
        """Those of this process: nobody else is asked."""
        crew = self._store.crew
        if crew is None:
            return WantedHandlers((), ())
        return WantedHandlers(crew.matching(source, event_type), crew.known())

    @property
    def strangers(self) -> Sequence[str]:
        """See `SharedAccess`: it was looked at with the last sign of life."""
        return self._store.strangers

    def presence(self) -> None:
        """Nobody has it alone; the database knows who is there."""

    def broadcast_reload(self) -> int | None:
        """See `SharedAccess`."""
        return ask_to_reload(self._store.url, self._store.limits.expires)

    def turn(self) -> StoreTurn:
        """Nobody's writes wait for another's, so it begins at once."""
        return StoreTurn(self)

    async def take_turn(self) -> None:
        """See `TurnKeeper`."""

    def take_turn_blocking(self) -> None:
        """See `TurnKeeper`."""

    def end_turn(self, number: int) -> None:
        """See `TurnKeeper`: there is none to end."""

    def tell(self, event: object) -> None:
        """See `TurnKeeper`."""
        self._store.tell(event)

    async def ensure_open(self, role: Role = Role.OPERATE) -> None:
        """See `SharedAccess`."""
        await self._store.ensure_open(role)

    def ensure_open_blocking(self) -> None:
        """See `SharedAccess`."""
        run(self._store.ensure_open(Role.OPERATE))

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """See `InboxStore`."""
        self._store.accept(event, done)

    async def refuse(self, counts: Sequence[Refusals]) -> None:
        """See `InboxStore`."""
        await self._store.refuse(counts)

    async def retry(
        self, event: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """See `InboxStore`."""
        return await self._store.retry(event, handler, actor=actor, reason=reason)

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
        """See `InboxStore`."""
        return await self._store.replay(
            event, handlers, force=force, actor=actor, reason=reason, plan=plan
        )

    async def resolve(
        self, event: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """See `InboxStore`."""
        return await self._store.resolve(event, handler, note=note, actor=actor)

    async def note(self, action: str, target: str, *, actor: str = "", reason: str = "") -> None:
        """See `InboxStore`."""
        await self._store.note(action, target, actor=actor, reason=reason)
