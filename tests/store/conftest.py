"""Stores on temporary files, events to put into them, and a stage to play a story on."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.store.driver import (
    Accepted,
    Completed,
    Completion,
    Event,
    Lease,
    NewEvent,
    Outcome,
    WriteFailedError,
)
from hardpoint.store.journal import Journal
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteReader, SqliteStore, StatementLimits
from hardpoint.store.views import StoreReader
from hardpoint.testing.clock import ManualClock


class EventMaker:
    """Makes new events; whatever is not given has a plain value."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._ids = Uuid7(now=clock.now)

    def __call__(self, vendor_id: str | None = "evt_1", body: bytes = b"{}", **changes: Any):
        plain = {
            "id": self._ids(),
            "source": "billing",
            "vendor_id": vendor_id,
            "type": "payment.succeeded",
            "account": None,
            "asserted": False,
            "received_at": self._clock.now(),
            "signed_at": None,
            "correlation_id": "c-1",
            "headers": b'{"content-type":"application/json"}',
            "body": body,
            "body_sha256": hashlib.sha256(body).digest(),
            "handlers": ("mark_paid",),
            "lease": False,
        }
        return NewEvent(**{**plain, **changes})


class Desk:
    """An open store, with the calls that tests make again and again."""

    def __init__(self, store: Any, stage: Any) -> None:
        self.store = store
        self.stage = stage
        self.clock = stage.clock
        self.make = stage.make

    def submit(self, event: NewEvent) -> "asyncio.Future[Any]":
        """Hand an event over; gives the future answer, exception or not."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.store.accept(event, answer.set_result)
        return answer

    async def accept(self, *arguments: Any, **changes: Any) -> Accepted:
        """Make an event, store it, and wait for the answer."""
        result = await self.submit(self.make(*arguments, **changes))
        if isinstance(result, Exception):
            raise result
        return result

    async def claim(self, limit: int = 10, *, lanes=("mark_paid",)) -> list[Lease]:
        """Claim so many of each lane."""
        return list((await self.store.claim(dict.fromkeys(lanes, limit))).leases)

    async def suspect(self, *, handlers=("mark_paid",)) -> Lease | None:
        return await self.store.claim_suspect(handlers)

    def ending(self, lease: Lease, outcome: Outcome = Outcome.DONE, **changes: Any) -> Completion:
        plain = {
            "event": lease.event.id,
            "handler": lease.handler,
            "fence": lease.fence,
            "started_at": self.clock.now(),
            "ended_at": self.clock.now(),
            "outcome": outcome,
        }
        return Completion(**{**plain, **changes})

    async def complete(
        self, lease: Lease, outcome: Outcome = Outcome.DONE, **changes: Any
    ) -> Completed:
        """End it; raises what a write function raised."""
        try:
            return await self.store.complete(self.ending(lease, outcome, **changes))
        except WriteFailedError as failed:
            raise failed.error from None

    async def grouped(self, *work: Coroutine[Any, Any, Any]) -> list[Any]:
        """Do all of this in one group; gives results and exceptions."""
        self.store.gate.acquire()
        try:
            tasks = [asyncio.ensure_future(one) for one in (self.store.next_due([]), *work)]
            await asyncio.sleep(0)
        finally:
            self.store.gate.release()
        return (await asyncio.gather(*tasks, return_exceptions=True))[1:]

    async def settled(self) -> None:
        """Wait until the writer has done what follows the groups it has answered."""
        await self.store.next_due([])

    async def leases(self, count: int) -> list[Lease]:
        """That many events, claimed, in the order of their vendor's ids `evt_0`, `evt_1`, ..."""
        for number in range(count):
            await self.accept(f"evt_{number}")
        return list(await self.claim(count))

    async def leased(self, *arguments: Any, **changes: Any) -> Lease:
        """Store an event and claim its only job."""
        await self.accept(*arguments, **changes)
        (lease,) = await self.claim()
        return lease

    def lease_of(self, event: NewEvent) -> Lease:
        """What the inbox makes of an event that it has accepted with `lease=True`."""
        return Lease(
            event=Event(
                id=event.id,
                source=event.source,
                vendor_id=event.vendor_id,
                type=event.type,
                account=event.account,
                received_at=event.received_at,
                correlation_id=event.correlation_id,
                headers={},
                body=event.body,
            ),
            handler="mark_paid",
            lane="mark_paid",
            fence=1,
        )

    def listing(self, **wanted: Any):
        reader = self.look()
        try:
            return reader.events(**wanted)
        finally:
            reader.close()

    def look(self) -> StoreReader:
        return self.stage.reader(self.store)

    def state_of(self, identifier: str) -> str:
        reader = self.look()
        try:
            (view,) = reader.event(identifier)
        finally:
            reader.close()
        return view.summary.state

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        """Read past the store; tables of ours are written as SQLite has them."""
        return self.stage.query(self.store, sql, parameters)


Story = Callable[[Desk], Awaitable[None]]


class Stage:
    """Plays stories, each on an open store; the file stays from one to the next."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.db"
        self.clock = ManualClock()
        self.make = EventMaker(self.clock)
        self.told: list[object] = []
        self.crashes = 0
        self.limits: dict[str, Any] = {"lock_wait": 0.0, "busy": 0.05}
        self.settings: dict[str, Any] = {"retention": None}

    def build(self) -> SqliteStore:
        return SqliteStore(
            self.path,
            clock=self.clock,
            listeners=Listeners(self.told.append),
            limits=StatementLimits(**self.limits),
            **self.settings,
        )

    def desk(self, store: Any) -> Desk:
        return Desk(store, self)

    async def opened(self) -> Any:
        store = self.build()
        await store.open()
        return store

    def reader(self, store: Any) -> StoreReader:
        return SqliteReader(store.path)

    def journal(self, store: Any, *, blocking: bool = False) -> Journal:
        return StoreJournal(store, blocking=blocking)

    def query(self, store: Any, sql: str, parameters: Any) -> list[Any]:
        """With the standard library's own connection."""
        connection = sqlite3.connect(store.path)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def play(self, story: Story) -> None:
        async def scene() -> None:
            store = await self.opened()
            try:
                await story(self.desk(store))
            finally:
                await store.close()

        asyncio.run(scene())

    placeholder = "?"

    def silence(self) -> None:
        """Those who have ended are known to be dead: here, with the next opening."""

    def crash(self) -> None:
        """Go on with the file as a kill at this instant would have left it."""
        self.crashes += 1
        copy = self.path.with_name(f"crash-{self.crashes}.db")
        for suffix in ("", "-wal"):
            source = Path(f"{self.path}{suffix}")
            if source.exists():
                copy.with_name(f"{copy.name}{suffix}").write_bytes(_bytes_of(source))
        self.path = copy

    def heard(self, kind: type) -> list[Any]:
        return [one for one in self.told if isinstance(one, kind)]


def _bytes_of(path: Path) -> bytes:
    """Through another process: this one may not open a store's file by other means than sqlite3."""
    import subprocess

    return subprocess.run(["/bin/cat", str(path)], check=True, capture_output=True).stdout


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def any_stage(stage: Stage) -> Stage:
    """The stage of what every engine does; a folder below has its own."""
    return stage


@pytest.fixture(scope="session")
def make_event() -> EventMaker:
    return EventMaker(ManualClock())
