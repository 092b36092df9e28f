"""A process that takes tokens from a vault, by tasks, threads or event loops, or dies underway.

Run as `python vault_worker.py DATABASE PROVIDER_URL ROTATION MODE`. It prints `open`; then, for
each line `OFFSET` on stdin, takes tokens with its clock so many seconds ahead, and prints them as
JSON. As MODE `die:STEP` it kills itself at that step of its first refresh.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from datetime import date

from hardpoint.core.errors import HardpointError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.secrets import Secret
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.oauth.catalogue import Client, ProviderEntry, RefreshRotation
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.states import TokenRefreshed, TokenSpooled
from hardpoint.oauth.transitions import Timing
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.clocks import SystemClock
from hardpoint.runtime.work import BlockingWork
from hardpoint.sync.vault import Vault as BlockingVault

KEYRING = "k1:" + "A" * 43 + "="
CONNECTIONS = [f"c{number}" for number in range(5)]
TASKS = 100
THREADS = 20


class Ahead:
    """The machine's clock, some seconds ahead."""

    offset = 0.0
    monotonic = staticmethod(time.monotonic)
    pause = staticmethod(time.sleep)
    sleep = SystemClock.sleep
    call_later = SystemClock.call_later
    wait = SystemClock.wait

    def now(self):
        return time.time() + self.offset


def entry_at(url, rotation):
    return ProviderEntry(
        name="acme",
        authorize_url=f"{url}/authorize",
        token_url=f"{url}/token",
        api_hosts=frozenset(),
        rotation=RefreshRotation(rotation),
        reuse_grace=600.0 if rotation == "grace" else 0.0,
        verified_on=date(2026, 11, 28),
        sources=(),
    )


def vault_at(path, url, rotation, clock, **options):
    client = Client(
        entry=entry_at(url, rotation),
        client_id="client",
        client_secret=Secret.value("client-secret"),
    )
    if lease := os.environ.get("VAULT_LEASE"):  # short, for a test that waits for its end
        options["timing"] = Timing(exchange=1.0, lease=float(lease), busy=0.5)
    return Vault(path, Keyring(Secret.value(KEYRING)), {"acme": client}, clock=clock, **options)


async def by_tasks(vault):
    async def one(number):
        name = CONNECTIONS[number % len(CONNECTIONS)]
        return name, (await vault.access_token(name)).reveal()

    return await asyncio.gather(*(one(number) for number in range(TASKS)))


def side_by_side(jobs):
    """Each job in a thread; gives what all of them gave."""
    found = []
    threads = [threading.Thread(target=lambda job=job: found.extend(job())) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def by_threads(vault):
    facade = BlockingVault(vault)

    def all_of_them():
        return [(name, facade.access_token(name).reveal()) for name in CONNECTIONS]

    return side_by_side([all_of_them] * THREADS)


def by_loops(vault):
    return side_by_side([lambda: asyncio.run(by_tasks(vault))] * 2)


def by_itself(vault):
    return [("c0", BlockingVault(vault).access_token("c0").reveal())]


WAYS = {
    "tasks": lambda vault: asyncio.run(by_tasks(vault)),
    "threads": by_threads,
    "loops": by_loops,
    "alone": by_itself,
}


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A transport that kills its process before the request, or before its answer is seen."""

    def __init__(self, step):
        self.step = step
        self.wire = BlockingTransport(Limits(exchange=20.0), remaining=lambda: None)

    async def send(self, request):
        if self.step == "claimed":
            die()
        response = await self.wire.send(request)
        if self.step == "answered":
            die()
        return response


def doomed(path, url, rotation, clock, step):
    """A vault whose process ends at a step."""
    lethal = {"spooled": TokenSpooled, "committed": TokenRefreshed}.get(step, ())
    vault = vault_at(
        path,
        url,
        rotation,
        clock,
        transport=Deadly(step),
        work=BlockingWork(),
        listeners=Listeners(lambda event: isinstance(event, lethal) and die()),
    )
    if step == "spooled":
        file = vault._refresher._effects.file
        transactions = iter([file.transaction])

        def once():
            for transaction in transactions:
                return transaction()
            raise StoreUnavailableError

        file.transaction = once
    return vault


def told(line):
    os.write(1, f"{line}\n".encode())


def main(path, url, rotation, mode):
    clock = Ahead()
    if mode.startswith("die:"):
        vault = doomed(path, url, rotation, clock, mode.removeprefix("die:"))
        take = by_itself
    else:
        work = BlockingWork() if mode in ("threads", "alone") else None
        vault = vault_at(path, url, rotation, clock, work=work)
        take = WAYS[mode]
    told("open")
    for line in sys.stdin:
        clock.offset = float(line)
        try:
            told(json.dumps(sorted(set(take(vault)))))
        except HardpointError as error:
            told(json.dumps([["error", type(error).__name__]]))


if __name__ == "__main__":
    main(*sys.argv[1:])
