"""A store that several processes share, as one of them uses it: itself, or through the owner."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.forks import forget_in_child
from hardpoint.store.driver import Accepted, NewEvent, Refusals
from hardpoint.store.engine import Role, StoreEngine
from hardpoint.store.guests.crew import Crew
from hardpoint.store.guests.frames import (
    CountAsked,
    GuestRequest,
    ReplayAsked,
    ResolveAsked,
    RetryAsked,
)
from hardpoint.store.guests.keeper import PATIENCE_SECONDS, StoreKeeper
from hardpoint.store.guests.server import carry_out
from hardpoint.store.sqlite import SqliteStore

_LOOK_SECONDS: Final = 0.01


@final
class SharedStore:
    """What may be asked of the store in every process: accepts, counters, what operators do.

    Until it is started it is the store of this process alone, which has to be open.

    Args:
        store: that this process opens, for SQLite when it is the owner; other engines need none.
        patience: seconds for which an accept may wait.
    """

    def __init__(self, store: StoreEngine, *, patience: float = PATIENCE_SECONDS) -> None:
        self._store = store
        self._patience = patience
        self._keeper: StoreKeeper | None = None
        self._started = False
        forget_in_child(self)

    @property
    def started(self) -> bool:
        """Whether it looks after the store, as owner or guest."""
        return self._started

    @property
    def owner(self) -> bool:
        """Whether this process has the store."""
        return self._keeper is None or self._keeper.owner

    @property
    def leaving(self) -> bool:
        """Whether it has, and is about to give way to another process."""
        return self._keeper is not None and self._keeper.succession.leaving

    @property
    def owner_pid(self) -> int | None:
        """Whose guest this process is; None where it is none."""
        return None if self._keeper is None else self._keeper.owner_pid

    @property
    def problem(self) -> str | None:
        """Why nothing can be stored, where that will not pass in a moment."""
        return None if self._keeper is None else self._keeper.problem

    async def start(self, crew: Crew) -> None:
        """Become the owner, or a guest of whoever is; from here on what can be, until `stop`.

        Raises:
            StoreUnavailableError: another process has it, and takes nothing over for others; or it
                cannot be opened.
            StoreCorruptError: not a store of ours, or of a newer version.
        """
        if self._started:
            return
        if not isinstance(self._store, SqliteStore):  # it is made for many processes
            await self._store.ensure_open(Role.SERVE)
            self._started = True
            return
        keeper = self._keeper = StoreKeeper(self._store, crew, patience=self._patience)
        self._started = True
        keeper.start()
        try:
            await asyncio.wrap_future(keeper.first)
        except BaseException:
            await self.stop()
            raise

    async def stop(self, *, clean: bool = True) -> None:
        """Let the store go, or take leave of its owner."""
        keeper = self._keeper
        if keeper is not None:
            keeper.stop(clean=clean)
            await asyncio.shield(asyncio.wrap_future(keeper.ended))
            self._keeper = None
        self._started = False

    def give_up(self, reason: str) -> None:
        """Let the store go: what works on it here cannot go on. It may come back later."""
        if self._keeper is not None:
            self._keeper.give_up(reason)

    async def ensure_open(self, role: Role = Role.OPERATE) -> None:
        """Make sure that this process has the store open, for what guests cannot do yet.

        Raises:
            StoreUnavailableError: another process has it.
        """
        keeper = self._keeper
        if keeper is None:
            await self._store.ensure_open(role)
            return
        until = time.monotonic() + self._patience
        while not keeper.owner:
            if keeper.owner_pid is not None or time.monotonic() > until:
                raise StoreUnavailableError(
                    f"the store is owned by process {keeper.owner_pid or 'unknown'}: "
                    "calls that have to be written down are made there"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    def forget(self) -> None:
        """A forked child is on its own."""
        keeper, self._keeper, self._started = self._keeper, None, False
        if keeper is not None:
            keeper.forget()

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """Store an event durably, here or by the owner's hand; see `InboxStore`."""
        keeper = self._keeper
        if keeper is None:
            self._store.accept(event, done)
        else:
            keeper.accept(event, done)

    async def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters of refused requests."""
        rows = tuple((one.source, one.reason, one.minute, one.count) for one in counts)
        await self._ask(CountAsked(rows))

    async def retry(
        self, event: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """Make an event's dead and waiting jobs due now; see `InboxStore.retry`."""
        return await self._ask(RetryAsked(event, handler, actor, reason))

    async def replay(
        self,
        event: str,
        handlers: Sequence[str],
        *,
        force: bool = False,
        actor: str = "",
        reason: str = "",
    ) -> int:
        """Have these handlers handle an event anew; see `InboxStore.replay`."""
        return await self._ask(ReplayAsked(event, tuple(handlers), force, actor, reason))

    async def resolve(
        self, event: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """Close an event's dead letters; see `InboxStore.resolve`."""
        return await self._ask(ResolveAsked(event, handler, note, actor))

    async def _ask(self, asked: GuestRequest) -> int:
        keeper = self._keeper
        if keeper is None or keeper.owner:
            return await carry_out(self._store, asked)
        return await keeper.ask(asked)
