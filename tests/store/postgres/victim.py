"""A process that accepts events and handles others', until it is killed: `victim.py URL LOG NAME`.

With one more argument it only handles.

Each event that was acknowledged is a line in LOG; each that was handled is a row in the table
`effects`, written with its completion. The machines of two out of three are an hour fast or slow.
"""

import asyncio
import os
import sys

from hardpoint.core.errors import StoreError
from hardpoint.core.identifiers import Uuid7
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.driver import Accepted, Completion, NewEvent, Outcome, SqlWrite, Stored
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.store import PostgresStore

LIMITS = PostgresLimits(expires=1.0, poll=0.1)
ACCEPTING = 4
"""Events on their way at a time."""


class WrongClock:
    """Of a machine that nobody has set."""

    def __init__(self, hours):
        self._off = hours * 3600.0
        self._right = SystemClock()
        self.monotonic = self._right.monotonic

    def now(self):
        return self._right.now() + self._off


class Victim:
    def __init__(self, url, log, name):
        clock = WrongClock(sum(name.encode()) % 3 - 1)
        self.store = PostgresStore(url, limits=LIMITS, retention=None, clock=clock)
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.name = name
        self.ids = Uuid7(now=clock.now)
        self.number = 0

    async def run(self, *, accepts=True):
        while True:
            try:
                await self.store.ensure_open()
                break
            except StoreError:
                await asyncio.sleep(0.05)
        accepting = [self.accept() for _ in range(ACCEPTING)] if accepts else []
        await asyncio.gather(self.handle(), *accepting)

    async def accept(self):
        loop = asyncio.get_running_loop()
        while True:
            self.number += 1
            event, answer = self.event(f"{self.name}-{self.number}"), loop.create_future()
            try:
                self.store.accept(event, answer.set_result)
                result = await answer
            except StoreError as error:
                result = error
            if isinstance(result, Accepted):
                assert result.stored is Stored.NEW, result
                os.write(self.log, f"{event.id}\n".encode())
            await asyncio.sleep(0.005)

    def event(self, vendor_id):
        return NewEvent(
            id=self.ids(),
            source="billing",
            vendor_id=vendor_id,
            type="paid",
            account=None,
            asserted=False,
            received_at=self.store.clock.now(),
            signed_at=None,
            correlation_id="c",
            headers=b"{}",
            body=b"{}",
            body_sha256=b"0" * 32,
            handlers=("mark_paid",),
            lease=False,
        )

    async def handle(self):
        while True:
            try:
                found = await self.store.claim({"mark_paid": 16})
                leases = list(found.leases)
                suspect = None if leases else await self.store.claim_suspect(["mark_paid"])
                if suspect is not None:
                    await self.store.mark_started(suspect)
                    leases = [suspect]
                await asyncio.gather(*map(self.complete, leases))
            except StoreError:
                leases = []
            if not leases:
                await asyncio.sleep(0.05)

    async def complete(self, lease):
        effect = SqlWrite("insert into effects (event) values ($1::text)", (lease.event.id,))
        function = effect if int(lease.event.id[-1], 16) % 2 else effect.__call__
        completion = Completion(
            event=lease.event.id,
            handler=lease.handler,
            fence=lease.fence,
            started_at=0.0,
            ended_at=0.0,
            outcome=Outcome.DONE,
            writes=(function,),
        )
        while True:
            try:
                return await self.store.complete(completion)
            except StoreError:
                await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(Victim(*sys.argv[1:4]).run(accepts=len(sys.argv) == 4))
