"""A stage whose store is a guest's; only leases are the owner's affair."""

import time

from tests.store.conftest import EventMaker, Stage

from hardpoint.store.guests import Rank, SharedStore
from hardpoint.store.journalling import StoreJournal
from hardpoint.testing.clock import ManualClock


class Idle:
    """A crew that handles nothing, and owns the store all the same."""

    rank = Rank.WORKER
    home = None
    public = ""

    def matching(self, source, event_type):
        return ()

    def known(self):
        return ()


class HandedOver:
    """What is stored and noted goes over the socket; leases are the owner's affair."""

    def __init__(self, owner, guest, shares):
        self.owner, self.guest = owner, guest
        self.shares = shares
        one = shares[1]
        self.refuse, self.retry = one.refuse, one.retry
        self.replay, self.resolve = one.replay, one.resolve
        self.note = one.note
        self.in_flight = guest.in_flight

    def accept(self, event, done):
        if event.lease:  # which only the owner can have
            self.owner.accept(event, done)
            return
        try:
            self.shares[1].accept(event, done)
        except UnicodeEncodeError:  # halves of characters do not travel
            self.owner.accept(event, done)

    def __getattr__(self, name):
        return getattr(self.owner, name)

    async def open(self):
        for share in self.shares:
            await share.start(Idle())

    async def close(self, *, clean=True):
        for share in reversed(self.shares):
            await share.stop(clean=clean)


class Clock(ManualClock):
    """Goes on once the owner has heard what the guest has posted."""

    share = None

    def advance(self, seconds):
        keeper = None if self.share is None else self.share._keeper
        until = time.monotonic() + 20
        while keeper is not None and keeper.asks.posts.owing and time.monotonic() < until:
            time.sleep(0.001)
        super().advance(seconds)


class GuestStage(Stage):
    """The same stage, played by a guest of a store in this process."""

    def __init__(self, folder):
        super().__init__(folder)
        self.clock = Clock()
        self.make = EventMaker(self.clock)

    async def opened(self):
        owner, guest = self.build(), self.build()
        store = HandedOver(owner, guest, [SharedStore(owner), SharedStore(guest, patience=20.0)])
        self.clock.share = store.shares[1]
        await store.open()
        return store

    def journal(self, store, *, blocking=False):
        return StoreJournal(store.shares[1], blocking=blocking)
