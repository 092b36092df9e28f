import asyncio
import inspect
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hardpoint.core import providers
from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.store.sqlite import SqliteReader, SqliteStore, complete_in
from hardpoint.testing.clock import ManualClock
from hardpoint.webhooks.answers import Answer
from hardpoint.webhooks.attempts import HandlerFinished
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.inbox import Inbox
from hardpoint.webhooks.sources import Source
from hardpoint.webhooks.verification import (
    scheme,
)
from hardpoint.webhooks.worker import Worker


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Installs a provider of the name given, whose module has the source given."""
    monkeypatch.syspath_prepend(tmp_path)

    def install_one(name: str, source: str) -> str:
        (tmp_path / f"hardpoint_{name}.py").write_text(source)
        information = tmp_path / f"hardpoint_{name}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: hardpoint-{name}\nVersion: 1.0\n"
        )
        (information / "entry_points.txt").write_text(
            f"[hardpoint.providers]\n{name} = hardpoint_{name}\n"
        )
        providers._installed.cache_clear()
        return name

    yield install_one
    providers._installed.cache_clear()


@pytest.fixture
def mute_provider(install: Callable[[str, str], str]) -> str:
    """An installed provider with neither webhooks nor samples."""
    return install(
        "mute",
        "from hardpoint.core.providers import Provider\n"
        "PROVIDER = Provider(name='mute', title='Mute', contract=1)\n",
    )


@pytest.fixture
def lost_samples(install: Callable[[str, str], str]) -> str:
    """An installed provider whose samples are not where it says."""
    return install(
        "lost",
        "from hardpoint.core.providers import Provider\n"
        "PROVIDER = Provider(\n"
        "    name='lost', title='Lost', contract=1, samples='hardpoint_lost:none.json'\n"
        ")\n",
    )


class Faults:
    """A store in front of the real one that fails, or waits, where a test says so.

    Attributes:
        raising: what a method raises, by its name, until it is taken out again.
        after: called with the arguments when a method of that name has returned.
        calls: how often each was called.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.raising: dict[str, BaseException] = {}
        self.after: dict[str, Callable[..., object]] = {}
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name == "accept":
            return self._accept
        if not inspect.iscoroutinefunction(real):
            return real

        async def guarded(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            if name in self.raising:
                raise self.raising[name]
            result = await real(*arguments, **options)
            if name in self.after:
                self.after[name](*arguments, **options)
            return result

        return guarded

    def _accept(self, *arguments: Any) -> None:
        if "accept" in self.raising:
            raise self.raising["accept"]
        self._store.accept(*arguments)


class Rig:
    """An inbox and a worker over a real store, with a clock that moves when told.

    Attributes:
        told: every telemetry event, in order.
    """

    def __init__(
        self,
        path: Path,
        *,
        listeners: Listeners | None = None,
        fetch: Any = None,
        **options: Any,
    ) -> None:
        self.told: list[Any] = []
        listeners = Listeners(self.told.append) if listeners is None else listeners
        self.clock = self.make_clock()
        self.store = self.make_store(path)
        self.faults = Faults(self.store)
        self.handlers = Handlers()
        self.worker = Worker(
            self.faults,
            self.handlers,
            complete_in=self.complete_in,
            clock=self.clock,
            random=lambda: 0.5,
            listeners=listeners,
            **options,
        )
        self.inbox = Inbox(
            self.faults,
            self.handlers,
            self.worker,
            clock=self.clock,
            ids=Uuid7(),
            listeners=listeners,
            fetch=fetch,
        )
        self.schemes = {
            "billing": scheme("stripe", secrets=["whsec_new", "whsec_old"]),
            "code": scheme("github", secrets=["hook secret"]),
        }
        self.inbox.configure(
            {
                name: Source(name=name, scheme=one, body_bytes_max=one.body_bytes_max)
                for name, one in self.schemes.items()
            }
        )

    def make_clock(self) -> Any:
        return ManualClock()

    def make_store(self, path: Path) -> Any:
        return SqliteStore(path, clock=self.clock, retention=None)

    def complete_in(self, *arguments: Any, **options: Any) -> Any:
        return complete_in(self.store, *arguments, **options)

    def reader(self) -> Any:
        return SqliteReader(self.store.path)

    def on(self, pattern: str = "*", *, source: str = "billing", **options: Any) -> Any:
        """Adds a handler."""

        def register(function: Any) -> Any:
            self.handlers.add(source, pattern, function, **options)
            return function

        return register

    def play(self, scenario: Callable[[], Awaitable[Any]], *, grace: float = 5) -> Any:
        """Runs a scenario beside the worker, which is stopped, and the store closed, after it."""

        async def play() -> Any:
            await self.store.open()
            running = asyncio.create_task(self.worker.run())
            try:
                await asyncio.sleep(0)
                return await scenario()
            finally:
                self.inbox.close()
                await self.worker.stop(grace)
                await asyncio.wait([running])
                await self.store.close()

        return asyncio.run(play())

    def submit(self, source: str, headers: Any, body: bytes) -> "asyncio.Future[Answer]":
        """Hands a request to the inbox, as a front end would."""
        answered = asyncio.get_running_loop().create_future()
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        self.inbox.submit(source, raw, body, answered.set_result)
        return answered

    def deliver(
        self, vendor_id: str = "evt_1", event_type: str = "paid", *, source: str = "billing"
    ) -> "asyncio.Future[Answer]":
        """Signs an event as its vendor would, and submits it."""
        body = msgspec.json.encode({"id": vendor_id, "type": event_type})
        headers = self.schemes[source].sign(
            body, now=self.clock.now(), event_id=vendor_id, event_type=event_type
        )
        return self.submit(source, headers, body)

    async def until(self, holds: Callable[[], object], seconds: float = 10) -> None:
        """Lets the loop run until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"in vain; told: {self.told}"
            await asyncio.sleep(0.001)

    async def ready(self) -> None:
        """Waits until the worker has seen that nothing is left from before."""
        await self.until(lambda: self.worker._look_at > 0 and not self.worker._suspects.wanted)

    async def advance(self, seconds: float) -> None:
        """Lets time pass, and the worker notice it."""
        self.clock.advance(seconds)
        self.worker.notify()

    def attempts(self) -> list[HandlerFinished]:
        """Those that ended so far."""
        return [one for one in self.told if isinstance(one, HandlerFinished)]

    def read(self, question: Callable[[Any], Any]) -> Any:
        """Asks the database beside the store."""
        reader = self.reader()
        try:
            return question(reader)
        finally:
            reader.close()


@pytest.fixture
def rig(tmp_path: Path) -> Callable[..., Rig]:
    """Makes rigs on one database."""

    def make(**options: Any) -> Rig:
        return Rig(tmp_path / "hardpoint.db", **options)

    return make


def told(rig, kind):
    return [event for event in rig.told if isinstance(event, kind)]


def signed(rig, body, source="billing"):
    headers = rig.schemes[source].sign(
        body, now=rig.clock.now(), event_id="delivery-1", event_type="push"
    )
    return source, headers, body


def handle_one(rig, function, *, attempts=1, **options):
    """Delivers one event to a handler and gives the attempts that ended."""
    rig.on(**({"name": "handler"} | options))(function)

    async def scenario():
        assert (await rig.deliver()).status == 200
        await rig.until(lambda: len(rig.attempts()) >= attempts)

    rig.play(scenario)
    return rig.attempts()


def rows(rig):
    connection = sqlite3.connect(rig.store.path)
    try:
        return connection.execute("select * from paid").fetchall()
    finally:
        connection.close()


class Scripted:
    """A scheme that finds what a test tells it to."""

    stored_headers = frozenset({b"content-type"})
    refusal_us = 1.0

    def __init__(self, found):
        self.found = found

    def decoy(self, *, now):
        return []

    def verify(self, request, *, now):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def scripted(rig, found):
    one = rig()
    source = Source(name="custom", scheme=Scripted(found), body_bytes_max=100)
    one.inbox.configure({"custom": source})
    return one


def state(rig):
    (event,) = rig.read(lambda reader: reader.events())
    return event.state
