"""What processes of one database have of each other: no turns to wait for, nobody to ask."""

import asyncio

import pytest

from hardpoint.core.errors import StoreMisuseError
from hardpoint.store.events import TurnHeldLong
from hardpoint.store.guests import turns
from hardpoint.store.postgres.shared import PostgresShared


class Store:
    """As much of a store as is asked here."""

    def __init__(self):
        self.told = []
        self.crew = None

    async def ensure_open(self, role):
        pass

    async def close(self, *, clean=True):
        pass

    def tell(self, event):
        self.told.append(event)


class Crew:
    home = None

    def matching(self, source, event_type):
        return ("mail",) if event_type == "paid" else ()

    def known(self):
        return ("mail", "book")


def test_a_turn_begins_at_once_and_is_a_block_all_the_same(monkeypatch):
    monkeypatch.setattr(turns, "_HELD_LONG", -1.0)
    store = Store()
    shared = PostgresShared(store)

    async def scene():
        async with shared.turn():
            with pytest.raises(StoreMisuseError, match="in an event loop"), shared.turn():
                pass

    asyncio.run(scene())
    with shared.turn(), pytest.raises(StoreMisuseError, match="inside a"), shared.turn():
        pass
    shared.end_turn(1)
    shared.tell(TurnHeldLong(seconds=2.0))
    assert store.told == [TurnHeldLong(seconds=2.0)]


def test_handlers_are_those_of_the_process_that_is_asked():
    async def scene():
        shared = PostgresShared(Store())
        assert (await shared.wanted("billing", "paid")).known == ()
        await shared.start(Crew())
        wanted = await shared.wanted("billing", "paid")
        assert (wanted.matching, wanted.known) == (("mail",), ("mail", "book"))
        await shared.stop()

    asyncio.run(scene())


def test_nobody_is_asked_who_is_there():
    assert PostgresShared(Store()).presence() is None
