"""A store that is open, on the thread that talks to the database.

Each kind of work has a connection of its own, so that none waits for another: accepts, jobs, signs
of life with notices, and the transactions of users' write functions.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.store.complaints import Complaints
from hardpoint.store.driver import (
    Accepted,
    Claim,
    Completed,
    Completion,
    Lease,
    LeaseName,
    NewEvent,
    Stored,
)
from hardpoint.store.events import BatchCommitted, HandlersDiffer
from hardpoint.store.journal import AnyCallStep
from hardpoint.store.postgres.accepts import AcceptStatements
from hardpoint.store.postgres.calls import CallStatements
from hardpoint.store.postgres.completions import CompletionStatements
from hardpoint.store.postgres.connections import Link, LinkWork
from hardpoint.store.postgres.jobs import JobStatements
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.notices import Notices
from hardpoint.store.postgres.processes import Duties, Heartbeat
from hardpoint.store.postgres.schema import migrate
from hardpoint.store.postgres.stalls import Stalls
from hardpoint.store.postgres.sweep import PostgresSweep
from hardpoint.store.postgres.writing import PostgresWriting

T = TypeVar("T")


@final
class PostgresSession:
    """What one process does with the database, from the opening to the end.

    Args:
        url: of the database.
        write_role: that the application's writes run as; None: as all else.
        owner: what this process goes by.
        works: whether it accepts and handles events; else it acts for operators, and lives only
            once a call is written down.
        limits: bounds and waiting times.
        sweep: applies retention; None keeps everything.
        clock: for what happens in this process.
        tell: takes telemetry.
        listens: whether anybody wants to be told of what goes well.
        noticed: called when there may be work that others have stored.
        duties: what this process does, now.
        reload: called when the configuration is to be read again.

    Attributes:
        strangers: how the handlers that are loaded here differ from the others'.
    """

    def __init__(
        self,
        url: str,
        *,
        write_role: str | None = None,
        owner: str,
        works: bool,
        limits: PostgresLimits,
        sweep: PostgresSweep | None,
        clock: Clock,
        tell: Callable[[object], None],
        listens: Callable[[], bool],
        noticed: Callable[[], None],
        duties: Callable[[], Duties],
        reload: Callable[[], None],
    ) -> None:
        self.owner = owner
        self.identity = ""
        self.strangers: list[str] = []
        self.jobs = JobStatements(owner)
        self.calls = CallStatements(owner, limits.expires)
        self._works = works
        self._limits = limits
        self._sweep = sweep
        self._clock = clock
        self._tell = tell
        self._listens = listens
        self._complaints = Complaints(clock)
        self._stalls = Stalls(url, limits, self._complaints, tell)
        self._duties = duties
        self._reload = reload
        self._accepts = AcceptStatements(owner, limits.repeats)
        self._completions = CompletionStatements(owner)
        self._heartbeat = Heartbeat(owner, limits.expires, clock)
        seconds, answer = limits.connect, limits.answer
        self._accepting = Link(url, seconds=seconds, answer=answer)
        self._working = Link(url, seconds=seconds, answer=answer)
        self._journalling = Link(url, seconds=seconds, answer=answer)
        self._notices = Notices(url, self._heartbeat, limits, noticed, reload)
        self._living = self._notices.link
        self._sweeping = Link(url, seconds=seconds, answer=answer)
        self._writing = PostgresWriting(
            url, self._completions, limits, clock, tell, role=write_role
        )
        self._held: set[tuple[str, str]] = set()
        """Jobs that are leased to this process, or may be."""
        self._strays: float | None = None
        """From when on what is leased to this process, and it does not hold, is given back."""
        self._life: asyncio.Task[None] | None = None
        self._waking = asyncio.Lock()
        self._unsaid: list[tuple[AnyCallStep, float]] = []

    async def open(self) -> None:
        """Bring the tables up, and begin to live. Nobody's lease is touched.

        Raises:
            StoreUnavailableError: the database cannot be reached.
            StoreCorruptError: not tables of ours, or of a newer version.
        """
        try:
            self.identity = await self._working.run(migrate)
            if self._works:
                await self.live()
        except BaseException:
            await self.close(clean=False)
            raise

    async def close(self, *, clean: bool) -> None:
        """Give all leases back unless the end is unclean, and go."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        await self._notices.close()
        await self._stalls.close()
        if clean and self._life is not None:
            with suppress(StoreUnavailableError):  # they expire
                await self._say()
                await self._journalling.run(self.calls.let_go)
                await self._working.run(self.jobs.give_all_back)
                await self._living.run(self._heartbeat.leave)
        links = (self._accepting, self._working, self._journalling, self._living, self._sweeping)
        for link in links:
            await link.close()
        await self._writing.close()

    async def do(self, work: LinkWork[T], *, again: bool = False) -> T:
        """Do some work on the jobs; `again`, where it is safe, after a lost connection too."""
        return await self._working.run(
            work, patience=self._limits.pending_seconds if again else None
        )

    async def announce(self, work: LinkWork[T]) -> T:
        """The same for what makes jobs due: other processes hear of it."""
        result = await self.do(work)
        self._notices.announce()
        return result

    # Calls

    async def call(self, step: AnyCallStep) -> Any:
        """Write a step of a call down.

        A call in flight belongs to a process that gives signs of life, so this one begins to.
        """
        await self.live()
        if self.fenced:
            await self.beat()
        return await self._journalling.run(
            lambda connection: self.calls.do(connection, step),
            patience=self._limits.pending_seconds,
        )

    async def post(self, step: AnyCallStep, at: float) -> None:
        """Write one down that nobody waits for, as of then; what fails now is done later."""

        async def write(connection: Any) -> None:
            await self.calls.do(connection, step, ago=self._clock.monotonic() - at)

        try:
            await self._journalling.run(write)
        except StoreUnavailableError:
            self._unsaid.append((step, at))

    async def _say(self) -> None:
        """Do what was not done."""
        unsaid, self._unsaid = self._unsaid, []
        for step, at in unsaid:
            await self.post(step, at)

    # Accepting

    async def accept(self, events: list[NewEvent]) -> list[Accepted | Exception]:
        """Store a group of events; a bad one does not fail the others."""

        async def store(some: list[NewEvent]) -> list[Accepted]:
            return await self._accepting.run(
                lambda connection: self._accepts.store(connection, some),
                patience=self._limits.pending_seconds,
            )

        self._held.update(_jobs(events))
        results = await self._grouped("accept", events, store)
        left = False
        for event, result in zip(events, results, strict=True):
            new = isinstance(result, Accepted) and result.stored is Stored.NEW
            if event.lease and not new:
                self._held.difference_update(_jobs([event]))
                if isinstance(result, StoreUnavailableError):
                    self._stray()
            left = left or (new and bool(event.handlers) and not event.lease)
        if left:
            self._notices.announce()
        return [_storable(result) for result in results]

    # Completing

    async def complete(self, completions: list[Completion]) -> list[Completed | Exception]:
        """End a group of attempts."""

        async def end(some: list[Completion]) -> list[Completed]:
            again = False

            async def once(connection: Any) -> list[Completed]:
                nonlocal again
                repeated, again = again, True
                return await self._completions.end(connection, some, again=repeated)

            return await self._working.run(once, patience=self._limits.pending_seconds)

        results = await self._grouped("job", completions, end)
        self._ended(completions, results)
        return results

    async def write(self, completion: Completion) -> Completed:
        """End one attempt with its writes, in a transaction of its own."""
        completed = await self._writing.complete(completion)
        self._ended([completion], [completed])
        return completed

    async def execute(self, completions: list[Completion]) -> list[Completed | Exception]:
        """End a group of attempts whose writes are statements."""
        try:
            results = await self._writing.complete_together(completions)
        except StoreUnavailableError as error:
            self._tell(self._complaints.failed("job", len(completions), str(error)))
            return [StoreUnavailableError(str(error)) for _ in completions]
        self._ended(completions, results)
        return results

    def _ended(self, completions: Sequence[Completion], results: Sequence[object]) -> None:
        for completion, result in zip(completions, results, strict=True):
            if isinstance(result, Completed):
                self._held.discard((completion.event, completion.handler))

    # Leasing

    async def claim(self, claim: LinkWork[T]) -> T:
        """Lease jobs. When the answer is lost, they are given back once the database is there."""

        async def held(connection: Any) -> T:
            claimed = await claim(connection)
            self._held.update((one.event.id, one.handler) for one in _leases(claimed))
            return claimed

        try:
            return await self.do(held)
        except StoreUnavailableError:
            self._stray()
            raise

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Nobody waits any more for what has been leased."""
        names = [(one.event.id, one.handler, one.fence) for one in leases]
        await self.do(lambda connection: self.jobs.give_back(connection, names), again=True)
        self._held.difference_update(name[:2] for name in names)

    async def give_all_back(self) -> None:
        """Nothing of it is in flight."""
        await self.do(self.jobs.give_all_back, again=True)
        self._held.clear()

    async def forsake(self, leases: Iterable[LeaseName]) -> None:
        """They are taken for lost. Those that nobody has taken are given back.

        Not sooner than others could take them: until then their attempts have time to end.
        """
        self._held.difference_update(name[:2] for name in leases)
        self._stray(self._heartbeat.every)

    def _stray(self, seconds: float = 0.0) -> None:
        self._strays = max(self._strays or 0.0, self._clock.monotonic() + seconds)

    @property
    def fenced(self) -> bool:
        """Whether others may take what this process holds."""
        return self._heartbeat.fenced

    # Living

    async def live(self) -> None:
        """Begin to give signs of life, unless that has begun."""
        async with self._waking:
            if self._life is not None:
                return
            await self.beat()
            self._life = asyncio.create_task(self._live())

    async def beat(self) -> None:
        """Give a sign of life, and do what is done now and then."""
        duties = self._duties()
        if await self._living.run(lambda connection: self._heartbeat.beat(connection, duties)):
            self._reload()
        strangers = self._heartbeat.strangers
        if strangers != self.strangers:
            self.strangers = strangers
            for reason in strangers:
                self._tell(HandlersDiffer(reason=reason))
        await self._say()
        since = self._strays
        if since is not None and self._clock.monotonic() >= since:
            held = [*self._held]
            await self.do(lambda connection: self.jobs.give_strays_back(connection, held))
            if self._strays == since:  # else others have come up meanwhile
                self._strays = None
        if self._sweep is not None and self._sweep.due():
            told = await self._sweeping.run(self._sweep.run)
            if told is not None:
                self._tell(told)

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat.every)
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - whatever it is, it may not end the beats
                reason = str(error) or type(error).__name__
                self._tell(self._complaints.failed("upkeep", 0, reason))

    # Groups

    async def _grouped(self, kind: str, items: list[T], run: Callable[[list[T]], Any]) -> list[Any]:
        """Do a group at once; when one of it is at fault, each on its own."""
        began = self._clock.monotonic()
        link = self._accepting if kind == "accept" else self._working
        try:
            with self._stalls.watch(kind, len(items), link):
                results = await run(items)
        except StoreUnavailableError as error:
            self._tell(self._complaints.failed(kind, len(items), str(error)))
            return [StoreUnavailableError(str(error)) for _ in items]
        except Exception as error:  # noqa: BLE001 - the answer of the one that caused it
            if len(items) == 1:
                return [error]
            return [(await self._grouped(kind, [item], run))[0] for item in items]
        if self._listens():
            seconds = self._clock.monotonic() - began
            self._tell(BatchCommitted(kind=kind, rows=len(items), seconds=seconds))
        return results


def _jobs(events: Iterable[NewEvent]) -> list[tuple[str, str]]:
    return [(one.id, name) for one in events if one.lease for name in one.handlers]


def _leases(claimed: object) -> Sequence[Lease]:
    if isinstance(claimed, Claim):
        return claimed.leases
    return [claimed] if isinstance(claimed, Lease) else []


def _storable(result: Accepted | Exception) -> Accepted | Exception:
    if isinstance(result, Accepted | StoreError):
        return result
    error = StoreError(f"the event cannot be stored: {result}")
    error.__cause__ = result
    return error
