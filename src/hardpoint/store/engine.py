"""What is asked of a store, whatever is behind it; `opening` gives the one that a URL names."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

from hardpoint.store.driver import (
    Accepted,
    Claim,
    Completed,
    Completion,
    Lease,
    LeaseName,
    NewEvent,
    Refusals,
    WaitingLane,
)
from hardpoint.store.journal import Journal
from hardpoint.store.views import StoreReader

if TYPE_CHECKING:
    from hardpoint.store.guests.crew import Crew
    from hardpoint.store.guests.requests import Presence, WantedHandlers
    from hardpoint.store.guests.turns import StoreTurn


class Role(Enum):
    """What a process opens a store for."""

    SERVE = auto()
    """To accept and handle events: it takes leases, and shows that it lives."""
    OPERATE = auto()
    """To retry, replay and resolve, or to keep a journal: it leases nothing."""


class StoreOrders(Protocol):
    """What any process may ask of a store: to accept, to count, and what operators do."""

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """Store an event durably; `done` is called in the loop after the commit, never before.

        Raises:
            StoreUnavailableError: too much is waiting already; answer 503.
        """
        ...

    async def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters of refused requests."""
        ...

    async def retry(
        self, event: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """Make an event's dead and waiting jobs due now, all or one handler's.

        A dead job starts a new series of failures. One that needs to be reconciled has been looked
        at by now: what cannot be found of its calls is made. `actor` and `reason` go into the
        audit record.

        Returns:
            How many jobs it made due; a running job, or one whose body is gone, is left alone.
        """
        ...

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
        """Have these handlers handle an event anew: done, skipped, dead or quarantined.

        A handler that has done this event is left alone without `force`, and one whose job is
        unfinished in any case. With a `plan` it is done once: a second time under the same name
        makes none.

        Returns:
            How many jobs it made; none when the event is unknown or its body is gone.
        """
        ...

    async def resolve(
        self, event: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """Close an event's dead letters and the jobs that wait, all or one handler's.

        Someone has done what was to do, or it is not to be done any more.

        Each is recorded as one more attempt that is done, with the note, which goes into the audit
        record too. What is known of its calls stays as it is.

        Returns:
            How many it closed; a job that runs now or is done is left alone.
        """
        ...

    async def note(self, action: str, target: str, *, actor: str = "", reason: str = "") -> None:
        """Write a line into the audit record, of something that the store itself did not do.

        It is durable when this returns.
        """
        ...


class InboxStore(StoreOrders, Protocol):
    """The durable side of the inbox. Every method but `accept` may be awaited by one task a time.

    All of them raise `StoreUnavailableError` when the store cannot take the work now; then nothing
    of it was written. Waiting times and due times go by the store's own clock.

    Attributes:
        expires: seconds without a sign of life after which others may take this process's leases;
            None where no other process can have the store.
        poll: seconds between two looks for work that others may have stored.
    """

    expires: float | None
    poll: float

    @property
    def broken(self) -> str | None:
        """Why the store can never be used again in this process; None while it can."""
        ...

    async def open(self, role: Role = Role.SERVE) -> None:
        """Open the store, and bring its schema up. No lease of a process that lives is touched.

        Raises:
            StoreUnavailableError: it is open already, or cannot be had.
            StoreCorruptError: not a store of ours, or of a newer version.
        """
        ...

    async def ensure_open(self, role: Role = Role.SERVE) -> None:
        """The same, unless it is open: then it may take on a role that is more.

        In a thread without an event loop it blocks, and never suspends.
        """
        ...

    async def close(self, *, clean: bool = True) -> None:
        """Finish what was submitted, release every lease, and let the store go.

        Args:
            clean: False leaves what is leased as a crash would: it was in flight, and is suspect.
        """
        ...

    async def claim(self, lanes: Mapping[str, int]) -> Claim:
        """Lease what is due in these lanes, so many of each at most; suspects are not among it."""
        ...

    async def claim_suspect(self, handlers: Sequence[str]) -> Lease | None:
        """Lease a suspect of these handlers, the one with the fewest crashes; None if none waits.

        Call `mark_started` before it runs, and run one at a time.
        """
        ...

    async def complete(self, completion: Completion) -> Completed:
        """Record the end of an attempt, with its writes, in one transaction.

        Raises:
            WriteFailedError: one of the writes raised; the job is still leased.
            TimedOutError: they took too long; likewise.
            TransactionLostError: one of them ended the transaction; likewise.
        """
        ...

    async def mark_started(self, lease: Lease, *, started: bool = True) -> bool:
        """Durably mark a suspect as running, or no longer suspected; False: the lease is gone."""
        ...

    async def renew(self, leases: Sequence[LeaseName]) -> Sequence[LeaseName]:
        """Those of these leases that are lost, or may be taken by others before long."""
        ...

    async def wait_for_work(self) -> None:
        """Return when others may have stored something to do: a hint, it need not be true."""
        ...

    async def release_all(self) -> None:
        """Give back every lease of this process: the jobs are due at once, no attempt counts."""
        ...

    async def waiting(self, handlers: Sequence[str]) -> Sequence[WaitingLane]:
        """The lanes of these handlers that have something to do, suspects apart."""
        ...

    async def next_due(self, handlers: Sequence[str]) -> float | None:
        """Seconds until a job of these handlers is due; negative: overdue; None: none waits."""
        ...


class CompletesIn(AbstractContextManager[Any], AbstractAsyncContextManager[Any], Protocol):
    """A user's transaction with our completion as its last statement.

    Attributes:
        completed: whether both are committed.
    """

    completed: bool


class SharedAccess(StoreOrders, Protocol):
    """A store that several processes share, as one of them uses it.

    Where the engine lets one process alone have the store, the others ask that one. In any thread
    and loop; until it is started it is the store of this process alone, which has to be open.
    """

    @property
    def started(self) -> bool:
        """Whether it looks after the store."""
        ...

    @property
    def owner(self) -> bool:
        """Whether handlers may run in this process."""
        ...

    @property
    def leaving(self) -> bool:
        """Whether they may for a moment not: another process is to have them, or they failed."""
        ...

    @property
    def owner_pid(self) -> int | None:
        """Which process has the store in this one's stead; None where it needs none."""
        ...

    @property
    def problem(self) -> str | None:
        """Why nothing can be stored, where that will not pass in a moment."""
        ...

    @property
    def strangers(self) -> Sequence[str]:
        """How the handlers that are loaded here differ from those that run in other processes."""
        ...

    async def start(self, crew: "Crew") -> None:
        """Take part: from here on `crew` is told what to do, until `stop`.

        Raises:
            StoreUnavailableError, StoreCorruptError: see `InboxStore.open`.
        """
        ...

    async def stop(self, *, clean: bool = True) -> None:
        """Let the store go."""
        ...

    def stop_blocking(self) -> None:
        """The same for a thread without an event loop."""
        ...

    def give_up(self, reason: str) -> None:
        """What works on the store here cannot go on. It is asked to come back later."""
        ...

    async def wanted(self, source: str, event_type: str) -> "WantedHandlers":
        """Who handles such an event where handlers run, as far as that can be asked."""
        ...

    def presence(self) -> "Presence | None":
        """Who has the store, and who is connected; None where nobody is to be asked.

        It blocks for a moment, opens nothing, and may be asked before anything is started.

        Raises:
            StoreUnavailableError: whoever has it does not answer.
        """
        ...

    def broadcast_reload(self) -> int | None:
        """Have all processes read their configuration again; gives how many were told.

        None where nobody is to be told.

        Raises:
            StoreUnavailableError: see `presence`, as for the rest.
        """
        ...

    def turn(self) -> "StoreTurn":
        """A block in which nobody else writes to the application's tables in the store's file."""
        ...

    async def ensure_open(self, role: Role = Role.OPERATE) -> None:
        """Make sure that this process can have things written down.

        Raises:
            StoreUnavailableError, StoreCorruptError: see `start`.
        """
        ...

    def ensure_open_blocking(self) -> None:
        """The same for a thread without an event loop.

        Raises:
            MisuseError: one runs in this thread.
            StoreUnavailableError, StoreCorruptError: see `start`.
        """
        ...


class StoreEngine(InboxStore, Protocol):
    """A store with all that goes with it."""

    @property
    def shared(self) -> SharedAccess:
        """The same as one process of several uses it."""
        ...

    def journal(self, *, blocking: bool = False) -> Journal:
        """Where calls are written down.

        Args:
            blocking: for threads without an event loop, under `BlockingRuntime`.
        """
        ...

    def reader(self) -> StoreReader:
        """Looks into it without touching it, open or not; close it when done.

        Raises:
            StoreUnavailableError: there is none yet, or it cannot be read.
            StoreCorruptError: not a store of ours, or of a newer version.
        """
        ...

    def complete_in(self, lease: Lease, target: Any, *, started_at: float) -> CompletesIn:
        """A block whose writes on `target` commit together with the job's completion.

        Without a target, on a connection of the store's own.

        Raises:
            UnsupportedError: it has none to lend.
        """
        ...

    def connect(self, *, timeout: float = 5.0, **options: Any) -> Any:
        """A connection to the store's database for the application's own tables.

        Raises:
            UnsupportedError: the application has a driver of its own for this database.
        """
        ...

    def prepare_engine(self, engine: Any) -> None:
        """Have a SQLAlchemy engine's connections do what `connect` has its own do."""
        ...

    def close_blocking(self) -> None:
        """`close` in a thread without an event loop."""
        ...


class Unshared:
    """What a store answers that no other process can have: no lease is lost, none is waited for."""

    expires: float | None = None
    poll: float = 20.0

    async def renew(self, leases: Sequence[LeaseName]) -> Sequence[LeaseName]:
        """None is lost."""
        return ()

    async def wait_for_work(self) -> None:
        """All of it comes from here."""
        await asyncio.get_running_loop().create_future()
