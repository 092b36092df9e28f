"""A store that several processes share, as one of them uses it: itself, or through the owner."""

import asyncio
import itertools
import threading
from asyncio import _get_running_loop
from collections.abc import Callable, Sequence
from typing import Any, final

from hardpoint.core.errors import MisuseError, StoreError, StoreUnavailableError
from hardpoint.core.forks import forget_in_child
from hardpoint.store.driver import Accepted, NewEvent, Refusals
from hardpoint.store.engine import Role
from hardpoint.store.guests.crew import Crew, CrewSeat
from hardpoint.store.guests.keeper import PATIENCE_SECONDS, StoreKeeper
from hardpoint.store.guests.orders import carry_out
from hardpoint.store.guests.owned import OwnedStore
from hardpoint.store.guests.requests import (
    AskedOfStore,
    CountAsked,
    NoteAsked,
    Presence,
    PresenceAsked,
    ReloadAsked,
    ReplayAsked,
    ResolveAsked,
    RetryAsked,
    TurnAsked,
    WantedAsked,
    WantedHandlers,
)
from hardpoint.store.guests.turns import StoreTurn
from hardpoint.store.guests.visitor import visit
from hardpoint.store.journal import AnyCallStep
from hardpoint.store.journalling import CallsInFlight
from hardpoint.store.keys import storable, storable_or_none
from hardpoint.store.sqlite.sessions import LiveSession


@final
class SharedStore:
    """What may be asked of the store in every process: accepts, counters, what operators do.

    Until it is started it is the store of this process alone, which has to be open.

    Args:
        store: that this process opens when it is the owner.
        patience: seconds for which an accept may wait.
    """

    def __init__(self, store: OwnedStore, *, patience: float = PATIENCE_SECONDS) -> None:
        self._store = store
        self._patience = patience
        self._keeper: StoreKeeper | None = None
        self._started = False
        self._turns = itertools.count(1)
        self._begin()
        forget_in_child(self)

    def _begin(self) -> None:
        self._mutex = threading.Lock()
        self._seat = CrewSeat(None)

    strangers: Sequence[str] = ()
    """See `SharedAccess`: a guest asks the owner who handles an event."""

    @property
    def started(self) -> bool:
        """Whether it looks after the store, as owner or guest."""
        return self._started

    @property
    def owner(self) -> bool:
        """Whether this process has the store."""
        return self._keeper is None or self._keeper.here.owner

    @property
    def leaving(self) -> bool:
        """Whether it has, and is about to give way to another process."""
        return self._keeper is not None and self._keeper.succession.leaving

    @property
    def owner_pid(self) -> int | None:
        """Whose guest this process is; None where it is none."""
        return None if self._keeper is None else self._keeper.here.owner_pid

    @property
    def problem(self) -> str | None:
        """Why nothing can be stored, where that will not pass in a moment."""
        return None if self._keeper is None else self._keeper.here.problem

    async def start(self, crew: Crew) -> None:
        """Become the owner, or a guest of whoever is; from here on what can be, until `stop`.

        Raises:
            StoreUnavailableError: another process has it, and takes nothing over for others; or it
                cannot be opened.
            StoreCorruptError: not a store of ours, or of a newer version.
        """
        if self._started:
            return
        keeper, mine = self._join(crew)
        self._started = True
        try:
            if not mine:  # a call has been written down before
                await self._joined(keeper)
                keeper.enlist()
            await self._joined(keeper)
        except BaseException:
            await self.stop()
            raise

    async def stop(self, *, clean: bool = True) -> None:
        """Let the store go, or take leave of its owner."""
        keeper = self._keeper
        if keeper is not None:
            keeper.stop(clean=clean)
            await asyncio.shield(asyncio.wrap_future(keeper.ended))
            self._left(keeper)
        self._started = False

    def stop_blocking(self) -> None:
        """The same for a thread without an event loop."""
        keeper = self._keeper
        if keeper is not None:
            keeper.stop(clean=True)
            keeper.ended.result()
            self._left(keeper)

    def give_up(self, reason: str) -> None:
        """Let the store go: what works on it here cannot go on. It may come back later."""
        if self._keeper is not None:
            self._keeper.give_up(reason)

    async def ensure_open(self, role: Role = Role.OPERATE) -> None:
        """Make sure that this process can have things written down, here or by another process.

        Raises:
            StoreUnavailableError, StoreCorruptError: see `start`.
        """
        await self._ready()

    async def _ready(self) -> StoreKeeper:
        keeper, _ = self._join(None)
        if not self._started:
            try:
                await self._joined(keeper)
            except StoreError:
                await self.stop()
                raise
        return keeper

    def ensure_open_blocking(self) -> None:
        """The same for a thread without an event loop.

        Raises:
            MisuseError: one runs in this thread.
            StoreUnavailableError, StoreCorruptError: see `start`.
        """
        self._ready_blocking()

    def _ready_blocking(self) -> StoreKeeper:
        if _get_running_loop() is not None:
            raise MisuseError("Blocking code was called inside a running event loop; await instead")
        keeper, _ = self._join(None)
        if not self._started:
            try:
                keeper.here.first.result()
            except StoreError:
                self.stop_blocking()
                raise
        return keeper

    def _join(self, crew: Crew | None) -> tuple[StoreKeeper, bool]:
        """A keeper that looks after the store; whether it had to be started."""
        with self._mutex:
            known = self._keeper
            if known is None:
                self._seat = CrewSeat(_get_running_loop())
            self._seat.crew = crew or self._seat.crew
            if known is not None:
                return known, False
            keeper = StoreKeeper(self._store, self._seat, patience=self._patience)
            self._keeper = keeper
            keeper.start()
            return keeper, True

    @staticmethod
    async def _joined(keeper: StoreKeeper) -> None:
        await asyncio.shield(asyncio.wrap_future(keeper.here.first))

    def _left(self, keeper: StoreKeeper) -> None:
        with self._mutex:
            if self._keeper is keeper:
                self._keeper = None
                self._store.session.release()

    def forget(self) -> None:
        """A forked child is on its own."""
        keeper, self._keeper, self._started = self._keeper, None, False
        self._begin()
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
        return await self._ask(
            RetryAsked(
                storable(event), storable_or_none(handler), storable(actor), storable(reason)
            )
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
        return await self._ask(
            ReplayAsked(
                storable(event),
                tuple(map(storable, handlers)),
                force,
                storable(actor),
                storable(reason),
                storable(plan),
            )
        )

    async def resolve(
        self, event: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """Close an event's dead letters; see `InboxStore.resolve`."""
        return await self._ask(
            ResolveAsked(
                storable(event), storable_or_none(handler), storable(note), storable(actor)
            )
        )

    async def note(self, action: str, target: str, *, actor: str = "", reason: str = "") -> None:
        """Write a line into the audit record; see `InboxStore.note`."""
        await self._ask(NoteAsked(*map(storable, (action, target, actor, reason))))

    async def _ask(self, asked: AskedOfStore) -> int:
        keeper = self._keeper
        if keeper is None or keeper.here.owner:
            return await carry_out(self._store, asked)
        return await keeper.asks.ask(asked)

    # Who else is there

    async def wanted(self, source: str, event_type: str) -> WantedHandlers:
        """Who handles such an event in the process that has the store."""
        keeper = self._keeper
        if keeper is None or keeper.here.owner:
            return WantedHandlers(self._seat.matching(source, event_type), self._seat.known())
        return await keeper.asks.ask(WantedAsked(source, event_type))

    def presence(self) -> Presence | None:
        """Who has the store, and who is connected; None where nobody listens.

        It blocks for a moment, opens nothing, and may be asked before anything is started.

        Raises:
            StoreUnavailableError: whoever has it does not answer.
        """
        return visit(self._store.path, PresenceAsked())

    def broadcast_reload(self) -> int | None:
        """Have all processes read their configuration again; gives how many were told.

        Raises:
            StoreUnavailableError: see `presence`, as for the rest.
        """
        return visit(self._store.path, ReloadAsked())

    # Writing by hand; see `StoreTurn`

    def turn(self) -> StoreTurn:
        """A block in which nobody else writes to the file."""
        return StoreTurn(self)

    async def take_turn(self) -> int:
        """Wait for one; see `TurnKeeper`."""
        keeper = await self._ready()
        number = next(self._turns)
        try:
            await keeper.asks.ask(TurnAsked(number))
        except BaseException:
            keeper.asks.end_turn(number)
            raise
        return number

    def take_turn_blocking(self) -> int:
        """The same for a thread without an event loop; see `TurnKeeper`."""
        keeper = self._ready_blocking()
        number = next(self._turns)
        try:
            keeper.asks.ask_blocking(TurnAsked(number))
        except BaseException:
            keeper.asks.end_turn(number)
            raise
        return number

    def end_turn(self, number: int) -> None:
        """Let the next one in; see `TurnKeeper`."""
        if self._keeper is not None:
            self._keeper.asks.end_turn(number)

    # What a journal asks; see `CallBook`

    @property
    def in_flight(self) -> CallsInFlight:
        """The calls of this process."""
        return self._store.in_flight

    @property
    def session(self) -> LiveSession:
        """The sign of life of this process."""
        return self._store.session

    async def call(self, step: AnyCallStep) -> Any:
        """Have a step of a call written down, here or by the owner's hand; see `CallBook`."""
        keeper, store = self._keeper, self._store
        if keeper is None or self._has_it(keeper):
            try:
                return await store.call(step)
            except StoreUnavailableError:
                if keeper is None or store.is_whole:
                    raise
        return await keeper.asks.ask(step)

    async def call_blocking(self, step: AnyCallStep) -> Any:
        """The same for a thread without an event loop; it never suspends."""
        keeper, store = self._keeper, self._store
        if keeper is None or self._has_it(keeper):
            try:
                return await store.call_blocking(step)
            except StoreUnavailableError:
                if keeper is None or store.is_whole:
                    raise
        return keeper.asks.ask_blocking(step)

    def post_call(self, step: AnyCallStep) -> None:
        """The same without waiting; see `CallBook`."""
        keeper, store = self._keeper, self._store
        if keeper is None or self._has_it(keeper):
            try:
                store.post_call(step)
            except StoreUnavailableError:
                if keeper is None:
                    raise
            else:
                return
        keeper.asks.post(step)

    def tell(self, event: object) -> None:
        """Tell the listeners, in the loop; any thread may."""
        keeper = self._keeper
        if keeper is None:
            self._store.tell(event)
        else:
            keeper.here.tell(event)

    @staticmethod
    def _has_it(keeper: StoreKeeper) -> bool:
        """Whether to write here: what was posted before comes first."""
        return keeper.here.owner and not keeper.asks.posts.owing
