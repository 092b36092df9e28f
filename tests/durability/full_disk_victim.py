"""A deployment whose disk becomes full; prints what it is told of that.

`full_disk_victim.py FOLDER PART MEANS`. PART is `store`, `vault` or `flows`. MEANS is `disk`, where
the folder is a small disk of its own that is filled; or `pages`, where SQLite may have no more of
them than it has: any user may do that on any system, and SQLite answers the same.
Prints a line of JSON at the end; the log goes to standard error as `logging` writes it by default.
"""

import asyncio
import json
import random
import sqlite3
import sys
from pathlib import Path

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.oauth.flow import FlowKind
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.readiness import Readiness
from hardpoint.service.reload import Reloader
from hardpoint.webhooks.verification import scheme

CONFIGURATION = """
public_url = "https://shop.example"
[store]
url = "sqlite:shop.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE"]
[vault]
path = "vault.db"
keyring = "env:KEYRING"
[oauth.github]
provider = "github"
client_id = "c"
client_secret = "env:STRIPE"
login = true
connect = true
"""


BODY = json.dumps({"id": "evt_1", "type": "paid", "note": random.randbytes(200_000).hex()}).encode()


class Bounded:
    """A connection whose file may not grow while `full` is set."""

    full = False

    def execute(self, sql, parameters=(), /):
        if sql.lower().rpartition("*/")[2].lstrip().startswith("begin"):
            super().execute(f"pragma max_page_count = {1 if Bounded.full else 1 << 30}")
        return super().execute(sql, parameters)


def bound_connections() -> None:
    """Have every connection of this process be a `Bounded` one."""
    connect = sqlite3.connect

    def connect_bounded(database, *args, factory=sqlite3.Connection, **options):
        kind = type("BoundedConnection", (Bounded, factory), {})
        return connect(database, *args, factory=kind, **options)

    sqlite3.connect = connect_bounded


def fill(folder: Path) -> None:
    """Write until there is no room for another byte."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


async def deliver(hub: Hub) -> int:
    """One signed webhook; gives its status."""
    clock = SystemClock()
    headers = scheme("stripe", secrets=["whsec_disk"]).sign(
        BODY, now=clock.now(), event_id="evt_1", event_type="paid"
    )
    answered = asyncio.get_running_loop().create_future()
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    hub.receiver.submit("billing", raw, BODY, answered.set_result)
    return (await answered).status


async def act(hub: Hub, part: str) -> str:
    """What the disk is needed for; gives how it was answered."""
    try:
        if part == "store":
            return str(await deliver(hub))
        if part == "flows":
            for _ in range(200):  # more than fit into the pages there are
                await hub.accounts.flows.begin(FlowKind.LOGIN, "github")
        else:
            tokens = Tokens(access=Secret.value("x" * 100_000), issued_at=0.0)
            await hub.vault.put("github", tokens, client="github", tenant="u")
    except StoreUnavailableError as error:
        return str(error)
    return "done"


async def main(folder: Path, part: str, means: str) -> None:
    configuration = folder / "hardpoint.toml"
    configuration.write_text(CONFIGURATION)
    hub = Hub(Settings.load(configuration))
    async with hub:
        readiness = Readiness(
            hub,
            Reloader(hub.reload, list, listeners=hub.listeners),
            SystemClock(),
            free=lambda path: 1 << 40,  # what is told, rather than what is measured
        )
        measured = Readiness(
            hub,
            Reloader(hub.reload, list, listeners=hub.listeners),
            SystemClock(),
            free=None if means == "disk" else lambda path: 0 if Bounded.full else 1 << 40,
        )
        before = await measured.look()
        if means == "disk":
            fill(folder)
        Bounded.full = True
        for _ in range(20):
            answer = await act(hub, part)
        told, seen = await readiness.look(), await measured.look()
        (folder / "filler").unlink(missing_ok=True)
        Bounded.full = False
        again = await act(hub, part)
        after = await readiness.look()
    sys.stdout.write(
        json.dumps(
            {
                "before": before.ready,
                "answer": answer,
                "told": told.reasons,
                "ready": told.ready,
                "seen": seen.reasons,
                "again": again,
                "after": after.ready,
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[3] == "pages":
        bound_connections()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
