"""Whatever happens in whatever order, each key has one effect: losses, deaths, late listings."""

import asyncio
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec, Search
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import (
    DeclinedError,
    HardpointError,
    OutcomeUnknownError,
    UnavailableError,
)
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
from hardpoint.testing.clock import ManualClock

SEND = Operation("send", Repeat.NEEDS_KEY)
SETTLE = 120
TEXTS = {"k1": "A", "k2": "A", "k3": "A", "k4": "B"}
"""Three keys look alike to the vendor."""


class Thing(msgspec.Struct, frozen=True):
    id: str
    text: str


class DeathError(BaseException):
    """The process dies here."""


class Vendor:
    """Acts each time it is asked, and lists what it made only after a while."""

    provider = "vendor"
    capabilities = Capabilities(frozenset(), idempotency=Idempotency.NONE, settle_seconds=SETTLE)

    def __init__(self, clock):
        self.clock, self.made, self.fate, self.lag = clock, [], "ok", 0

    async def send(self, text):
        if self.fate == "refused":
            raise DeclinedError(reason="declined")
        if self.fate == "dies before":
            raise DeathError
        if self.fate == "down":
            raise UnavailableError
        thing = Thing(f"t{len(self.made)}", text)
        self.made.append((thing, self.clock.now() + self.lag))
        if self.fate == "lost":
            raise OutcomeUnknownError("no answer")
        if self.fate == "dies after":
            raise DeathError
        return thing

    async def find(self, text):
        if self.fate == "down":
            raise UnavailableError
        return [one for one, seen in self.made if one.text == text and seen <= self.clock.now()]


class Mortal:
    """A journal of a process that may have died: then it says nothing any more."""

    def __init__(self, journal):
        self.journal, self.dead = journal, False

    def __getattr__(self, name):
        return getattr(self.journal, name)

    def free(self, intent):
        if not self.dead:
            self.journal.free(intent)

    def leave(self, intent):
        if not self.dead:
            self.journal.leave(intent)


class World:
    def __init__(self, path):
        self.path, self.clock = path, ManualClock()
        self.vendor, self.results = Vendor(self.clock), {}

    async def __aenter__(self):
        await self.begin()
        return self

    async def __aexit__(self, *_):
        await self.store.close()

    async def begin(self):
        """A new process."""
        self.store = SqliteStore(self.path, clock=self.clock, retention=None)
        await self.store.open()
        self.journal = Mortal(StoreJournal(self.store))
        connection = Connection("texts", AsyncRuntime(), clock=self.clock, journal=self.journal)
        self.calls = Calls(connection, self.vendor)

    async def send(self, key, fate, lag):
        self.vendor.fate, self.vendor.lag, text = fate, lag, TEXTS[key]
        effect = CallSpec(
            arguments=text,
            returns=Thing,
            search=Search(
                like=text,
                find=lambda since: self.vendor.find(text),
                likes=lambda one: one.text,
            ),
        )
        try:
            result = await self.calls.run_keyed(
                SEND, lambda derived: self._attempt(text), key, effect
            )
        except HardpointError:
            return
        except DeathError:
            await self.store.close()
            await self.begin()
            return
        assert self.results.setdefault(key, result) == result

    async def _attempt(self, text):
        try:
            return await self.vendor.send(text)
        except DeathError:
            self.journal.dead = True
            raise

    def check(self):
        ids = [one.id for one in self.results.values()]
        assert len(set(ids)) == len(ids)
        for text in set(TEXTS.values()):
            made = sum(one.text == text for one, _ in self.vendor.made)
            assert made <= sum(wanted == text for wanted in TEXTS.values())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(TEXTS)),
        st.sampled_from(["ok", "lost", "refused", "down", "dies before", "dies after"]),
        st.sampled_from([0, 60, SETTLE - 1]),
        st.sampled_from([0, 30, SETTLE]),
    ),
    max_size=14,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_each_key_has_one_effect_and_every_caller_learns_which(steps):
    async def story(world):
        for key, fate, lag, pause in steps:
            await world.send(key, fate, lag)
            world.check()
            world.clock.advance(pause)
        for _ in range(3):
            for key in TEXTS:
                await world.send(key, "ok", 0)
            world.clock.advance(SETTLE)
        world.check()
        assert world.results.keys() == TEXTS.keys()
        assert len(world.vendor.made) == len(TEXTS)

    async def scene(path):
        async with World(path) as world:
            await story(world)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scene(Path(folder) / "store.db"))
